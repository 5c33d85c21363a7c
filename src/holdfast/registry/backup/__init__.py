"""Backup: the objects that a copy of the database names, copied while the registry serves, and put back."""
