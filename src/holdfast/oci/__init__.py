"""Pure vocabulary of the OCI specifications: digests, names, manifests, ranges. Standard library only, no I/O."""
