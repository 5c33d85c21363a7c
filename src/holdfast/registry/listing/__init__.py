"""Listing: tags, repositories and referrers, by keyset pages."""
