"""Images between registries and files, from the client's side: the distribution protocol and the OCI image layout."""
