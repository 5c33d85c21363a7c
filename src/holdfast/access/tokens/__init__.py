"""Tokens of the Docker token specification: the keys that sign them, access tokens, and refresh tokens."""
