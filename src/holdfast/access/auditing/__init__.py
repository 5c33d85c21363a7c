"""The audit for those who may read it: whose rows are shown, the keys of its checkpoints, checking, archiving."""
