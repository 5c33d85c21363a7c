"""The statements of lists of tags. Each walks an index in its order, and no further than it gives rows."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.db.query import Command, Query


class KeyRow(NamedTuple):
    """A tag with all that tags are sorted by."""

    name: str
    content_id: int
    seq: int
    version_key: str
    size: int
    pulled_at: int


class RepositoryRow(NamedTuple):
    """A repository, its place in its history, the count of its tags as it was folded last; since when use is known,
    None: it is not; and how many of the tags belong to a digest, at most as many as were asked for."""

    id: int
    seq: int
    tags: int
    since: int | None
    folded: int


class SeqRow(NamedTuple):
    """A place in the history of a repository."""

    seq: int


class ToldRow(NamedTuple):
    """A tag with what is known of it. `aliases`, `referrers`: between spaces, a bounded number; `tagged`: there is a
    tag that holds signatures of it."""

    name: str
    content_id: int
    seq: int
    size: int
    pulled_at: int
    digest: str
    kind: int
    media_type: str | None
    artifact_type: str | None
    total: int | None
    platforms: str | None
    own: int
    pushed_at: int
    actor: str | None
    aliases: str | None
    referrers: str | None
    tagged: bool
    pulled_by: str | None


class ActorRow(NamedTuple):
    """Who took a place in the history of a repository, None where nobody knows any more."""

    seq: int
    actor: str | None


class IdRow(NamedTuple):
    """The id of content."""

    id: int


class TagRow(NamedTuple):
    """A tag whose size is not known."""

    repo_id: int
    name: str
    content_id: int


class BodyRow(NamedTuple):
    """A manifest: its bytes, its data key when they are encrypted."""

    id: int
    digest: str
    kind: int
    media_type: str
    size: int
    wrapped_key: bytes | None
    bytes: bytes


class BlobRow(NamedTuple):
    """A blob; its bytes where they lie in the database."""

    id: int
    digest: str
    size: int
    key: str | None
    wrapped_key: bytes | None
    bytes: bytes | None


class PartRow(NamedTuple):
    """A part of a manifest, or of what is part of it; one that is part of both comes more than once."""

    owner_id: int
    id: int
    size: int


class CountRow(NamedTuple):
    """A count."""

    total: int


# -- in order ---------------------------------------------------------------------------------------------------------

# Without the tags that belong to a digest (oci/name.py): they are folded away, however many there are.
_KEY = """
    select t.name, t.content_id, t.seq, t.version_key, t.size, t.pulled_at from tag t
    where t.repo_id = :repo_id and not (
      t.name >= 'sha256-' and t.name < 'sha256.' and substr(t.name, 72, 1) in ('', '.') and length(t.name) >= 71
      and rtrim(substr(t.name, 8, 64), '0123456789abcdef') = ''
    )
"""
_BOTH = _KEY + " and (t.<by>, t.name) <past> (:key, :name) order by t.<by><turn>, t.name<turn> limit :limit"
_UP = _BOTH.replace("<past>", ">").replace("<turn>", "")
_DOWN = _BOTH.replace("<past>", "<").replace("<turn>", " desc")
_NAMED = " and t.name > :low and t.name < :high"
BY_NAME = Query(_KEY + _NAMED + " order by t.name limit :limit", KeyRow)
BY_NAME_DOWN = Query(_KEY + _NAMED + " order by t.name desc limit :limit", KeyRow)
BY_VERSION = Query(_UP.replace("<by>", "version_key"), KeyRow)
BY_VERSION_DOWN = Query(_DOWN.replace("<by>", "version_key"), KeyRow)
BY_PUSH = Query(_UP.replace("<by>", "seq"), KeyRow)
BY_PUSH_DOWN = Query(_DOWN.replace("<by>", "seq"), KeyRow)
BY_SIZE = Query(_UP.replace("<by>", "size"), KeyRow)
BY_SIZE_DOWN = Query(_DOWN.replace("<by>", "size"), KeyRow)
BY_PULL = Query(_UP.replace("<by>", "pulled_at"), KeyRow)
BY_PULL_DOWN = Query(_DOWN.replace("<by>", "pulled_at"), KeyRow)
NEVER_PULLED = Query(
    _KEY
    + """
    and (t.pulled_at, t.name) > (0, :name) and (t.pulled_at, t.name) < (1, '') order by t.pulled_at, t.name limit :limit
    """,
    KeyRow,
)
NAMED = Query(_KEY + " and t.name = any(:names)", KeyRow)

# Few others lie where those lie that belong to a digest. `limit`: of how many of them are counted, 0: none.
REPOSITORY = Query(
    """
    select r.id, r.seq, coalesce((select u.tags from usage u where u.path = r.path), 0) as tags,
      (select y.since from use_tracking y where y.id = 1) as since,
      (select count(*) from (
        select t.name from tag t where t.repo_id = r.id and t.name >= 'sha256-' and t.name < 'sha256.'
          and substr(t.name, 72, 1) in ('', '.') and length(t.name) >= 71
          and rtrim(substr(t.name, 8, 64), '0123456789abcdef') = ''
        order by t.name limit :limit
      ) as belonging) as folded
    from repository r where r.path = :path and r.gone_at is null
    """,
    RepositoryRow,
)
# The last place in history up to an instant.
PLACE_AT = Query(
    """
    select e.seq from tag_event e where e.repo_id = :repo_id and e.at <= :at order by e.at desc, e.name desc limit 1
    """,
    SeqRow,
)
NEWER = Query(
    """
    select count(*) as total from (
      select name from tag where repo_id = :repo_id and seq > :seq order by seq limit :limit
    ) as newer
    """,
    CountRow,
)

# -- what is told of them ---------------------------------------------------------------------------------------------

_ACTOR = """
    select j.actor from journal j where j.id = (
      select min(o.id) from journal o where o.repo_id = :repo_id and o.seq = t.seq and o.seq > 0
    )
