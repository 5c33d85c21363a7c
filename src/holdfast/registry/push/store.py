"""The statements of a manifest push."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.db.query import Command, Query


class ChildRow(NamedTuple):
    """Content that a manifest names; `kind` is None when the repository does not show it."""

    id: int
    digest: str
    kind: int | None


class LinkRow(NamedTuple):
    """A link to the manifest that is being pushed: a blob's, a damaged manifest's, or a tombstone."""

    gone_at: int | None
    media_type: str | None


class ContentId(NamedTuple):
    """The id of content."""

    id: int


class TagRow(NamedTuple):
    """What a tag points to."""

    content_id: int


class BodyRow(NamedTuple):
    """Whether content has inline bytes, and its key."""

    present: bool
    key: str | None


# The link is looked up per digest: as a join SQLite would walk all links of the repository instead.
CHILDREN = Query(
    """
    select c.id, c.digest,
      (select l.kind from link l where l.repo_id = :repo_id and l.content_id = c.id and l.gone_at is null) as kind
    from content c where c.digest = any(:digests) and c.state = 0
    """,
    ChildRow,
)
PRESENT = Query(
    """
    select c.id
    from content c
    join link l on l.repo_id = :repo_id and l.content_id = c.id
    join body b on b.content_id = c.id
    where c.digest = :digest and c.state = 0 and l.kind > 0 and l.gone_at is null
    """,
    ContentId,
)
# The lock is against pushes of the same bytes as a blob, which do not lock the repository.
LINK = Query(
    """
    select gone_at, media_type from link where repo_id = :repo_id and content_id = :content_id for no key update
    """,
    LinkRow,
)
NEW_LINK = Command(
    """
    insert into link (repo_id, content_id, kind, media_type, artifact_type, subject, put_at)
    values (:repo_id, :content_id, :kind, :media_type, :artifact_type, :subject, :at)
    on conflict (repo_id, content_id) do nothing
    """
)
SET_LINK = Command(
    """
    update link set kind = :kind, media_type = :media_type, artifact_type = :artifact_type, subject = :subject,
      put_at = :at, gone_at = null
    where repo_id = :repo_id and content_id = :content_id
    """
)
AWAIT_CONTENT = Query(
    """
    insert into content (digest, size, state) values (:digest, 0, 2) on conflict (digest) do nothing returning id
    """,
    ContentId,
)
CONTENT_ID = Query("select id from content where digest = :digest for key share", ContentId)
AWAIT_LINK = Command(
    """
    insert into link (repo_id, content_id, kind, put_at, gone_at) values (:repo_id, :content_id, :kind, :at, :at)
    on conflict (repo_id, content_id) do nothing
    """
)
HAS_LINK = Query("select content_id as id from link where repo_id = :repo_id and content_id = :content_id", ContentId)
BODY = Query(
    """
    select case when b.content_id is null then 0 else 1 end as present, c.key
    from content c left join body b on b.content_id = c.id where c.id = :id
    """,
    BodyRow,
)
INLINE = Command("update content set key = null, wrapped_key = :wrapped_key where id = :id")
EDGE = Command(
    """
    insert into edge (repo_id, kept_id, keeper_id) values (:repo_id, :kept_id, :keeper_id)
    on conflict (repo_id, kept_id, keeper_id) do nothing
    """
)
KEEP_WAITING_REFERRERS = Command(
    """
    insert into edge (repo_id, kept_id, keeper_id)
    select repo_id, content_id, subject from link where repo_id = :repo_id and subject = :subject order by content_id
    on conflict (repo_id, kept_id, keeper_id) do nothing
    """
)
# What the manifest names needs no look of the collector's own any more, and its leases end. By digest, not by edge:
# a manifest also keeps its referrers, and there may be very many.
SETTLE_CHILDREN = Command(
    """
    delete from candidate where repo_id = :repo_id
      and content_id in (
        select c.id from content c where c.digest = any(:digests) and exists (
          select 1 from edge e where e.repo_id = :repo_id and e.kept_id = c.id and e.keeper_id = :keeper_id
        )
      )
    """
)
SETTLE = Command("delete from candidate where repo_id = :repo_id and content_id = :content_id")
END_LEASES = Command(
    """
    delete from lease where repo_id = :repo_id and opener = :opener
      and content_id in (select id from content where digest = any(:digests))
    """
)
TAG = Query("select content_id from tag where repo_id = :repo_id and name = :name", TagRow)
PUT_TAG = Command(
    """
    insert into tag (repo_id, name, content_id, was_id, seq, version_key)
    values (:repo_id, :name, :content_id, :was_id, :seq, :version_key)
    on conflict (repo_id, name)
    do update set content_id = excluded.content_id, was_id = excluded.was_id, seq = excluded.seq
    """
)
