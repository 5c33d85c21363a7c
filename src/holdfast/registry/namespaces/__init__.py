"""Namespaces: the tree of paths, its settings, descriptions and labels, and repositories as things that come and go."""
