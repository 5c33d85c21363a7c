"""Rotating the keys: every wrapped key of the database is wrapped anew, page by page, while the registry serves."""
