"""The beginning of an installation: what its first administrator has done with it."""
