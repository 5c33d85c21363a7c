"""Logs, access lines, counters and request ids. Knows nothing of registries."""
