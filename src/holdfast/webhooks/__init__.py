"""Webhooks: others are told of events by HTTP, signed, at least once, in order."""
