"""Immutability: which tags may not move, and which may not be deleted."""
