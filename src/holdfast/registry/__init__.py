"""The core: push, pull, upload, list, delete, sweep and verify, as use-cases over one database and one blob store."""
