"""The statements of a rollback. It is one transaction whose cost follows what it changes; each statement is bounded."""

from __future__ import annotations

from typing import NamedTuple, TypeVar

from holdfast.db.query import Command, Query
from holdfast.registry.history.store import RepositoryRow
from holdfast.registry.store import Moment

Row = TypeVar("Row")
ROWS = 100
"""How many rows one statement writes where the program brings them."""


class TagRow(NamedTuple):
    """What a tag points to."""

    name: str
    content_id: int


class ContentRow(NamedTuple):
    """Content that a tag points or pointed to, and how the repository shows it: not at all (`kind` None), or no more
    (`gone_at`). `reason`: why it was purged."""

    id: int
    digest: str
    state: int
    kind: int | None
    gone_at: int | None
    put_at: int | None
    reason: str | None


LOCK = Query(
    """
    select id, path, seq, last_at from repository where id = any(:ids) and gone_at is null
    order by id for no key update
    """,
    RepositoryRow,
)
TAGS = Query("select name, content_id from tag where repo_id = :repo_id and name = any(:names)", TagRow)
CONTENTS = Query(
    """
    select c.id, c.digest, c.state, l.kind, l.gone_at, l.put_at, p.reason
    from content c
    left join link l on l.repo_id = :repo_id and l.content_id = c.id
    left join purged p on p.content_id = c.id
    where c.id = any(:ids)
    """,
    ContentRow,
)
ADVANCE = Query(
    """
    update repository
    set seq = seq + 1, last_at = case when :now > last_at then :now else last_at + 1 end
    where id = any(:ids) returning id, seq, last_at
    """,
    Moment,
)


def _rows(row: str) -> str:
    return ", ".join([row.replace("<n>", str(n)) for n in range(ROWS)])


EVENTS = Command(
    "insert into tag_event (repo_id, seq, name, was_id, now_id, at) values <rows>".replace(
        "<rows>", _rows("(:repo<n>, :seq<n>, :name<n>, :was<n>, :now<n>, :at<n>)")
    )
)
TAGS_PUT = Command(
    """
    insert into tag (repo_id, name, content_id, was_id, seq, version_key) values <rows>
    on conflict (repo_id, name)
    do update set content_id = excluded.content_id, was_id = excluded.was_id, seq = excluded.seq
    """.replace("<rows>", _rows("(:repo<n>, :name<n>, :content<n>, :was<n>, :seq<n>, :key<n>)"))
)
TAG_PUT = Command(
    """
    insert into tag (repo_id, name, content_id, was_id, seq, version_key)
    values (:repo, :name, :content, :was, :seq, :key)
    on conflict (repo_id, name)
    do update set content_id = excluded.content_id, was_id = excluded.was_id, seq = excluded.seq
    """
)
TAGS_ENDED = Command("delete from tag where repo_id = :repo_id and name = any(:names)")
HELD = Command(
    """
    insert into candidate (repo_id, content_id, due)
    select :repo_id, c.id, :due from content c where c.id = any(:ids)
    on conflict (repo_id, content_id)
    do update set due = case when excluded.due > candidate.due then excluded.due else candidate.due end
    """
)
SETTLED = Command("delete from candidate where repo_id = :repo_id and content_id = any(:ids)")
