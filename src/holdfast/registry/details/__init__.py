"""Details: what is inside an artifact, what refers to it, and how two of them differ."""