"""
# The referrers by what the subject keeps: SQLite would walk all links of the repository for their subject.
TOLD = Query(
    """
    select t.name, t.content_id, t.seq, t.size, t.pulled_at, c.digest, l.kind, l.media_type, l.artifact_type, l.total,
      l.platforms, c.size as own,
      coalesce((
        select e.at from tag_event e where e.repo_id = t.repo_id and e.seq = t.seq and e.name = t.name
      ), l.put_at) as pushed_at, (<actor>) as actor,
      (select string_agg(a.name, ' ') from (
        select o.name from tag o where o.repo_id = t.repo_id and o.content_id = t.content_id
        order by o.name limit :aliases
      ) as a) as aliases,
      (select string_agg(coalesce(f.artifact_type, '-'), ' ') from (
        select s.artifact_type from edge e join link s on s.repo_id = e.repo_id and s.content_id = e.kept_id
        where e.repo_id = t.repo_id and e.keeper_id = t.content_id and s.subject = t.content_id and s.gone_at is null
        limit :referrers
      ) as f) as referrers,
      case when exists (
        select 1 from tag g where g.repo_id = t.repo_id and g.name = replace(c.digest, ':', '-') || '.sig'
      ) then 1 else 0 end as tagged,
      case when :audits = 1 then (
        select u.subject from access_use u
        where u.repository = :path and u.reference = t.name and u.action = 'pull' and u.allowed = 1 and u.day = (
          select max(d.day) from access_use d where d.repository = :path and d.reference = t.name
        )
        order by u.last_at desc limit 1
      ) end as pulled_by
    from tag t
    join link l on l.repo_id = t.repo_id and l.content_id = t.content_id
    join content c on c.id = t.content_id
    where t.repo_id = :repo_id and t.name = any(:names)
    """.replace("<actor>", _ACTOR),
    ToldRow,
)

# -- filters over some rows of an order -------------------------------------------------------------------------------

# `rows`: a JSON array of [seq]. A unit takes a place, and whoever it is did all of it. A look for each: else PostgreSQL
# reads all rows of the repository where the others have few.
ACTORS = Query(
    """
    select p.seq, (
      select min(j.actor) from journal j where j.repo_id = :repo_id and j.seq = p.seq and j.seq > 0
    ) as actor
    from (select cast(v.value ->> 0 as bigint) as seq from each(:rows) v) p
    """,
    ActorRow,
)
FOR_PLATFORM = Query(
    """
    select l.content_id as id from link l
    where l.repo_id = :repo_id and l.content_id = any(:ids) and replace(l.platforms, :platform, '') <> l.platforms
    """,
    IdRow,
)
# -- what is looked up once for each manifest -------------------------------------------------------------------------

UNSIZED = Query(
    """
    select repo_id, name, content_id from tag
    where size < 0 and (repo_id, name) > (:repo_id, :name) order by repo_id, name limit :limit
    """,
    TagRow,
)
MANIFESTS = Query(
    """
    select c.id, c.digest, l.kind, l.media_type, c.size, c.wrapped_key, b.bytes
    from link l join content c on c.id = l.content_id join body b on b.content_id = c.id
    where l.repo_id = :repo_id and l.content_id = any(:ids) and l.kind > 0 and c.state = 0
    """,
    BodyRow,
)
CONFIGS = Query(
    """
    select c.id, c.digest, c.size, c.key, c.wrapped_key, b.bytes
    from content c left join body b on b.content_id = c.id
    where c.digest = any(:digests) and c.state = 0 and exists (
      select 1 from link l where l.repo_id = :repo_id and l.content_id = c.id
    )
    """,
    BlobRow,
)
# What refers to a manifest is no part of it. `deep`: so far down parts of parts are looked for.
PARTS = Query(
    """
    with recursive part (owner_id, id, depth) as (
      select e.keeper_id, e.kept_id, 1 from edge e
      join link l on l.repo_id = e.repo_id and l.content_id = e.kept_id
      where e.repo_id = :repo_id and e.keeper_id = any(:ids) and coalesce(l.subject, 0) <> e.keeper_id
      union
      select p.owner_id, e.kept_id, p.depth + 1 from part p cross join edge e
      join link l on l.repo_id = e.repo_id and l.content_id = e.kept_id
      where e.repo_id = :repo_id and e.keeper_id = p.id and p.depth < :deep and coalesce(l.subject, 0) <> e.keeper_id
    )
    select p.owner_id, p.id, c.size from part p cross join content c where c.id = p.id
    """,
    PartRow,
)
SET_TOTAL = Command(
    "update link set total = :total, platforms = :platforms where repo_id = :repo_id and content_id = :content_id"
)
SET_SIZE = Command(
    "update tag set size = :size where repo_id = :repo_id and name = :name and content_id = :content_id and size < 0"
)
HOLD = Query("select id from repository where id = :repo_id for no key update", IdRow)
