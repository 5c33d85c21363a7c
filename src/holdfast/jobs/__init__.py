"""Durable background work: a queue in the database, its schedules, and the worker that runs it."""
