"""The statements about content that no repository links."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.db.query import Command, Query


class LostRow(NamedTuple):
    """Content that nothing refers to, and that waits for nobody."""

    id: int
    digest: str


class Newest(NamedTuple):
    """The highest id."""

    id: int | None


NEWEST = Query("select max(id) as id from content", Newest)
LOST = Query(
    """
    select c.id, c.digest from content c
    where c.id > :after and c.id <= :last and c.state <> 3
      and not exists (select 1 from link l where l.content_id = c.id)
      and not exists (select 1 from orphan o where o.content_id = c.id)
      and not exists (select 1 from link s where s.subject = c.id and s.subject is not null)
    order by c.id
    """,
    LostRow,
)
LEAVE = Command(
    """
    insert into orphan (content_id, due) values (:id, :now) on conflict (content_id) do update set due = excluded.due
    """
)
