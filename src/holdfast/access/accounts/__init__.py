"""Accounts of people and robots: who there is, and the log-in by password."""
