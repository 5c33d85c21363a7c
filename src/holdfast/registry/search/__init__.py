"""Search: repositories, tags, digests, and what is said of manifests."""
