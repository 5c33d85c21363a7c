"""The statements of uploads as people see them, and of those that arrive."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.db.query import Command, Query


class SeenRow(NamedTuple):
    """A session that holds bytes. `actor`, `kind`: who opened it; null: somebody without an account."""

    id: str
    path: str
    opener: int
    name: str | None
    kind: int | None
    agent: str | None
    received: int
    expires: int


class ArrivingRow(NamedTuple):
    """A body that comes: see the migration."""

    id: str
    path: str
    opener: int
    name: str | None
    kind: int | None
    agent: str
    began: int
    received: int
    length: int | None
    made_at: int
    seen_at: int


_SEEN = """
    select u.id, r.path, u.opener, a.name, a.kind, u.agent, u.received, u.expires
    from upload u join repository r on r.id = u.repo_id left join account a on a.id = u.opener
    where u.received >= 0
"""
_PAGE = " and u.id < :before order by u.id desc limit :limit"
_HERE = " and u.repo_id = (select o.id from repository o where o.path = :path and o.gone_at is null)"
SEEN = Query(_SEEN + _PAGE, SeenRow)
SEEN_ONE = Query(_SEEN + " and u.id = :id", SeenRow)
OWN = Query(_SEEN + " and u.opener = :opener" + _PAGE, SeenRow)
IN_REPOSITORY = Query(_SEEN + _HERE + _PAGE, SeenRow)
_ARRIVING = """
    select v.id, v.repository as path, v.opener, a.name, a.kind, v.agent, v.began, v.received, v.length, v.made_at,
      v.seen_at
    from arriving v left join account a on a.id = v.opener
"""
ARRIVING = Query(_ARRIVING + " where v.seen_at > :since order by v.id desc limit :limit", ArrivingRow)
PUT_ARRIVING = Command(
    """
    insert into arriving (id, repository, opener, agent, began, received, length, made_at, seen_at)
    values (:id, :repository, :opener, :agent, :began, :received, :length, :made_at, :now)
    on conflict (id) do update set received = excluded.received, seen_at = excluded.seen_at
    """
)
DROP_ARRIVING = Command("delete from arriving where id = :id")
