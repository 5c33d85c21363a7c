"""The statements by which the rare of a full day become others."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.db.query import Command, Query


class UsedRow(NamedTuple):
    """A name of a dimension on a day, how often it was counted, and in how many rows."""

    name_id: int
    times: int
    used: int


class CountRow(NamedTuple):
    """Counts of one class under some names."""

    class_: int
    pulls: int
    indexes: int
    checks: int
    named: int
    pushes: int
    sent: int
    received: int


class TagPulls(NamedTuple):
    """The pulls of a tag."""

    name: str
    pulls: int
    pulls_all: int


class WhoRow(NamedTuple):
    """A row of who pulled what on a day of a repository."""

    subject_id: int
    agent_id: int
    network_id: int
    class_: int
    digest_id: int
    tag_id: int
    pulls: int
    pushes: int
    first_at: int
    last_at: int


COMMON = Query(
    """
    select name_id, cast(sum(pulls + indexes + checks + pushes) as bigint) as times, count(*) as used
    from insight
    where repo_id = :repo_id and dim = :dim and day = :day and name_id > 0
    group by name_id order by times desc, name_id
    """,
    UsedRow,
)
SUMS = Query(
    """
    select class as class_, cast(sum(pulls) as bigint) as pulls, cast(sum(indexes) as bigint) as indexes,
      cast(sum(checks) as bigint) as checks, cast(sum(named) as bigint) as named,
      cast(sum(pushes) as bigint) as pushes, cast(sum(sent) as bigint) as sent,
      cast(sum(received) as bigint) as received
    from insight where repo_id = :repo_id and dim = :dim and day = :day and name_id = any(:ids) group by class
    """,
    CountRow,
)
TAG_PULLS = Query(
    """
    select n.text as name, cast(sum(case when i.class < 3 then i.pulls else 0 end) as bigint) as pulls,
      cast(sum(i.pulls) as bigint) as pulls_all
    from insight i join insight_name n on n.id = i.name_id
    where i.repo_id = :repo_id and i.dim = 1 and i.day = :day and i.name_id = any(:ids) group by n.text
    """,
    TagPulls,
)
DROP = Command("delete from insight where repo_id = :repo_id and dim = :dim and day = :day and name_id = any(:ids)")
WHO_OF_DAY = Query(
    """
    select subject_id, agent_id, network_id, class as class_, digest_id, tag_id, pulls, pushes, first_at, last_at
    from insight_who where repo_id = :repo_id and day = :day
    """,
    WhoRow,
)
DROP_WHO = Command("delete from insight_who where repo_id = :repo_id and day = :day")
