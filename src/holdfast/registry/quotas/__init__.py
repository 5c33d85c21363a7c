"""Quotas: what paths use, and how much they may."""
