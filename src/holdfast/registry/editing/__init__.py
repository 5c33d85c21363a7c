"""Editing: new manifests and indexes, made on the server of what is stored."""
