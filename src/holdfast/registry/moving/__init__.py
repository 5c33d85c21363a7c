"""Moving house: an installation goes to another database, another blob store, or both, while it serves."""
