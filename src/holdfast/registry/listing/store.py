"""The statements of lists. A page costs the same with ten rows behind it as with a million."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.db.query import Query


class TagRow(NamedTuple):
    """A tag; and one row without a name, when there is the repository."""

    name: str | None
    version: int
    repo_id: int


class SeenRow(NamedTuple):
    """A repository that is in the catalog."""

    id: int
    version: int


class NameRow(NamedTuple):
    """The name of a tag or of a repository, and which of the ranges it is in."""

    slot: int
    name: str


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


# The repository is a scalar, not a join: otherwise PostgreSQL sorts all of its tags for each page. The row without a
# name says that it is there.
TAGS = Query(
    """
    select name, version, repo_id from (
      select t.name, (select version from policy where id = 1) as version, t.repo_id
      from tag t
      where t.repo_id = (select r.id from repository r where r.path = :path and r.gone_at is null and r.seq > 0)
        and t.name > :last
      order by t.name limit :limit
    ) as page
    union all
    select cast(null as text) as name, (select version from policy where id = 1) as version, r.id as repo_id
    from repository r where r.path = :path and r.gone_at is null and r.seq > 0
    """,
    TagRow,
)
CATALOG = Query(
    """
    select path from repository where path > :last and gone_at is null and seq > 0 order by path limit :limit
    """,
    PathRow,
)
SEEN = Query(
    """
    select r.id, (select version from policy where id = 1) as version
    from repository r where r.path = :path and r.gone_at is null and r.seq > 0
    """,
    SeenRow,
)
SLOTS = 4
"""From so many ranges of names does a statement give the first ones of each."""


def _slots(template: str) -> str:
    whole = "select * from (<part>) as found".replace("<part>", template)
    parts = (
        whole.replace("<slot>", str(n)).replace("<in>", f">= :low{n}").replace("<until>", f"< :high{n}")
        for n in range(SLOTS)
    )
    return " union all ".join(parts)


TAGS_IN = Query(
    _slots(
        """
        select <slot> as slot, name from tag
        where repo_id = :repo_id and name <in> and name <until> order by name limit :limit
        """
    ),
    NameRow,
)
CATALOG_IN = Query(
    _slots(
        """
        select <slot> as slot, path as name from repository
        where path <in> and path <until> and gone_at is null and seq > 0 order by path limit :limit
        """
    ),
    NameRow,
)
# Scalars and no joins: otherwise SQLite walks every link of the repository instead of the subject's referrers, and
# PostgreSQL sorts all of them for each page, or walks all content beside them.
_REFERRERS = """
    select l.content_id as id, (select c.digest from content c where c.id = l.content_id) as digest,
      (select c.size from content c where c.id = l.content_id) as size, l.media_type, l.artifact_type
    from link l
    where l.subject = (select s.id from content s where s.digest = :subject)
      and l.repo_id = (select r.id from repository r where r.path = :path and r.gone_at is null)
      and l.content_id > :after and l.gone_at is null and l.kind > 0
      and (select c.state from content c join body b on b.content_id = c.id where c.id = l.content_id) = 0
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
