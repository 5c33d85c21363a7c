"""What can go wrong with a database, by meaning; the surfaces turn each into a status in one table."""

from __future__ import annotations


class DatabaseError(Exception):
    """Base of the errors that a `Database` raises; the text names no driver, no SQL and no path."""


class Unavailable(DatabaseError):
    """The database cannot be reached or cannot answer now; also the unknown outcome of a commit. Repeat later."""


class Full(DatabaseError):
    """There is no room for the write: nothing of it was stored."""


class ReadOnly(DatabaseError):
    """The installation is switched to read-only; `reason` is what whoever switched it said."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"this registry is read-only now: {reason}")


class Damaged(DatabaseError):
    """The database file does not read as one; restore it from a backup."""


class TooNew(DatabaseError):
    """The schema was laid by a newer program than this one."""


class StatementFailed(Exception):
    """The engine refused a statement of ours: its SQL, a type or a constraint. A mistake in the program, which trying
    again does not mend: so it is no `DatabaseError`."""
