"""The statements of what a run would take, and of history that is cut off."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.db.query import Command, Query
from holdfast.registry.collect.store import CandidateRow, DueRow, Id, RepositoryRow


class Amount(NamedTuple):
    """How many, and their bytes."""

    total: int
    bytes: int


# -- history that is cut off ------------------------------------------------------------------------------------------

SET_CUT = Command(
    """
    insert into setting (path, name, value) values (:path, :name, :value)
    on conflict (path, name) do update set value = excluded.value
    """
)
REPOSITORIES_AT = Query(
    """
    select id, path, was_path, gone_at from repository
    where path > :after and path >= :path and path < :path || '0' order by path limit :limit
    """,
    RepositoryRow,
)
CANDIDATES = Query(
    """
    select content_id, due from candidate where repo_id = :repo_id and content_id > :after
    order by content_id limit :limit
    """,
    CandidateRow,
)
BRING_FORWARD = Command(
    "update candidate set due = :due where repo_id = :repo_id and content_id = any(:ids) and due > :due"
)
BURIED = Query(
    "select content_id as id from link where repo_id = :repo_id and content_id = any(:ids) and gone_at is not null", Id
)

# -- what a run would take --------------------------------------------------------------------------------------------

DUE_AFTER = Query(
    """
    select repo_id, content_id, due from candidate
    where due <= :now and (due, repo_id, content_id) > (:due, :repo_id, :after)
    order by due, repo_id, content_id limit :limit
    """,
    DueRow,
)
REPOSITORIES_OF = Query("select id, path, was_path, gone_at from repository where id = any(:ids)", RepositoryRow)
ORPHANED = Query(
    """
    select count(*) as total, cast(coalesce(sum(size), 0) as bigint) as bytes from (
      select c.size from orphan o join content c on c.id = o.content_id
      where o.due <= :now and not exists (select 1 from link l where l.content_id = c.id) limit :most
    ) as o
    """,
    Amount,
)
