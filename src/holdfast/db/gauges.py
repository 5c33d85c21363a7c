"""What the database says of the state of an installation, for metrics.

Promises: each statement is led by an index and looks at `MOST` rows at most, so that a scrape costs the same in a large
installation; a count of `MOST` says "at least so many".
"""

from __future__ import annotations

from typing import NamedTuple

from holdfast.db.query import Query

MOST = 10_000
TOP = 50
"""Namespaces that are told by name."""


class Queue(NamedTuple):
    """Jobs of a kind in a state; of the waiting ones those that are due, and since when the oldest is."""

    kind: str
    jobs: int
    due: int
    oldest: int | None


class Number(NamedTuple):
    """A number of rows."""

    number: int


class Moment(NamedTuple):
    """A moment; None: never."""

    at: int | None


class Behind(NamedTuple):
    """How many sealed rows, or stored batches of use, a handler was not told of."""

    name: str
    rows: int


class Round(NamedTuple):
    """The round of the scrub, and what is marked as damaged."""

    began_at: int
    ended_at: int | None
    done: int
    total: int
    damaged: int


class Used(NamedTuple):
    """What is used below a first segment and a slash; '/': by everything."""

    path: str
    bytes: int
    repositories: int
    tags: int


QUEUE = Query(
    """
    select kind, count(*) as jobs, count(case when run_at <= :now then 1 end) as due,
      min(case when run_at <= :now then run_at end) as oldest
    from (select kind, run_at from job where state = :state order by id limit :most) as counted
    group by kind order by kind
    """,
    Queue,
)
UNSEALED = Query(
    "select min(at) as at from (select at from journal where pos is null order by id limit 1) as first", Moment
)
# Readers of the feed of use have cursors of their own kind of place, and names that begin with `use:`.
BEHIND = Query(
    """
    select c.name, cast(case when c.name >= 'use:' and c.name < 'use;'
      then (select coalesce(max(pos), 0) from use_place)
      else (select coalesce(max(pos), 0) from journal where pos is not null) end - c.pos as bigint) as rows
    from event_cursor c order by c.name limit :most
    """,
    Behind,
)
BACKUP = Query("select max(at) as at from journal where kind = 'backup.made'", Moment)
READ_ONLY = Query("select read_only as number from mode where id = 1", Number)
UPLOADS = Query("select count(*) as number from (select 1 as one from upload limit :most) as counted", Number)
CANDIDATES = Query(
    "select count(*) as number from (select 1 as one from candidate where due <= :now limit :most) as counted", Number
)
DOOMED = Query("select count(*) as number from (select 1 as one from doomed limit :most) as counted", Number)
SCRUB = Query(
    """
    select began_at, ended_at, done, total,
      (select count(*) from (select 1 as one from content where state = 1 limit :most) as counted) as damaged
    from scrub where id = 1
    """,
    Round,
)
# The condition is that of the index, word by word.
USED = Query(
    """
    select path, bytes, repositories, tags from usage where path = replace(path, '/', '') || '/'
    order by bytes desc limit :most
    """,
    Used,
)
