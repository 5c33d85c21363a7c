"""The statements of what a plan frees."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.db.query import Command, Query


class ContentId(NamedTuple):
    """The id of content."""

    content_id: int


class Total(NamedTuple):
    """A number."""

    total: int


class Counted(NamedTuple):
    """How many tags, or items, are on content."""

    content_id: int
    total: int


class FreedRow(NamedTuple):
    """What nothing would reach any more, and whose going frees it."""

    content_id: int
    owner_id: int


class FirstItem(NamedTuple):
    """The first of the items on content."""

    content_id: int
    name: str


DROPPED_CONTENT = Query(
    """
    select distinct content_id from retention_item
    where plan_id = :plan_id and repo_id = :repo_id and content_id > :after and verdict = 0
    order by content_id limit :limit
    """,
    ContentId,
)
TAGS_ON = Query(
    """
    select content_id, count(*) as total from tag
    where repo_id = :repo_id and content_id = any(:ids) group by content_id
    """,
    Counted,
)
ITEMS_ON = Query(
    """
    select content_id, count(*) as total from retention_item
    where plan_id = :plan_id and repo_id = :repo_id and content_id = any(:ids) and verdict = 0 and name > ''
    group by content_id
    """,
    Counted,
)
# Those that something keeps which stays.
STAYING = Query(
    """
    select c.id as content_id from content c where c.id = any(:ids) and exists (
      select 1 from edge e join link l on l.repo_id = e.repo_id and l.content_id = e.keeper_id
      where e.repo_id = :repo_id and e.kept_id = c.id and l.gone_at is null and not exists (
        select 1 from retention_freed f
        where f.plan_id = :plan_id and f.repo_id = :repo_id and f.content_id = e.keeper_id
      )
    )
    """,
    ContentId,
)
FREE = Command(
    """
    insert into retention_freed (plan_id, repo_id, content_id, owner_id, level)
    select :plan_id, :repo_id, c.id, c.id, 0 from content c where c.id = any(:ids)
    on conflict (plan_id, repo_id, content_id) do nothing
    """
)
FREE_NEXT = Command(
    """
    insert into retention_freed (plan_id, repo_id, content_id, owner_id, level)
    select f.plan_id, f.repo_id, e.kept_id, min(f.owner_id), :level + 1 from edge e
    join retention_freed f on f.plan_id = :plan_id and f.repo_id = :repo_id and f.content_id = e.keeper_id
    where e.repo_id = :repo_id and e.kept_id = any(:ids) and f.level = :level
    group by f.plan_id, f.repo_id, e.kept_id
    on conflict (plan_id, repo_id, content_id) do nothing
    """
)
FREED = Query(
    """
    select content_id, owner_id from retention_freed
    where plan_id = :plan_id and repo_id = :repo_id and level = :level and content_id > :after
    order by content_id limit :limit
    """,
    FreedRow,
)
# Not distinct: SQLite would walk all edges of the repository for the order.
KEPT_BY = Query(
    """
    select e.kept_id as content_id from edge e
    join link l on l.repo_id = e.repo_id and l.content_id = e.kept_id
    where e.repo_id = :repo_id and e.keeper_id = any(:ids) and l.kind > 0 and l.gone_at is null
    """,
    ContentId,
)
# Parts that several manifests keep: those of one alone go with it.
SHARED = Query(
    """
    select e.kept_id as content_id from edge e
    join link l on l.repo_id = e.repo_id and l.content_id = e.kept_id
    where e.repo_id = :repo_id and e.keeper_id = any(:ids) and l.kind = 0 and l.gone_at is null and exists (
      select 1 from edge o where o.repo_id = e.repo_id and o.kept_id = e.kept_id and o.keeper_id <> e.keeper_id
    ) and not exists (
      select 1 from retention_freed f
      where f.plan_id = :plan_id and f.repo_id = e.repo_id and f.content_id = e.kept_id
    )
    """,
    ContentId,
)
MANIFESTS = Query(
    """
    select content_id, owner_id from retention_freed
    where plan_id = :plan_id and repo_id = :repo_id and level <> -1 and content_id > :after
    order by content_id limit :limit
    """,
    FreedRow,
)
FREE_PARTS = Command(
    """
    insert into retention_freed (plan_id, repo_id, content_id, owner_id, level)
    select f.plan_id, f.repo_id, e.kept_id, min(f.owner_id), -1 from edge e
    join retention_freed f on f.plan_id = :plan_id and f.repo_id = :repo_id and f.content_id = e.keeper_id
    where e.repo_id = :repo_id and e.kept_id = any(:ids)
    group by f.plan_id, f.repo_id, e.kept_id
    on conflict (plan_id, repo_id, content_id) do nothing
    """
)
# The first of the tags on what goes stands for what goes with it.
FIRST_ITEMS = Query(
    """
    select content_id, min(name) as name from retention_item
    where plan_id = :plan_id and repo_id = :repo_id and content_id = any(:ids) and verdict = 0 group by content_id
    """,
    FirstItem,
)
# In this order of tables, which SQLite keeps for a cross join: from what goes to its parts.
_SHARE = """
    update retention_item set bytes = (
      select coalesce(sum(c.size), 0) from retention_freed f join content c on c.id = f.content_id
      where f.plan_id = retention_item.plan_id and f.repo_id = retention_item.repo_id
        and f.owner_id = retention_item.content_id
    ) + (
      select coalesce(sum(c.size), 0) from retention_freed f cross join edge e cross join link l cross join content c
      where e.repo_id = f.repo_id and e.keeper_id = f.content_id
        and l.repo_id = e.repo_id and l.content_id = e.kept_id and c.id = e.kept_id
        and f.plan_id = retention_item.plan_id and f.repo_id = retention_item.repo_id
        and f.owner_id = retention_item.content_id and f.level <> -1 and l.kind = 0 and l.gone_at is null
        and not exists (
          select 1 from edge o where o.repo_id = e.repo_id and o.kept_id = e.kept_id and o.keeper_id <> e.keeper_id
        )
    )
    where plan_id = :plan_id and repo_id = :repo_id
"""
SHARE_TO_TAGS = Command(_SHARE + " and name = any(:names) and verdict = 0")
SHARE_TO_MANIFESTS = Command(_SHARE + " and name = '' and content_id = any(:ids) and verdict = 0")
BYTES_OF = Query(
    """
    select cast(coalesce(sum(bytes), 0) as bigint) as total from retention_item
    where plan_id = :plan_id and repo_id = :repo_id and verdict = 0
    """,
    Total,
)
FREED_ROWS = Query(
    """
    select content_id, owner_id from retention_freed where plan_id = :plan_id and repo_id = :repo_id
    order by content_id limit :limit
    """,
    FreedRow,
)
DROP_FREED = Command(
    "delete from retention_freed where plan_id = :plan_id and repo_id = :repo_id and content_id <= :last"
)
