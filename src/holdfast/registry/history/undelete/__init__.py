"""Undelete: what was deleted inside the window, and how it comes back."""
