"""The HTML frame: what every page stands in, and what a browser must show before anything changes."""
