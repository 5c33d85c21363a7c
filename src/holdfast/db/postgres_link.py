"""One connection to PostgreSQL by asyncpg: how it is made, what it asks of the server, how a statement runs over it.

Promises: no state of a session is relied on when statements are not prepared, so that PgBouncer may hand every
transaction to another connection; a server that may lose acknowledged commits, or that is a standby, is refused.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg

from holdfast.db.errors import Unavailable, Unsafe
from holdfast.db.postgres_errors import DRIVER, translate
from holdfast.db.server_clock import ServerClock, ticks

_CONNECT_PATIENCE = 2.0
_GOODBYE = 1.0
SLACK = 2.0
"""Seconds that a server may take longer than its own bound before its connection is given up."""
_STATEMENTS = 1000
_IDLE_IN_UNIT = 10_000
"""Milliseconds after which the server ends a unit whose process went silent, so that its locks come free."""
_APPLICATION = "holdfast"
CLOCK = "select (extract(epoch from clock_timestamp()) * 1000000)::bigint"
CHECKS = (
    "pg_is_in_recovery(), current_setting('fsync'), current_setting('full_page_writes'), "
    "current_setting('synchronous_commit')"
)
"""What `check_server` asks for."""
# A transaction holds its own number from its beginning, before its first snapshot, to its end.
UNDER_WAY = """
select l.virtualtransaction as number
from pg_locks l join pg_stat_activity a on a.pid = l.pid
where l.locktype = 'virtualxid' and l.mode = 'ExclusiveLock' and l.pid <> pg_backend_pid()
  and a.datname = current_database() and a.usename = current_user
"""
_GREETING = CLOCK + ", " + CHECKS
_READ_ONLY = "select 1 from mode where id = 1 and read_only = 1"
_REASON = "select reason from mode where id = 1"


@dataclass(frozen=True, slots=True)
class PostgresOptions:
    """`pool`: connections of this process. `statement_timeout`: seconds. `prepared`: keep prepared statements and a
    connection that listens; off behind PgBouncer in transaction mode. `patience`: seconds to wait for a connection of
    the pool."""

    pool: int = 10
    statement_timeout: float = 5.0
    prepared: bool = True
    patience: float = 5.0


def begin_texts(options: PostgresOptions) -> tuple[str, str]:
    """How a unit begins, in one round trip: with a look at the read-only row, and without."""
    text = "begin"
    if not options.prepared:
        text += f"; set local statement_timeout = {int(options.statement_timeout * 1000)}"
        text += f"; set local idle_in_transaction_session_timeout = {_IDLE_IN_UNIT}"
    return f"{text}; {_READ_ONLY}", text


class Link:
    """A connection. `fetch`: the driver's own call, which keeps prepared statements by their text.

    `since`: when the statement under way began, by the loop's clock; 0 while there is none.
    """

    __slots__ = ("_connection", "fetch", "idle_since", "since")

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection
        self.fetch: Callable[..., Awaitable[list[Any]]] = connection.fetch
        self.idle_since = 0.0
        self.since = 0.0

    @property
    def closed(self) -> bool:
        """Whether the connection is known to be of no use any more."""
        return bool(self._connection.is_closed())

    async def run(self, text: str, *values: object) -> int:
        """Run a statement and count the rows that it changed."""
        tag: str = await self._connection.execute(text, *values)
        return int(tag.rpartition(" ")[2])

    async def simple(self, text: str) -> str:
        """Run constant SQL without parameters in one round trip; returns the tag of its last command."""
        self.since = time.monotonic()
        return await self._connection.execute(text)  # type: ignore[no-any-return]

    async def reason(self) -> str:
        """Why the installation is read-only."""
        self.since = time.monotonic()
        return str(await self._connection.fetchval(_REASON) or "")

    async def announce(self, channels: Sequence[str], token: str) -> None:
        """Notify these channels (lower-case words). Their commit needs no disk: what is lost was a hint."""
        notes = "; ".join(f"notify {channel}, '{token}'" for channel in channels)
        await self.simple(f"begin; set local synchronous_commit = off; {notes}; commit")

    async def close(self) -> None:
        """Say good-bye and close; never raises, never takes long."""
        try:
            await self._connection.close(timeout=_GOODBYE)
        except DRIVER:
            self._connection.terminate()

    def terminate(self) -> None:
        """Close at once, without a word to the server."""
        self._connection.terminate()


async def open_connection(
    url: str, options: PostgresOptions, *, standby: bool = False, **settings: str
) -> asyncpg.Connection:
    """A connection of the driver, with these settings of the server too; `standby`: one will do. Raises what the driver
    raises."""
    server_settings = {"application_name": _APPLICATION}
    if options.prepared:
        server_settings |= {
            "statement_timeout": str(int(options.statement_timeout * 1000)),
            "idle_in_transaction_session_timeout": str(_IDLE_IN_UNIT),
            "jit": "off",
            # Lists walk an index in their order and stop. By a bitmap the server reads and sorts all of a repository
            # first, where it expects few rows: of one that it knows from an average, or of tables not yet analyzed.
            "enable_bitmapscan": "off",
            **settings,
        }
    several = "," in url.partition("://")[2].partition("?")[0]
    return await asyncpg.connect(
        url,
        timeout=_CONNECT_PATIENCE,
        # With prepared statements the server keeps the bound, and the pool watches for one that does not answer at all.
        command_timeout=None if options.prepared else options.statement_timeout,
        statement_cache_size=_STATEMENTS if options.prepared else 0,
        max_cached_statement_lifetime=0,
        server_settings=server_settings,
        target_session_attrs="primary" if several and not standby and "target_session_attrs" not in url else None,
    )


async def open_link(url: str, options: PostgresOptions, clock: ServerClock) -> Link:
    """A connection to a server that keeps what it acknowledges, and that tells its time. Raises `DatabaseError`."""
    try:
        connection = await open_connection(url, options)
    except (*DRIVER, ValueError) as error:
        raise translate(error) from error
    try:
        before = ticks()
        greeting = await connection.fetchrow(_GREETING, timeout=_CONNECT_PATIENCE)
        check_server(*greeting[1:])
        clock.note(greeting[0], before, ticks())
    except BaseException as error:
        connection.terminate()
        if isinstance(error, DRIVER):
            raise translate(error) from error
        raise
    return Link(connection)


def check_server(standby: bool, fsync: str, full_page_writes: str, synchronous_commit: str) -> None:
    """Refuse a standby, and a server whose settings may lose a commit. Raises `Unavailable`, `Unsafe`."""
    if standby:
        raise Unavailable("this database server is a standby: it takes no writes")
    settings = {"fsync": fsync, "full_page_writes": full_page_writes, "synchronous_commit": synchronous_commit}
    off = [name for name, value in settings.items() if value == "off"]
    if off:
        raise Unsafe(f"{', '.join(off)} is off on the database server: it may lose pushes that were acknowledged")
