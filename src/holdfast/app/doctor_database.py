"""Is the PostgreSQL server one that keeps what it acknowledges, and has it room for this installation?"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from holdfast.app.config import Settings
from holdfast.app.config_stores import shown_database
from holdfast.app.doctor_check import Check, failed, ok, skipped, warning
from holdfast.db.errors import DatabaseError, TooNew, TooOld
from holdfast.db.postgres_describe import PostgresFacts, describe
from holdfast.db.schema import schema_standing

_OLDEST = 13
_SECOND = 1_000_000
_SKEW = 5 * _SECOND
_FEW_NODES = 3


def check_postgres(settings: Settings) -> list[Check]:
    """Everything about the database server; one failed check when it does not answer. Never raises."""
    if settings.database.url is None:
        return []
    url = settings.database.url.reveal()
    try:
        facts = asyncio.run(describe(url))
    except DatabaseError as error:
        advice = "start it, and check host, port, user, password and sslmode of --database (or PGPASSFILE)"
        return [failed("postgresql", f"{shown_database(url)}: {error}", advice)]
    return [
        _durable(facts),
        *_role(facts),
        _connections(facts, settings),
        *_pooler(facts, settings),
        _clock(facts),
        *_transport(facts, url),
        _schema(url),
    ]


def _durable(facts: PostgresFacts) -> Check:
    name = "postgresql"
    settings = {
        "fsync": facts.fsync,
        "full_page_writes": facts.full_page_writes,
        "synchronous_commit": facts.synchronous_commit,
    }
    off = [key for key, value in settings.items() if value == "off"]
    seen = f"PostgreSQL {facts.version}, {facts.bytes / 1e6:,.0f} MB"
    if off:
        return failed(
            name, f"{seen}: {', '.join(off)} is off", "switch it on: pushes that were acknowledged may be lost"
        )
    if facts.encoding != "UTF8":
        return failed(name, f"{seen}: its encoding is {facts.encoding}", "create the database with encoding UTF8")
    if int(facts.version.partition(".")[0]) < _OLDEST:
        return failed(name, seen, f"PostgreSQL {_OLDEST} or newer is needed")
    return ok(name, seen + ", every commit is synced")


def _role(facts: PostgresFacts) -> Iterator[Check]:
    name = "fail-over"
    if facts.standby:
        yield failed(
            name, "this server is a standby: it takes no writes", "name the primary, or all of them in one URL"
        )
    elif facts.synchronous_standby_names:
        yield ok(name, f"commits wait for standbys: {facts.synchronous_standby_names}")
    else:
        yield warning(
            name,
            "no synchronous standby: a fail-over loses the pushes that the standby has not got yet",
            "set synchronous_standby_names, or do without fail-over",
        )


def _connections(facts: PostgresFacts, settings: Settings) -> Check:
    name = "connections"
    # A pool of each worker process, one that listens in each, and the same for the job worker.
    node = (settings.workers + settings.jobs.embedded) * (settings.database.pool + 1)
    room = facts.max_connections - facts.reserved_connections
    seen = f"{facts.used_connections} of {room} in use; a node with these settings opens up to {node}"
    if facts.pooler:
        return ok(name, seen + ", through a pooler")
    if node > room:
        return failed(name, seen, "lower --database-pool, raise max_connections, or put PgBouncer between")
    if _FEW_NODES * node > room:
        return warning(
            name,
            f"{seen}: enough for {room // node} nodes",
            "lower --database-pool, raise max_connections, or put PgBouncer between before more nodes come",
        )
    return ok(name, f"{seen}: enough for {room // node} nodes")


def _pooler(facts: PostgresFacts, settings: Settings) -> Iterator[Check]:
    if facts.pooler and settings.database.prepared:
        yield warning(
            "pooler",
            "connections go through a pooler, and prepared statements are on",
            "set --no-database-prepared if the pooler hands out transactions (PgBouncer, pool_mode = transaction)",
        )


def _clock(facts: PostgresFacts) -> Check:
    name = "database clock"
    ahead = facts.clock_offset
    if abs(ahead) > _SKEW:
        way = "ahead of" if ahead > 0 else "behind"
        seen = f"{abs(ahead) / _SECOND:.1f} s {way} this host's clock"
        return warning(name, seen, "nothing goes wrong, for the database's clock decides; but logs are hard to compare")
    return ok(name, f"within {max(abs(ahead) / _SECOND, 0.1):.1f} s of this host's clock")


def _transport(facts: PostgresFacts, url: str) -> Iterator[Check]:
    host = url.partition("://")[2].partition("/")[0].rpartition("@")[2]
    local = host.startswith(("127.", "localhost", "[::1]", ":")) or not host
    if facts.encrypted:
        yield ok("database tls", "the connection is encrypted")
    elif local:
        yield skipped("database tls", "not encrypted", "fine on this machine")
    else:
        advice = "add ?sslmode=verify-full&sslrootcert=FILE to --database"
        yield warning("database tls", "rows and passwords cross the network in clear", advice)


def _schema(url: str) -> Check:
    name = "schema"
    try:
        standing = asyncio.run(schema_standing(url))
    except (TooNew, TooOld) as error:
        return failed(name, str(error), "run the version of Holdfast that the other nodes run")
    except DatabaseError as error:
        return failed(name, str(error), "see above")
    if standing is None:
        return ok(name, "empty: the first start lays it")
    expanding = [step.name for step in standing.expanding]
    if expanding:
        return failed(name, f"steps are pending: {', '.join(expanding)}", "holdfast migrate up")
    if standing.contracting:
        left = ", ".join(step.name for step in standing.contracting)
        advice = "holdfast migrate up --contract, once `holdfast nodes` shows no older version"
        return warning(name, f"steps that end an upgrade are pending: {left}", advice)
    return ok(name, f"at step {standing.newest}")
