"""Unusual access: what a subject does otherwise than ever, in words and points; canaries; what is done then."""
