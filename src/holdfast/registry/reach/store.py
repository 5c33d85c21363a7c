"""The statements of reach. Each returns a bounded number of rows and walks no more than it says.

Names of tags are asked for by `SLOTS` ranges, and by that of the tags that belong to a digest (spans.py).
"""

from __future__ import annotations

from typing import NamedTuple

from holdfast.db.query import Query

SLOTS = 4


class StepRow(NamedTuple):
    """Of what is asked for: something that keeps it (`name` ''), or a tag that is or was on it; with a tag that belongs
    to a digest comes the id of that content, 0 when there is none. `branch`: which part of the statement gave it."""

    branch: int
    id: int
    name: str


class RootRow(NamedTuple):
    """A tag, what it points or pointed to, and when it ceased to (0: it still does). `branch` 0: one of those that
    belong to a digest is or was here."""

    branch: int
    id: int
    name: str
    ended: int


class DownRow(NamedTuple):
    """`branch` 0: a way down to the target was found; 1: what is kept and keeps more; 2: how many edges were walked."""

    branch: int
    id: int


class TagRow(NamedTuple):
    """A tag; of one that belongs to a digest the id of that content, 0 when there is none."""

    id: int
    name: str


class EventRow(NamedTuple):
    """When a tag ceased to point to something; `id` as of a tag."""

    id: int
    at: int
    seq: int
    name: str


class Found(NamedTuple):
    """The ids of content, and of a repository that shows it or has shown it."""

    repo_id: int
    content_id: int


class Content(NamedTuple):
    """Content by its digest."""

    id: int
    digest: str


class SignedRow(NamedTuple):
    """A tag that belongs to a digest, and the manifest that it points to."""

    name: str
    id: int
    digest: str
    kind: int
    media_type: str | None
    artifact_type: str | None
    size: int
    state: int
    subject: int | None
    put_at: int


class Lease(NamedTuple):
    """A blob under a live lease."""

    content_id: int


_OF_A_DIGEST = "<name> >= 'sha256-' and <name> < 'sha256.'"
_DIGEST = "coalesce((select c.id from content c where c.digest = 'sha256:' || substr(t.name, 8, 64)), 0)"


def _branch(template: str, number: int, names: str = _OF_A_DIGEST, name: str = "t.name") -> str:
    return template.replace("<branch>", str(number)).replace("<in>", names).replace("<name>", name)


def _slots(template: str, first: int, name: str = "t.name") -> list[str]:
    """`template` once a slot, as branches that are numbered from `first` on."""
    return [_branch(template, first + n, f"<name> >= :low{n} and <name> < :high{n}", name) for n in range(SLOTS)]


