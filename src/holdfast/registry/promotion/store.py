"""The statements of promotion: what belongs to a manifest is walked step by step, and written in sets."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.db.query import Command, Query


class Ids(NamedTuple):
    """A repository by its name."""

    id: int
    path: str


class RootRow(NamedTuple):
    """The manifest that a reference names."""

    id: int
    digest: str
    kind: int
    size: int
    state: int
    subject: int | None


class PartRow(NamedTuple):
    """What a manifest keeps: one of its parts, or what refers to it (`subject` is the keeper then)."""

    id: int
    keeper: int
    digest: str
    kind: int
    size: int
    state: int
    subject: int | None
    gone_at: int | None


class LinkRow(NamedTuple):
    """What the target has of a copied manifest or blob."""

    id: int
    kind: int
    gone_at: int | None


class ContentId(NamedTuple):
    """The id of content."""

    id: int


class Named(NamedTuple):
    """Content by its id."""

    id: int
    digest: str


class TagRow(NamedTuple):
    """What a tag points to."""

    name: str
    content_id: int
    digest: str


REPOSITORIES = Query("select id, path from repository where path = any(:paths) and gone_at is null", Ids)
_ROOT = """
    select c.id, c.digest, l.kind, c.size, c.state, l.subject
    from <found> join link l on l.repo_id = :repo_id and l.content_id = c.id
    where <named> and l.gone_at is null and l.kind > 0
"""
ROOT_BY_DIGEST = Query(_ROOT.replace("<found>", "content c").replace("<named>", "c.digest = :digest"), RootRow)
ROOT_BY_TAG = Query(
    _ROOT.replace("<found>", "tag t join content c on c.id = t.content_id").replace(
        "<named>", "t.repo_id = :repo_id and t.name = :name"
    ),
    RootRow,
)
PARTS = Query(
    """
    select e.kept_id as id, e.keeper_id as keeper, c.digest, l.kind, c.size, c.state, l.subject, l.gone_at
    from edge e
    join link l on l.repo_id = e.repo_id and l.content_id = e.kept_id
    join content c on c.id = e.kept_id
    where e.repo_id = :repo_id and e.keeper_id = any(:ids) limit :limit
    """,
    PartRow,
)
SETTLE = Command("delete from candidate where repo_id = :repo_id and content_id = any(:ids)")
HOLD = Command(
    """
    insert into candidate (repo_id, content_id, due)
    select :repo_id, id, :due from content where id = any(:ids) order by id
    on conflict (repo_id, content_id)
    do update set due = case when excluded.due > candidate.due then excluded.due else candidate.due end
    """
)
COPY_LINKS = Query(
    """
    insert into link (repo_id, content_id, kind, media_type, artifact_type, subject, put_at)
    select :repo_id, content_id, kind, media_type, artifact_type, subject, :at from link
    where repo_id = :source_id and content_id = any(:ids) order by content_id
    on conflict (repo_id, content_id) do nothing returning content_id as id
    """,
    ContentId,
)
# The lock is against pushes of the same bytes as a blob, which do not lock the repository.
THERE = Query(
    """
    select content_id as id, kind, gone_at from link where repo_id = :repo_id and content_id = any(:ids)
    order by content_id for no key update
    """,
    LinkRow,
)
# What was deleted here, and what is here as a blob only: the media type first stored here stays.
TAKE_OVER = Command(
    """
    update link set
      kind = (select s.kind from link s where s.repo_id = :source_id and s.content_id = link.content_id),
      media_type = coalesce(
        media_type, (select s.media_type from link s where s.repo_id = :source_id and s.content_id = link.content_id)
      ),
      artifact_type =
        (select s.artifact_type from link s where s.repo_id = :source_id and s.content_id = link.content_id),
      subject = (select s.subject from link s where s.repo_id = :source_id and s.content_id = link.content_id),
      put_at = :at, gone_at = null
    where repo_id = :repo_id and content_id = any(:ids)
    """
)
AWAIT_LINKS = Command(
    """
    insert into link (repo_id, content_id, kind, put_at, gone_at)
    select :repo_id, id, 0, :at, :at from content where id = any(:ids) order by id
    on conflict (repo_id, content_id) do nothing
    """
)
# By the keepers alone: asked for both ends, SQLite would look for every pair of them.
COPY_EDGES = Command(
    """
    insert into edge (repo_id, kept_id, keeper_id)
    select :repo_id, e.kept_id, e.keeper_id from edge e
    where e.repo_id = :source_id and e.keeper_id = any(:keepers) and exists (
      select 1 from link l where l.repo_id = :repo_id and l.content_id = e.kept_id
    )
    on conflict (repo_id, kept_id, keeper_id) do nothing
    """
)
# Copied manifests whose subject the target has, and referrers that wait in the target for what was copied.
JOIN_SUBJECTS = Command(
    """
    insert into edge (repo_id, kept_id, keeper_id)
    select l.repo_id, l.content_id, l.subject from link l
    join link k on k.repo_id = l.repo_id and k.content_id = l.subject
    where l.repo_id = :repo_id and l.content_id = any(:ids) and l.subject is not null
    order by l.content_id
    on conflict (repo_id, kept_id, keeper_id) do nothing
    """
)
KEEP_WAITING_REFERRERS = Command(
    """
    insert into edge (repo_id, kept_id, keeper_id)
    select repo_id, content_id, subject from link where repo_id = :repo_id and subject = any(:ids)
    on conflict (repo_id, kept_id, keeper_id) do nothing
    """
)
TAGS = Query(
    """
    select t.name, t.content_id, c.digest from tag t join content c on c.id = t.content_id
    where t.repo_id = :repo_id and t.name = any(:names)
    """,
    TagRow,
)
PUT_TAG = Command(
    """
    insert into tag (repo_id, name, content_id, was_id, seq, version_key)
    values (:repo_id, :name, :content_id, :was_id, :seq, :version_key)
    on conflict (repo_id, name)
    do update set content_id = excluded.content_id, was_id = excluded.was_id, seq = excluded.seq
    """
)
DIGESTS = Query("select id, digest from content where id = any(:ids)", Named)
