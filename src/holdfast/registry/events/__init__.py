"""What happened, as the registry tells others: rows of the journal as events."""
