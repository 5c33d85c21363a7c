"""The statements of changes of several tags, or repositories."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.db.query import Command, Query


class ChangeRow(NamedTuple):
    """A row of `tag_change`; `undone`: the id of the one that takes it back."""

    id: int
    account: int
    repo_id: int
    path: str
    kind: str
    wish: str
    origin: str
    seq: int
    newer: int
    total: int | None
    undoes: int | None
    job: int | None
    made_at: int
    started_at: int | None
    ended_at: int | None
    undone: int | None


class ItemRow(NamedTuple):
    """A row of `tag_change_item`."""

    name: str
    was: str
    now: str | None
    before: str | None
    outcome: int
    why: str | None
    renamed: str | None


class CountRow(NamedTuple):
    """How many items of a change became what."""

    outcome: int
    total: int


class CountOfRow(NamedTuple):
    """How many items of one of several changes became what."""

    change_id: int
    outcome: int
    total: int


class FactRow(NamedTuple):
    """What a repository knows of a manifest."""

    id: int
    digest: str
    media_type: str | None


class IdRow(NamedTuple):
    """The id of a change."""

    id: int


class RequestRow(NamedTuple):
    """Which request took a place in the history of a repository."""

    request: str


class PointRow(NamedTuple):
    """What a tag points to."""

    name: str
    digest: str


class RepositoryRow(NamedTuple):
    """A repository, and its place in its history."""

    id: int
    path: str
    seq: int


_CHANGE = """
    select c.id, c.account, c.repo_id, c.path, c.kind, c.wish, c.origin, c.seq, c.newer, c.total, c.undoes, c.job,
      c.made_at, c.started_at, c.ended_at, (select u.id from tag_change u where u.undoes = c.id) as undone
    from tag_change c
"""
CHANGE = Query(_CHANGE + " where c.id = :id", ChangeRow)
HOLD = Query(_CHANGE + " where c.id = :id for update", ChangeRow)
_IN = """ and case when c.total is null then 0 when c.job is null then 1 when c.ended_at is null then 2 else 3 end
    = any(:states)
"""
# The sum keeps the walk on the numbers, where the order is.
_AT = """
    where c.account + 0 >= :least and c.account + 0 <= :highest and
      (c.path = :path or c.path >= :low and c.path < :high)
"""
_DOWN = _IN + " and c.id < :before order by c.id desc limit :limit"
_UP = _IN + " and c.id > :after order by c.id limit :limit"
_ANY = _CHANGE + " where c.account > 0"
_BY = _CHANGE + " where c.account = :account"
CHANGES = Query(_ANY + _DOWN, ChangeRow)
CHANGES_UP = Query(_ANY + _UP, ChangeRow)
CHANGES_BY = Query(_BY + _DOWN, ChangeRow)
CHANGES_BY_UP = Query(_BY + _UP, ChangeRow)
CHANGES_AT = Query(_CHANGE + _AT + _DOWN, ChangeRow)
CHANGES_AT_UP = Query(_CHANGE + _AT + _UP, ChangeRow)
OLD = Query("select id from tag_change where made_at < :before order by made_at, id limit 1", IdRow)
ADD = Query(
    """
    insert into tag_change (account, repo_id, path, kind, wish, origin, seq, newer, undoes, made_at)
    values (:account, :repo_id, :path, :kind, :wish, :origin, :seq, :newer, :undoes, :now) returning id
    """,
    IdRow,
)
READY = Command("update tag_change set total = :total where id = :id and total is null")
BEGIN = Command("update tag_change set job = :job, wish = :wish, started_at = :now where id = :id and job is null")
END = Command("update tag_change set ended_at = :now where id = :id and ended_at is null")
DROP = Command("delete from tag_change where id = :id")
ADD_ITEMS = Command(
    """
    insert into tag_change_item (change_id, name, was, before, outcome, why, renamed)
    select :id, v.value ->> 0, v.value ->> 1, v.value ->> 2, cast(v.value ->> 3 as bigint), v.value ->> 4,
      v.value ->> 5
    from each(:rows) v
    """
)
END_ITEM = Command(
    """
    update tag_change_item set outcome = :outcome, why = :why, now = :now_digest, before = :before
    where change_id = :id and name = :name and outcome = 0
    """
)
END_WAITING = Command("update tag_change_item set outcome = :outcome, why = :why where change_id = :id and outcome = 0")
UNDO_ITEMS = Command(
    """
    insert into tag_change_item (change_id, name, was, now, before, renamed)
    select :id, i.name, i.was, i.now, i.before, i.renamed from tag_change_item i
    where i.change_id = :undoes and i.outcome = 1
    """
)
DROP_ITEMS = Command("delete from tag_change_item where change_id = :id and name = any(:names)")
COUNTS = Query(
    "select outcome, count(*) as total from tag_change_item where change_id = :id group by outcome", CountRow
)
COUNTS_OF = Query(
    """
    select change_id, outcome, count(*) as total from tag_change_item where change_id = any(:ids)
    group by change_id, outcome
    """,
    CountOfRow,
)
_ITEM = "select name, was, now, before, outcome, why, renamed from tag_change_item where change_id = :id"
ITEMS = Query(_ITEM + " and name > :after order by name limit :limit", ItemRow)
ITEMS_DOWN = Query(_ITEM + " and name < :before order by name desc limit :limit", ItemRow)
ITEMS_OF = Query(_ITEM + " and outcome = :outcome and name > :after order by name limit :limit", ItemRow)
ITEMS_OF_DOWN = Query(_ITEM + " and outcome = :outcome and name < :before order by name desc limit :limit", ItemRow)
FACTS = Query(
    """
    select l.content_id as id, c.digest, l.media_type from link l join content c on c.id = l.content_id
    where l.repo_id = :repo_id and l.content_id = any(:ids)
    """,
    FactRow,
)
POINT = Query(
    """
    select t.name, c.digest from repository r join tag t on t.repo_id = r.id and t.name = any(:names)
    join content c on c.id = t.content_id
    where r.path = :path and r.gone_at is null
    """,
    PointRow,
)
LAST_BY = Query(
    """
    select j.request from journal j join repository r on r.id = j.repo_id
    where r.path = :path and r.gone_at is null and j.seq > 0 and j.seq = (
      select max(e.seq) from tag_event e where e.repo_id = r.id and e.name = :name
    )
    order by j.id limit 1
    """,
    RequestRow,
)
REPOSITORIES = Query("select id, path, seq from repository where path = any(:paths) and gone_at is null", RepositoryRow)
GONE_BY = Query(
    """
    select j.request from repository r join journal j on j.repo_id = r.id and j.seq = r.seq
    where r.id = :id and r.gone_at is not null order by j.id limit 1
    """,
    RequestRow,
)
