"""Which settings hold for a path, and where each comes from."""
