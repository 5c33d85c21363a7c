"""Refusals of `access`, by meaning."""

from __future__ import annotations


class Unauthenticated(Exception):
    """No credential, or one that is not good; the same for every cause."""


class Denied(Exception):
    """The subject is known and may not do this. The text is the reason, about the subject's own rights only."""


class Busy(Exception):
    """Too many passwords are being checked; try again in a moment."""


class StalePermit(Exception):
    """Accounts or rights changed since the permit was issued: decide again."""


class WrongMasterKey(Exception):
    """The master key does not open what the database holds."""


class MasterKeyAway(Exception):
    """The source of the master key does not answer, or refuses this installation; the text says which and why."""
