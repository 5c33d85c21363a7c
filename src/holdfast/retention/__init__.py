"""Retention: rules that say which tags and manifests stay, plans that are reviewed, and what runs in clusters."""
