"""`/me`: what everybody keeps about himself."""
