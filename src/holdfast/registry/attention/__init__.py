"""Attention: what needs somebody, and what he worked on last: what his home page begins with."""
