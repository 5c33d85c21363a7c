"""Blob stores behind one port: content that is durable before anyone is told so."""
