"""Deletion: tags, manifests and blobs; what is deleted answers 404 at once and stays as a tombstone."""
