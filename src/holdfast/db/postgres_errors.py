"""What asyncpg raises, by meaning."""

from __future__ import annotations

import asyncpg
from asyncpg import exceptions as pg

from holdfast.db.errors import Damaged, DatabaseError, Full, StatementFailed, Unavailable

AGAIN = (pg.SerializationError, pg.DeadlockDetectedError, pg.InvalidCachedStatementError)
"""The server gave the transaction up and nothing of it was committed: running it again is the cure."""
_GONE = (
    pg.PostgresConnectionError,
    pg.CannotConnectNowError,
    pg.AdminShutdownError,
    pg.CrashShutdownError,
    pg.DatabaseDroppedError,
    pg.IdleInTransactionSessionTimeoutError,
    OSError,
)
"""The connection is of no use any more, or never was one."""
_BUSY = (
    *_GONE,
    TimeoutError,
    pg.QueryCanceledError,
    pg.LockNotAvailableError,
    pg.ReadOnlySQLTransactionError,
    pg.TooManyConnectionsError,
    pg.OutOfMemoryError,
    pg.PostgresSystemError,
    pg.ObjectInUseError,
    pg.ProtocolViolationError,
)
_REFUSED = (pg.InvalidAuthorizationSpecificationError, pg.InvalidCatalogNameError, pg.InsufficientPrivilegeError)
_DAMAGED = (pg.DataCorruptedError, pg.IndexCorruptedError)


class Again(Unavailable):
    """The server gave the transaction up; nothing of it was committed."""


DRIVER = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError)
"""Everything that a call of the driver raises when it fails."""


def lost(error: BaseException) -> bool:
    """Whether the connection was lost, so that a statement that only reads may be asked of another one."""
    if isinstance(error, asyncpg.InterfaceError):
        # "connection is closed": the driver noticed before it sent anything. What it says of values is a mistake.
        return not isinstance(error, ValueError)
    return isinstance(error, _GONE) and not isinstance(error, TimeoutError)


def translate(error: BaseException) -> DatabaseError | StatementFailed:
    """The driver's error by meaning: always another exception, so that a chain of causes ends."""
    if isinstance(error, DatabaseError | StatementFailed):
        return error
    if isinstance(error, AGAIN):
        return Again("the database gave the transaction up")
    if isinstance(error, pg.DiskFullError):
        return Full("the disk of the database is full")
    if isinstance(error, _DAMAGED):
        return Damaged("the database is damaged")
    if isinstance(error, _REFUSED):
        return Unavailable("the database refuses this user: see its name, its password and its rights")
    if isinstance(error, (asyncpg.InternalClientError, *_BUSY)) or lost(error):
        return Unavailable("the database does not answer")
    return StatementFailed("the database refused a statement of the registry")
