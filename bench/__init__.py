"""Compares holdfast with other registries in one run: `make bench`, or `python -m bench`.

Nothing here is imported by the program, and no test asserts a time: the figures are for people.
docs/reference/performance.md says what is measured and how each server is configured.
"""
