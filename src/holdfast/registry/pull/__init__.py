"""Pull: manifests and blobs by tag and digest, in one statement a request."""
