"""What the engines count of themselves."""

from __future__ import annotations

from holdfast.telemetry.family import MICROS, Family, Kind, Label

UNITS = Family(
    "holdfast_database_units",
    "Write units that ended: committed, or not (refused by what they found, or by the database).",
    Kind.COUNTER,
    (Label("outcome", ("committed", "not")),),
)
UNIT_SECONDS = Family(
    "holdfast_database_commit_duration_seconds",
    "Time of a durable commit with all of its units: of a group on SQLite, of one unit on PostgreSQL.",
    Kind.HISTOGRAM,
    (),
    MICROS,
)
UNITS_WAITING = Family("holdfast_database_units_waiting", "Units that wait for their group (SQLite).", Kind.GAUGE)
CONNECTIONS = Family(
    "holdfast_database_connections",
    "Connections of the pools of all processes: in use, idle, and the most there may be (PostgreSQL).",
    Kind.GAUGE,
    (Label("state", ("used", "idle", "most")),),
)
POOL_WAITING = Family(
    "holdfast_database_pool_waiting", "Statements that wait for a connection now (PostgreSQL).", Kind.GAUGE
)
POOL_SECONDS = Family(
    "holdfast_database_pool_wait_seconds", "Time spent waiting for a connection (PostgreSQL).", Kind.COUNTER, (), MICROS
)
ERRORS = Family(
    "holdfast_database_errors",
    "Statements and units that the database did not carry out: it was away, full, or broke off.",
    Kind.COUNTER,
)
