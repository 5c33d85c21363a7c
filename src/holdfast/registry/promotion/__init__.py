"""Promotion: an image with all that belongs to it becomes another repository's as well, and no byte moves."""
