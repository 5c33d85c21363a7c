"""Verify: what the rows and the objects of a data directory promise, checked, and mended where that can be done."""
