"""The time machine: the history of tags, what stood at an instant, rollback, and undelete."""