_TAGS_ON = """
    select * from (
      select <branch> as branch, t.content_id as id, t.name from tag t
      where t.repo_id = :repo_id and t.content_id = any(:ids) and <in> limit :limit
    ) as found
"""
# The name is an expression here: else SQLite would walk the events of all these names.
_WERE_ON = """
    select * from (
      select <branch> as branch, t.was_id as id, t.name from tag_event t
      where t.repo_id = :repo_id and t.was_id = any(:ids) and t.was_id is not null and t.at > :after and <in>
      limit :limit
    ) as found
"""
_NAME = "t.name || ''"
STEP = Query(
    " union all ".join(
        [
            """
            select * from (
              select 0 as branch, e.keeper_id as id, '' as name from edge e
              where e.repo_id = :repo_id and e.kept_id = any(:ids) limit :limit
            ) as found
            """,
            _branch(_TAGS_ON.replace("t.content_id as id", _DIGEST + " as id"), 1),
            _branch(_WERE_ON.replace("t.was_id as id", _DIGEST + " as id"), 2, name=_NAME),
            *_slots(_TAGS_ON, 3),
            *_slots(_WERE_ON, 3 + SLOTS, _NAME),
        ]
    ),
    StepRow,
)
_TAGS_IN = """
    select * from (
      select <branch> as branch, t.content_id as id, t.name, 0 as ended from tag t
      where t.repo_id = :repo_id and <in> order by t.name limit :limit
    ) as found
"""
_WERE_IN = """
    select * from (
      select <branch> as branch, coalesce(t.was_id, 0) as id, t.name, t.at as ended from tag_event t
      where t.repo_id = :repo_id and <in> order by t.name desc, t.seq desc limit :limit
    ) as found
"""
ROOTS = Query(
    " union all ".join(
        [
            _branch(_TAGS_IN.replace(":limit", "1"), 0),
            _branch(_WERE_IN.replace(":limit", "1"), 0),
            *_slots(_TAGS_IN, 1),
            *_slots(_WERE_IN, 1 + SLOTS),
        ]
    ),
    RootRow,
)
_KEPT = " (select e.kept_id from edge e where e.repo_id = :repo_id and e.keeper_id = any(:ids) limit :most) as k "
DOWN = Query(
    """
    select * from (
      select 0 as branch, e.keeper_id as id from edge e
      where e.repo_id = :repo_id and e.kept_id = :content_id and e.keeper_id = any(:ids) limit 1
    ) as found
    union all
    select * from (
      select 0 as branch, e.keeper_id as id from <kept>
      join edge e on e.repo_id = :repo_id and e.kept_id = :content_id and e.keeper_id = k.kept_id limit 1
    ) as found
    union all
    select 1 as branch, k.kept_id as id from <kept>
    where (select 1 from edge e where e.repo_id = :repo_id and e.keeper_id = k.kept_id limit 1) = 1
    union all
    select 2 as branch, count(*) as id from <kept>
    """.replace("<kept>", _KEPT),
    DownRow,
)
# One thing's own, page by page, where it has more than a step shows.
KEEPERS_OF = Query(
    """
    select 0 as branch, keeper_id as id, '' as name from edge
    where repo_id = :repo_id and kept_id = :id and keeper_id > :after order by keeper_id limit :limit
    """,
    StepRow,
)
TAGS_ON = Query(
    """
    select <id> as id, t.name from tag t
    where t.repo_id = :repo_id and t.content_id = :id and t.name > :last order by t.name limit :limit
    """.replace("<id>", _DIGEST),
    TagRow,
)
WERE_ON = Query(
    """
    select <id> as id, t.at, t.seq, t.name from tag_event t
    where t.repo_id = :repo_id and t.was_id = :id and t.was_id is not null
      and (t.at, t.seq, t.name) > (:after, :seq, :last)
    order by t.at, t.seq, t.name limit :limit
    """.replace("<id>", _DIGEST),
    EventRow,
)
BY_DIGEST = Query("select id, digest from content where digest = any(:digests)", Content)
FOUND = Query(
    """
    select r.id as repo_id, c.id as content_id from repository r join content c on c.digest = :digest
    where r.path = :path and r.gone_at is null
    """,
    Found,
)
# Who uploaded bytes holds a lease on a blob. A manifest keeps more than its own bytes: only who put it as one (`maker`)
# holds a lease on it that counts.
LEASED = Query(
    """
    select c.id, c.digest from content c
    where c.digest = any(:digests) and (
      exists (
        select 1 from lease e join link l on l.repo_id = e.repo_id and l.content_id = e.content_id
        where e.repo_id = :repo_id and e.content_id = c.id and e.opener = :opener and e.due > :now and l.kind = 0
      ) or exists (
        select 1 from lease e
        where e.repo_id = :repo_id and e.content_id = c.id and e.opener = :maker and e.due > :now
      )
    )
    """,
    Content,
)
OWN_LEASE = Query(
    """
    select e.content_id from lease e join link l on l.repo_id = e.repo_id and l.content_id = e.content_id
    where e.repo_id = :repo_id and e.content_id = :content_id and e.opener = :opener and e.due > :now and l.kind = 0
    """,
    Lease,
)
SIGNED = Query(
    """
    select t.name, c.id, c.digest, l.kind, l.media_type, l.artifact_type, c.size, c.state, l.subject, l.put_at
    from tag t
    join link l on l.repo_id = t.repo_id and l.content_id = t.content_id
    join content c on c.id = t.content_id
    where t.repo_id = :repo_id and t.name >= :low and t.name < :high and l.gone_at is null
    order by t.name limit :limit
    """,
    SignedRow,
)
