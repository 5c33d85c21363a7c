"""The statements of details. Each is bounded, and finds its rows by what they belong to."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.db.query import Query


class TargetRow(NamedTuple):
    """A manifest of a repository."""

    repo_id: int
    content_id: int
    artifact_type: str | None
    put_at: int
    version: int


class PartRow(NamedTuple):
    """What a manifest keeps as a part of itself."""

    id: int
    keeper: int
    digest: str
    kind: int
    size: int


class IdRow(NamedTuple):
    """The id of content."""

    id: int


class DigestRow(NamedTuple):
    """The digest of content."""

    digest: str


class NameRow(NamedTuple):
    """The name of a tag."""

    name: str


class ReferrerRow(NamedTuple):
    """A manifest that refers to another."""

    id: int
    subject: int
    digest: str
    media_type: str
    artifact_type: str | None
    size: int
    put_at: int


class BodyRow(NamedTuple):
    """The bytes of a manifest, and its data key when they are encrypted."""

    id: int
    wrapped_key: bytes | None
    bytes: bytes


class SharingRow(NamedTuple):
    """A blob, and how many other manifests of its repository keep it, at most so many."""

    id: int
    digest: str
    images: int


class PlacesRow(NamedTuple):
    """A blob, and the paths of repositories that have it, too, apart by spaces; None: there are none."""

    id: int
    paths: str | None


class PushRow(NamedTuple):
    """How a tag came to where it is, and who brought it there."""

    at: int
    actor: str | None


TARGET = Query(
    """
    select r.id as repo_id, c.id as content_id, l.artifact_type, l.put_at,
      (select version from policy where id = 1) as version
    from repository r
    join content c on c.digest = :digest
    join link l on l.repo_id = r.id and l.content_id = c.id
    where r.path = :path and r.gone_at is null and l.gone_at is null and l.kind > 0
    """,
    TargetRow,
)
PARTS = Query(
    """
    select e.kept_id as id, e.keeper_id as keeper, c.digest, l.kind, c.size
    from edge e
    join link l on l.repo_id = e.repo_id and l.content_id = e.kept_id
    join content c on c.id = e.kept_id
    where e.repo_id = :repo_id and e.keeper_id = any(:ids) and l.gone_at is null
      and (l.subject is null or l.subject <> e.keeper_id)
    limit :limit
    """,
    PartRow,
)
SHARED = Query(
    """
    select c.id from content c where c.id = any(:ids) and exists (
      select 1 from edge e where e.repo_id = :repo_id and e.kept_id = c.id and not e.keeper_id = any(:keepers)
    )
    """,
    IdRow,
)
TAGS_ON = Query(
    """
    select name from tag where repo_id = :repo_id and content_id = :content_id and name > :last
    order by name limit :limit
    """,
    NameRow,
)
REFERRERS = Query(
    """
    select e.kept_id as id, l.subject, c.digest, l.media_type, l.artifact_type, c.size, l.put_at
    from edge e
    join link l on l.repo_id = e.repo_id and l.content_id = e.kept_id
    join content c on c.id = e.kept_id
    where e.repo_id = :repo_id and e.keeper_id = any(:ids) and l.subject = e.keeper_id and l.gone_at is null
      and l.kind > 0 and c.state = 0
    limit :limit
    """,
    ReferrerRow,
)
BODIES = Query(
    """
    select b.content_id as id, c.wrapped_key, b.bytes
    from body b join content c on c.id = b.content_id where b.content_id = any(:ids)
    """,
    BodyRow,
)
DIGESTS = Query("select digest from content where id = any(:ids)", DigestRow)
SHARING = Query(
    """
    select c.id, c.digest, (
      select count(*) from (
        select 1 from edge e
        where e.repo_id = :repo_id and e.kept_id = c.id and not e.keeper_id = any(:keepers) limit :limit
      ) counted
    ) as images
    from content c where c.digest = any(:digests)
    """,
    SharingRow,
)
# The places of each blob in the order of their ids, so that what all repositories have is not walked through. No join:
# that may become one with all links.
PLACES = Query(
    """
    select c.id, (
      select string_agg(p.path, ' ') from (
        select (select r.path from repository r where r.id = f.repo_id and r.gone_at is null) as path
        from (
          select n.repo_id, n.gone_at from link n where n.content_id = c.id order by n.repo_id limit :limit
        ) f
        where f.repo_id <> :repo_id and f.gone_at is null
      ) p
    ) as paths
    from content c where c.id = any(:ids)
    """,
    PlacesRow,
)
LAST_PUSH = Query(
    """
    select e.at, j.actor
    from tag_event e
    left join journal j on j.id = (
      select min(o.id) from journal o where o.repo_id = e.repo_id and o.seq = e.seq and o.seq > 0
    )
    where e.repo_id = :repo_id and e.name = :name order by e.seq desc limit 1
    """,
    PushRow,
)
REFERRERS_AFTER = Query(
    """
    select l.content_id as id, l.subject, c.digest, l.media_type, l.artifact_type, c.size, l.put_at
    from link l join content c on c.id = l.content_id
    where l.subject = :content_id and l.repo_id = :repo_id and l.content_id > :after and l.gone_at is null
      and l.kind > 0 and c.state = 0
    order by l.content_id limit :limit
    """,
    ReferrerRow,
)
