"""What a PostgreSQL server says of itself, for `holdfast doctor` and the support bundle: figures, no secret."""

from __future__ import annotations

from typing import NamedTuple

from asyncpg.exceptions import TargetServerAttributeNotMatched

from holdfast.db.postgres_errors import DRIVER, translate
from holdfast.db.postgres_link import CLOCK, PostgresOptions, open_connection
from holdfast.db.server_clock import ServerClock, ticks

_TRIES = 5
_PATIENCE = 10.0
_FACTS = """
select current_setting('server_version') as version, current_setting('fsync') as fsync,
  current_setting('full_page_writes') as full_page_writes,
  current_setting('synchronous_commit') as synchronous_commit,
  current_setting('synchronous_standby_names') as synchronous_standby_names,
  pg_is_in_recovery() as standby,
  current_setting('max_connections')::int as max_connections,
  current_setting('superuser_reserved_connections')::int as reserved_connections,
  (select count(*) from pg_stat_activity where backend_type is null or backend_type = 'client backend')::int
    as used_connections,
  current_setting('server_encoding') as encoding,
  pg_database_size(current_database()) as bytes,
  coalesce((select ssl from pg_stat_ssl where pid = pg_backend_pid()), false) as encrypted,
  pg_backend_pid() as backend
"""


class PostgresFacts(NamedTuple):
    """`standby`: it is one, and takes no writes. `reserved_connections`: of `max_connections`, for superusers alone.

    `clock_offset`: how far its clock is ahead of this host's, in microseconds. `pooler`: connections go through one
    (PgBouncer), which needs `database.prepared` off. `encrypted`: the server's connection is.
    """

    version: str
    fsync: str
    full_page_writes: str
    synchronous_commit: str
    synchronous_standby_names: str
    standby: bool
    max_connections: int
    reserved_connections: int
    used_connections: int
    encoding: str
    bytes: int
    encrypted: bool
    clock_offset: int
    pooler: bool


async def describe(url: str) -> PostgresFacts:
    """Ask the server at `url`, whatever state it is in. Raises `DatabaseError`."""
    clock = ServerClock()
    options = PostgresOptions(statement_timeout=_PATIENCE, prepared=False)
    try:
        try:
            connection = await open_connection(url, options)
        except TargetServerAttributeNotMatched:  # of several servers none takes writes
            connection = await open_connection(url, options, standby=True)
    except (*DRIVER, ValueError) as error:
        raise translate(error) from error
    try:
        for _ in range(_TRIES):
            before = ticks()
            clock.note(await connection.fetchval(CLOCK), before, ticks())
        facts = dict(await connection.fetchrow(_FACTS))
        backend = facts.pop("backend")
        # A pooler gives clients a number of its own.
        pooler = connection.get_server_pid() != backend
    except DRIVER as error:
        raise translate(error) from error
    finally:
        connection.terminate()
    return PostgresFacts(**facts, clock_offset=clock.offset_to_host, pooler=pooler)
