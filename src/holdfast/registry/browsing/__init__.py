"""Browsing: the lists of tags, repositories and namespaces as people look at them, sorted and filtered."""
