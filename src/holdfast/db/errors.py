"""What can go wrong with a database, by meaning; the surfaces turn each into a status in one table."""

from __future__ import annotations


class DatabaseError(Exception):
    """Base of the errors that a `Database` raises; the text names no driver, no SQL and no path."""


class Unavailable(DatabaseError):
    """The database cannot be reached or cannot answer now; also the unknown outcome of a commit. Repeat later."""


class Unsafe(Unavailable):
    """The server is set up so that it may lose what it acknowledged: nothing is stored there."""


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
    """The schema was laid by a newer program than this one, and this one may not use it any more."""


class TooOld(DatabaseError):
    """The schema lacks migrations of this program; the text says what to run."""


class StatementFailed(Exception):
    """The engine refused a statement of ours: its SQL, a type or a constraint. A mistake in the program, which trying
    again does not mend: so it is no `DatabaseError`."""
