"""The statements about what is counted: each compares what stands there with what there is, in one snapshot."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.db.query import Command, Query


class TotalRow(NamedTuple):
    """How much a total of the ledger is short of what there is; negative: it is too high."""

    what: str
    bytes: int
    objects: int


class UsageRow(NamedTuple):
    """How much the count under `path` is short of what there is; negative: it is too high."""

    path: str
    bytes: int
    repositories: int
    tags: int


class Id(NamedTuple):
    """The id of a repository."""

    id: int


class Total(NamedTuple):
    """A count."""

    total: int


TOTALS_SHORT = Query(
    """
    select what, cast(sum(bytes) as bigint) as bytes, cast(sum(objects) as bigint) as objects from (
      select 'objects' as what, c.size + case when c.wrapped_key is null then 0
        else 16 * case when c.size = 0 then 1 else (c.size + 65535) / 65536 end end as bytes, 1 as objects
      from content c where c.key is not null
      union all select 'objects', coalesce(stored, 0), 1 from segment
      union all select 'inline', length(bytes), 1 from body
      union all select 'doomed', coalesce(size, 0), 1 from doomed
      union all select 'parts', coalesce(stored, 0), 1 from upload_segment
      union all select 'early', length(bytes), 1 from upload_body
      union all select 'staged', received, 0 from upload where received > 0
      union all select 'staged', -size, 0 from upload_segment
      union all select 'staged', -coalesce(size, 0), 0 from upload_body
      union all select what, -bytes, -objects from ledger
      union all select what, -bytes, -objects from ledger_delta
    ) as counted
    group by what having sum(bytes) <> 0 or sum(objects) <> 0 order by what
    """,
    TotalRow,
)
CORRECT_TOTAL = Command("insert into ledger_delta (what, bytes, objects) values (:what, :bytes, :objects)")

_OWN = """
    select r.path,
      (select cast(coalesce(sum(c.size), 0) as bigint) from link l join content c on c.id = l.content_id
        where l.repo_id = r.id and l.gone_at is null)
      - coalesce((select u.bytes from usage u where u.path = r.path), 0)
      - (select cast(coalesce(sum(d.bytes), 0) as bigint) from usage_delta d where d.path = r.path) as bytes,
      1 - coalesce((select u.repositories from usage u where u.path = r.path), 0)
      - (select cast(coalesce(sum(d.repositories), 0) as bigint) from usage_delta d where d.path = r.path)
      as repositories,
      (select count(*) from tag t where t.repo_id = r.id)
      - coalesce((select u.tags from usage u where u.path = r.path), 0)
      - (select cast(coalesce(sum(d.tags), 0) as bigint) from usage_delta d where d.path = r.path) as tags
    from repository r where r.gone_at is null
"""
REPOSITORIES = Query("select id from repository where gone_at is null and id > :after order by id limit :limit", Id)
REPOSITORY_TOTAL = Query("select count(*) as total from repository where gone_at is null", Total)
SHORT = Query(_OWN + " and r.id = any(:ids)", UsageRow)
# What is counted for repositories that there are not (any more); and the paths from which to go on.
COUNTED = Query(
    "select path, bytes, repositories, tags from usage where path > :after order by path limit :limit", UsageRow
)
STRAY = Query(
    """
    select p.path,
      - coalesce((select u.bytes from usage u where u.path = p.path), 0)
      - (select cast(coalesce(sum(d.bytes), 0) as bigint) from usage_delta d where d.path = p.path) as bytes,
      - coalesce((select u.repositories from usage u where u.path = p.path), 0)
      - (select cast(coalesce(sum(d.repositories), 0) as bigint) from usage_delta d where d.path = p.path)
      as repositories,
      - coalesce((select u.tags from usage u where u.path = p.path), 0)
      - (select cast(coalesce(sum(d.tags), 0) as bigint) from usage_delta d where d.path = p.path) as tags
    from usage p where p.path = any(:paths)
      and not exists (select 1 from repository r where r.path = p.path and r.gone_at is null)
    """,
    UsageRow,
)
# The sum at and below a path against the repositories' own counts; both are folded together.
SUM = Query(
    """
    select cast(:key as text) as path, cast(coalesce(sum(bytes), 0) as bigint) as bytes,
      cast(coalesce(sum(repositories), 0) as bigint) as repositories, cast(coalesce(sum(tags), 0) as bigint) as tags
    from (
      select bytes, repositories, tags from usage where path = :path
      union all select bytes, repositories, tags from usage
        where path > :low and path < :high and substr(path, length(path), 1) <> '/'
      union all select -bytes, -repositories, -tags from usage where path = :key
    ) as counted
    """,
    UsageRow,
)
