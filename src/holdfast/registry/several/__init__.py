"""Several tags changed at once: looked at before, done by one job, told tag by tag, and taken back by another."""
