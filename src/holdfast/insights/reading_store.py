"""The statements of whoever looks at counts."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.db.query import Query


class RepositoryRow(NamedTuple):
    """A repository that is there."""

    id: int
    path: str
    born: int


class DayRow(NamedTuple):
    """Counts of a repository on a day, of one class."""

    day: int
    class_: int
    pulls: int
    indexes: int
    checks: int
    named: int
    pushes: int
    sent: int
    received: int


class NamedRow(NamedTuple):
    """Counts under a name; None: of the rare together, or not known."""

    name: str | None
    pulls: int
    indexes: int
    checks: int
    named: int
    pushes: int
    sent: int
    received: int


class WhoRow(NamedTuple):
    """Who pulled and pushed. None: the rare together."""

    subject: str | None
    agent: str | None
    network: str | None
    class_: int
    pulls: int
    pushes: int
    first_at: int
    last_at: int


class FullWhoRow(NamedTuple):
    """The same, of one digest and one tag."""

    subject: str | None
    agent: str | None
    network: str | None
    class_: int
    pulls: int
    pushes: int
    first_at: int
    last_at: int
    digest_id: int
    tag_id: int


class NameId(NamedTuple):
    """A text and its number."""

    id: int
    text: str


class SpanRow(NamedTuple):
    """What a tag pointed to after an event; None: nothing."""

    at: int
    now_id: int | None


class ContentRow(NamedTuple):
    """What a tag points to."""

    content_id: int


class PartRow(NamedTuple):
    """A manifest that an index lists."""

    keeper_id: int
    kept_id: int


class ListedRow(NamedTuple):
    """A repository, and the digest of a manifest that an index lists there; None: it lists none, or is no index."""

    repo_id: int
    digest: str | None


class DigestRow(NamedTuple):
    """Content and its digest."""

    id: int
    digest: str


class Day(NamedTuple):
    """A day; None: there is none."""

    day: int | None


REPOSITORY = Query("select id, path, born from repository where path = :path and gone_at is null", RepositoryRow)
FIRST_DAY = Query("select min(day) as day from insight", Day)
DAYS = Query(
    """
    select day, class as class_, pulls, indexes, checks, named, pushes, sent, received from insight
    where repo_id = :repo_id and dim = 0 and day >= :since and name_id = 0 order by day, class
    """,
    DayRow,
)
_SUMS = """
    cast(sum(i.pulls) as bigint) as pulls, cast(sum(i.indexes) as bigint) as indexes,
    cast(sum(i.checks) as bigint) as checks, cast(sum(i.named) as bigint) as named,
    cast(sum(i.pushes) as bigint) as pushes, cast(sum(i.sent) as bigint) as sent,
    cast(sum(i.received) as bigint) as received
"""
BY_NAME = Query(
    "select n.text as name, "  # noqa: S608
    + _SUMS
    + """
    from insight i left join insight_name n on n.id = i.name_id
    where i.repo_id = :repo_id and i.dim = :dim and i.day >= :since and i.class <= :most
    group by i.name_id, n.text order by pulls desc, indexes desc, checks desc, i.name_id limit :limit
    """,
    NamedRow,
)
BY_PLATFORM = Query(
    "select p.platform as name, "  # noqa: S608
    + _SUMS
    + """
    from insight i left join insight_platform p on p.name_id = i.name_id
    where i.repo_id = :repo_id and i.dim = 2 and i.day >= :since and i.class <= :most and i.pulls > 0
    group by p.platform order by pulls desc, p.platform limit :limit
    """,
    NamedRow,
)

# -- who ---------------------------------------------------------------------------------------------------------------

_WHO = """
    from insight_who w left join insight_name s on s.id = w.subject_id left join insight_name a on a.id = w.agent_id
    left join insight_name n on n.id = w.network_id
    where w.repo_id = :repo_id and w.day >= :since and w.class <= :most
"""
_WHO_SUMS = """
    cast(sum(w.pulls) as bigint) as pulls, cast(sum(w.pushes) as bigint) as pushes, min(w.first_at) as first_at,
    max(w.last_at) as last_at
"""
_WHO_GROUPS = """
    group by s.text, a.text, n.text, w.class order by last_at desc, s.text, a.text, n.text limit :limit
"""
WHO = Query(
    "select s.text as subject, a.text as agent, n.text as network, w.class as class_, "
    + _WHO_SUMS
    + _WHO
    + _WHO_GROUPS,
    WhoRow,
)
WHO_OF_DIGEST = Query(
    "select s.text as subject, a.text as agent, n.text as network, w.class as class_, "
    + _WHO_SUMS
    + _WHO
    + " and w.digest_id = :digest_id "
    + _WHO_GROUPS,
    WhoRow,
)
WHO_OF_TAG = Query(
    """
    select s.text as subject, a.text as agent, n.text as network, w.class as class_, w.pulls, w.pushes, w.first_at,
      w.last_at, w.digest_id, w.tag_id
    """
    + _WHO
    + """
      and (w.tag_id = :tag_id or (w.tag_id = 0 and w.digest_id = any(:digest_ids)))
    order by w.day desc limit :limit
    """,
    FullWhoRow,
)
NAMES = Query("select id, text from insight_name where text = any(:texts)", NameId)
TAG = Query("select content_id from tag where repo_id = :repo_id and name = :name", ContentRow)
# What a tag pointed to: after each event since a time, and after the last one before it.
EVENTS = Query(
    """
    select at, now_id from tag_event where repo_id = :repo_id and name = :name
    order by seq desc limit :limit
    """,
    SpanRow,
)
PARTS = Query(
    """
    select e.keeper_id, e.kept_id from edge e
    join link l on l.repo_id = e.repo_id and l.content_id = e.kept_id
    where e.repo_id = :repo_id and e.keeper_id = any(:ids) and l.kind > 0 and coalesce(l.subject, 0) <> e.keeper_id
    limit :limit
    """,
    PartRow,
)
# What the index `digest` lists in a repository; where that is there a row at least.
LISTED = Query(
    """
    select r.id as repo_id, d.digest
    from repository r
    left join content c on c.digest = :digest
    left join link l on l.repo_id = r.id and l.content_id = c.id and l.kind = :index
    left join edge e on e.repo_id = l.repo_id and e.keeper_id = l.content_id and exists (
      select 1 from link k where k.repo_id = e.repo_id and k.content_id = e.kept_id and k.kind > 0
        and coalesce(k.subject, 0) <> e.keeper_id
    )
    left join content d on d.id = e.kept_id
    where r.path = :path and r.gone_at is null
    limit :limit
    """,
    ListedRow,
)
DIGESTS = Query("select id, digest from content where id = any(:ids)", DigestRow)
