"""The statements of roots. Each looks at a bounded list of ids, by indexes alone."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.db.query import Query


class FactRow(NamedTuple):
    """What a repository knows of one content. `tagged`: by a tag that belongs to no digest; `signed`: a tag on it may
    belong to one; `lost_at`: when a tag was last moved from it; `leased`: the longest lease; `kept`: something keeps
    it; `keeps`: it keeps something; `due`: when the collector may look at it."""

    id: int
    kind: int
    gone_at: int | None
    put_at: int
    subject: int | None
    size: int
    digest: str
    tagged: bool
    signed: bool
    lost_at: int | None
    leased: int | None
    kept: bool
    keeps: bool
    due: int | None


class Up(NamedTuple):
    """Something, and what keeps it."""

    kept_id: int
    keeper_id: int


class TagRow(NamedTuple):
    """A tag on content."""

    content_id: int
    name: str


class Here(NamedTuple):
    """Content that a repository links."""

    id: int
    digest: str


class ValueRow(NamedTuple):
    """The value of a setting."""

    value: str


class EventRow(NamedTuple):
    """When a tag ceased to point to something."""

    name: str
    at: int


FACTS = Query(
    """
    select l.content_id as id, l.kind, l.gone_at, l.put_at, l.subject, c.size, c.digest,
      case when exists (
        select 1 from tag t where t.repo_id = l.repo_id and t.content_id = l.content_id
          and (t.name < 'sha256-' or t.name >= 'sha256.')
      ) then 1 else 0 end as tagged,
      case when exists (
        select 1 from tag t where t.repo_id = l.repo_id and t.content_id = l.content_id
          and t.name >= 'sha256-' and t.name < 'sha256.'
      ) then 1 else 0 end as signed,
      (select max(e.at) from tag_event e where e.repo_id = l.repo_id and e.was_id = l.content_id
        and e.was_id is not null) as lost_at,
      (select max(s.due) from lease s where s.repo_id = l.repo_id and s.content_id = l.content_id) as leased,
      case when exists (
        select 1 from edge k where k.repo_id = l.repo_id and k.kept_id = l.content_id
      ) then 1 else 0 end as kept,
      case when exists (
        select 1 from edge k where k.repo_id = l.repo_id and k.keeper_id = l.content_id
      ) then 1 else 0 end as keeps,
      (select d.due from candidate d where d.repo_id = l.repo_id and d.content_id = l.content_id) as due
    from link l join content c on c.id = l.content_id
    where l.repo_id = :repo_id and l.content_id = any(:ids)
    """,
    FactRow,
)
KEEPERS = Query("select kept_id, keeper_id from edge where repo_id = :repo_id and kept_id = any(:ids) limit :limit", Up)
SIGNING = Query(
    """
    select content_id, name from tag
    where repo_id = :repo_id and content_id = any(:ids) and name >= 'sha256-' and name < 'sha256.' limit :limit
    """,
    TagRow,
)
LINKED = Query(
    """
    select c.id, c.digest from content c
    where c.digest = any(:digests)
      and exists (select 1 from link l where l.repo_id = :repo_id and l.content_id = c.id)
    """,
    Here,
)
CUTS = Query("select value from setting where path = any(:prefixes) and name = :name", ValueRow)

# -- of one content, for people ---------------------------------------------------------------------------------------

TAGS_ON = Query(
    "select content_id, name from tag where repo_id = :repo_id and content_id = :id order by name limit :limit", TagRow
)
LOST = Query(
    """
    select name, at from tag_event
    where repo_id = :repo_id and was_id = :id and was_id is not null and at > :since
    order by at desc limit :limit
    """,
    EventRow,
)
