"""The pages of namespaces and repositories, and of the tags of a repository."""
