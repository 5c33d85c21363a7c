"""Scrub: reading everything that is stored again and again, so that damage is known before it is needed."""
