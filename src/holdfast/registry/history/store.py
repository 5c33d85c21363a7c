"""The statements of reading history. Each gives a bounded piece and walks little more than it gives."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.db.query import Query


class RepositoryRow(NamedTuple):
    """A repository, its place in its history, and when it last changed."""

    id: int
    path: str
    seq: int
    last_at: int


class EventRow(NamedTuple):
    """An event with its digests (None also where the content is gone) and the first journal row of its place.
    `origin`: from where it was asked for, a JSON object."""

    seq: int
    name: str
    at: int
    was_id: int | None
    now_id: int | None
    was: str | None
    now: str | None
    actor: str | None
    request: str | None
    origin: str | None


class SinceRow(NamedTuple):
    """An event, for what it changed."""

    at: int
    name: str
    was_id: int | None
    now_id: int | None


class SeqRow(NamedTuple):
    """A place in the history of a repository."""

    seq: int


class StoodRow(NamedTuple):
    """A tag as it was left by its last event up to an instant; all None where it was born later. `live`: whether what
    it pointed to can be pulled now; `today`: what the tag points to now, None: it is not there."""

    name: str
    at: int | None
    now_id: int | None
    digest: str | None
    live: bool
    today: str | None


class DigestRow(NamedTuple):
    """Content by its id."""

    id: int
    digest: str


REPOSITORY = Query(
    "select id, path, seq, last_at from repository where path = :path and gone_at is null and seq > 0", RepositoryRow
)
REPOSITORIES = Query(
    """
    select id, path, seq, last_at from repository
    where path > :last and path < :high and gone_at is null and seq > 0 and last_at > :since
    order by path limit :limit
    """,
    RepositoryRow,
)
_EVENT = """
    select e.seq, e.name, e.at, e.was_id, e.now_id,
      (select c.digest from content c where c.id = e.was_id) as was,
      (select c.digest from content c where c.id = e.now_id) as now, j.actor, j.request, j.origin
    from tag_event e
    left join journal j on j.id = (
      select min(o.id) from journal o where o.repo_id = e.repo_id and o.seq = e.seq and o.seq > 0
    )
"""
EVENTS = Query(
    """
    <event>
    where e.repo_id = :repo_id and (e.at, e.name) < (:before, :last) and e.at > :since
    order by e.at desc, e.name desc limit :limit
    """.replace("<event>", _EVENT),
    EventRow,
)
# The place at the instant comes from the index by time, the events of the tag from that by name.
EVENTS_OF_TAG = Query(
    """
    <event>
    where e.repo_id = :repo_id and e.name = :name and (e.at, e.name) < (:before, :last) and e.at > :since
      and e.seq <= (
        select s.seq from tag_event s
        where s.repo_id = :repo_id and s.at <= :before order by s.at desc, s.name desc limit 1
      )
    order by e.seq desc limit :limit
    """.replace("<event>", _EVENT),
    EventRow,
)
SINCE = Query(
    """
    select e.at, e.name, e.was_id, e.now_id from tag_event e
    where e.repo_id = :repo_id and (e.at, e.name) > (:after, :last) and e.at <= :until
    order by e.at, e.name limit :limit
    """,
    SinceRow,
)
SINCE_OF_TAG = Query(
    """
    select e.at, e.name, e.was_id, e.now_id from tag_event e
    where e.repo_id = :repo_id and e.name = :name and (e.at, e.name) > (:after, :last) and e.at <= :until
      and e.seq > coalesce((
        select s.seq from tag_event s
        where s.repo_id = :repo_id and s.at <= :after order by s.at desc, s.name desc limit 1
      ), 0)
    order by e.seq limit :limit
    """,
    SinceRow,
)
PLACE_AT = Query(
    """
    select s.seq from tag_event s where s.repo_id = :repo_id and s.at <= :at order by s.at desc, s.name desc limit 1
    """,
    SeqRow,
)
# From name to name by the index, however many events a name has; every name that is passed is a row, in no order.
# Scalars, no join and no min(): else PostgreSQL reads all events of the repository for a page, or for each name of it,
# where the other repositories have few.
_LEFT = "from tag_event e where e.repo_id = :repo_id and e.seq = w.seq and e.name = w.name"
_NEXT = "select e.name from tag_event e where e.repo_id = :repo_id and e.name > <name> order by e.name limit 1"
STOOD = Query(
    """
    with recursive walk (name) as (
      select (<first>)
      union all
      select (<next>) from walk w where w.name is not null
    )
    select w.name, (select e.at <left>) as at, (select e.now_id <left>) as now_id,
      (select c.digest from content c where c.id = (select e.now_id <left>)) as digest,
      case when exists (
        select 1 from link l
        where l.repo_id = :repo_id and l.content_id = (select e.now_id <left>) and l.gone_at is null and l.kind > 0
      ) and exists (
        select 1 from content c where c.id = (select e.now_id <left>) and c.state = 0
      ) then 1 else 0 end as live,
      (
        select c.digest from content c where c.id = (
          select t.content_id from tag t where t.repo_id = :repo_id and t.name = w.name
        )
      ) as today
    from (
      select name, (
        select s.seq from tag_event s
        where s.repo_id = :repo_id and s.name = walk.name and s.seq <= :seq order by s.seq desc limit 1
      ) as seq
      from walk where name is not null limit :limit
    ) as w
    """.replace("<first>", _NEXT.replace("<name>", ":last"))
    .replace("<next>", _NEXT.replace("<name>", "w.name"))
    .replace("<left>", _LEFT),
    StoodRow,
)
DIGESTS = Query("select id, digest from content where id = any(:ids)", DigestRow)
