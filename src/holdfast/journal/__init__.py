"""The one append-only record of state changes; audit, events and webhooks are readings of it."""
