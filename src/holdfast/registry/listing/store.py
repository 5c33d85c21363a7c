"""The statements of lists. A page costs the same with ten rows behind it as with a million."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.db.query import Query


class TagRow(NamedTuple):
    """A tag; one row without a name when the repository has no (further) tags."""

    name: str | None
    version: int


class PathRow(NamedTuple):
    """A repository."""

    path: str


class ReferrerRow(NamedTuple):
    """A manifest that refers to a subject."""

    id: int
    digest: str
    size: int
    media_type: str
    artifact_type: str | None


class BodyRow(NamedTuple):
    """The bytes of a manifest, and its data key when they are encrypted."""

    id: int
    wrapped_key: bytes | None
    bytes: bytes


TAGS = Query(
    """
    select t.name, (select version from policy where id = 1) as version
    from repository r left join tag t on t.repo_id = r.id and t.name > :last
    where r.path = :path and r.gone_at is null and r.seq > 0
    order by t.name limit :limit
    """,
    TagRow,
)
CATALOG = Query(
    """
    select path from repository where path > :last and gone_at is null and seq > 0 order by path limit :limit
    """,
    PathRow,
)
# The subject is a scalar, not a join: otherwise SQLite walks every link of the repository instead of its referrers.
_REFERRERS = """
    select c.id, c.digest, c.size, l.media_type, l.artifact_type
    from repository r
    join link l on l.repo_id = r.id and l.content_id > :after
      and l.subject = (select s.id from content s where s.digest = :subject)
    join content c on c.id = l.content_id
    join body b on b.content_id = c.id
    where r.path = :path and r.gone_at is null and l.gone_at is null and l.kind > 0 and c.state = 0
"""
REFERRERS = Query(_REFERRERS + " order by l.content_id limit :limit", ReferrerRow)
REFERRERS_OF_TYPE = Query(
    _REFERRERS + " and l.artifact_type = :artifact_type order by l.content_id limit :limit", ReferrerRow
)
BODIES = Query(
    """
    select b.content_id as id, c.wrapped_key, b.bytes
    from body b join content c on c.id = b.content_id where b.content_id = any(:ids)
    """,
    BodyRow,
)
