"""The `/v2` surface: OCI distribution 1.1 over plain ASGI."""
