"""What keeps the content of a repository now: tags, the history window, leases, tombstones, and what lies above it."""
