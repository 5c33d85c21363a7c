"""Lists as files: a job writes them down, and who asked for one fetches it."""
