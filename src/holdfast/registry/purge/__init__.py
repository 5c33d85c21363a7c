"""Purge: content goes from the whole registry at once, and its digest is refused until that is lifted."""
