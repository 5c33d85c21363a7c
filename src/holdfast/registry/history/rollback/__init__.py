"""Rollback: tags back to where they were at an instant."""
