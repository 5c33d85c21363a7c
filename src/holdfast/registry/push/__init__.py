"""Push: manifests, tags and referrers, in one transaction a request."""
