"""The statements of lists of repositories and namespaces. Each walks an index in its order.

Counts stand in `usage`, folded within a second or two: a repository's own under its path, those of all that is at and
below a path under the path and a slash.
"""

from __future__ import annotations

from typing import NamedTuple

from holdfast.db.query import Query


class KeyRow(NamedTuple):
    """A repository, and by what it is sorted besides its name."""

    id: int
    path: str
    pushed_at: int
    pulled_at: int
    key: int


class SiftedRow(NamedTuple):
    """A path of an order, which is wanted perhaps, and its place there; `reached`: the piece that was looked at ends
    here, whether or not it is wanted."""

    key: int
    path: str
    reached: bool


class HeldRow(NamedTuple):
    """A repository with all that repositories are sorted by."""

    id: int
    path: str
    pushed_at: int
    pulled_at: int
    bytes: int
    tags: int
    exclusive: int


class LineRow(NamedTuple):
    """A repository as it is shown. `exclusive`: as of the last count of what everybody stores, None: it was not in it;
    `description`: what people say of it; `said`: what its newest tag points to, kind and type of the artifact, None:
    there is none."""

    id: int
    path: str
    pushed_at: int
    pulled_at: int
    bytes: int
    tags: int
    exclusive: int | None
    description: str
    said: str | None


class CountRow(NamedTuple):
    """A count."""

    total: int


class BranchRow(NamedTuple):
    """What stands directly below a namespace: a repository, or with a slash at its end all that is at and below it.
    `present`: there is a repository of this name; `said`: people say something of it; `description`: what; `made`:
    people say something of a path below it."""

    path: str
    bytes: int
    repositories: int
    tags: int
    present: bool
    said: bool
    description: str
    made: bool


class UsedRow(NamedTuple):
    """A path of the sums at and below which there is a repository."""

    path: str


class LateRow(NamedTuple):
    """A repository that the sums do not have yet."""

    path: str


class NewestRow(NamedTuple):
    """What the newest tag of a repository points to: kind and type of the artifact, None: there is none."""

    id: int
    said: str | None


class WalkRow(NamedTuple):
    """The last count of what everybody stores."""

    walk: int


_EXCLUSIVE = "coalesce((select f.exclusive from storage_figure f where f.walk = :walk and f.path = r.path), 0)"
_HELD = """
    select r.id, r.path, r.pushed_at, r.pulled_at,
      coalesce((select u.bytes from usage u where u.path = r.path), 0) as bytes,
      coalesce((select u.tags from usage u where u.path = r.path), 0) as tags, <exclusive> as exclusive
    from repository r where r.gone_at is null and
""".replace("<exclusive>", _EXCLUSIVE)
# A piece of an order, by its index alone: what in it is like the patterns, and the last of all (`reached`), if it is as
# long as it may be.
_SIFT = """
    select k.key, k.path, 0 as reached from (<piece> limit :limit) k
    where k.path like :text and (
      k.path like :like1 or k.path like :like2 or k.path like :like3 or k.path like :like4
    )
    union all
    select e.key, e.path, 1 as reached from (<piece> limit 1 offset :limit - 1) e
"""
_NAMED = _SIFT.replace(
    "<piece>", "select 0 as key, path from repository where path > :low and path < :high order by path<turn>"
)
_KEYED = _SIFT.replace(
    "<piece>",
    "select <by> as key, path from <from> and (<by>, path) <past> (:key, :name) order by <by><turn>, path<turn>",
)
_UP = _KEYED.replace("<past>", ">").replace("<turn>", "")
_DOWN = _KEYED.replace("<past>", "<").replace("<turn>", " desc")
_TIMED = "repository where gone_at is null"
_COUNTED = "usage where path = rtrim(path, '/')"
_FREED = "storage_figure where walk = :walk and path = rtrim(path, '/')"
BY_NAME = Query(_NAMED.replace("<turn>", ""), SiftedRow)
BY_NAME_DOWN = Query(_NAMED.replace("<turn>", " desc"), SiftedRow)
BY_PUSH = Query(_UP.replace("<from>", _TIMED).replace("<by>", "pushed_at"), SiftedRow)
BY_PUSH_DOWN = Query(_DOWN.replace("<from>", _TIMED).replace("<by>", "pushed_at"), SiftedRow)
BY_PULL = Query(_UP.replace("<from>", _TIMED).replace("<by>", "pulled_at"), SiftedRow)
BY_PULL_DOWN = Query(_DOWN.replace("<from>", _TIMED).replace("<by>", "pulled_at"), SiftedRow)
BY_SIZE = Query(_UP.replace("<from>", _COUNTED).replace("<by>", "bytes"), SiftedRow)
BY_SIZE_DOWN = Query(_DOWN.replace("<from>", _COUNTED).replace("<by>", "bytes"), SiftedRow)
BY_TAGS = Query(_UP.replace("<from>", _COUNTED).replace("<by>", "tags"), SiftedRow)
BY_TAGS_DOWN = Query(_DOWN.replace("<from>", _COUNTED).replace("<by>", "tags"), SiftedRow)
BY_FREES = Query(_UP.replace("<from>", _FREED).replace("<by>", "exclusive"), SiftedRow)
BY_FREES_DOWN = Query(_DOWN.replace("<from>", _FREED).replace("<by>", "exclusive"), SiftedRow)
WALK = Query("select walk from storage_walk where ended_at is not null order by walk desc limit 1", WalkRow)
STANDING = Query(
    "select id, path, pushed_at, pulled_at, 0 as key from repository where path = any(:paths) and gone_at is null",
    KeyRow,
)
HELD = Query(_HELD + " r.path > :low and r.path < :high order by r.path limit :limit", HeldRow)
# Without the tags that belong to a digest (oci/name.py). No join: that may become a walk over all links of each.
_NEWEST = """
    (
      select cast(l.kind as text) || ' ' || coalesce(l.artifact_type, '') from link l
      where l.repo_id = r.id and l.content_id = (
        select t.content_id from tag t
        where t.repo_id = r.id and not (t.name >= 'sha256-' and t.name < 'sha256.' and length(t.name) >= 71)
        order by t.seq desc, t.name desc limit 1
      )
    ) as said
"""
NEWEST = Query("select r.id, " + _NEWEST + " from repository r where r.id = any(:ids)", NewestRow)  # noqa: S608
LINES = Query(
    """
    select r.id, r.path, r.pushed_at, r.pulled_at, coalesce(u.bytes, 0) as bytes, coalesce(u.tags, 0) as tags,
      (select f.exclusive from storage_figure f where f.path = r.path and f.walk = (
        select w.walk from storage_walk w where w.ended_at is not null order by w.walk desc limit 1
      )) as exclusive,
      coalesce(n.description, '') as description, <newest>
    from repository r left join usage u on u.path = r.path left join namespace n on n.path = r.path
    where r.path = any(:paths) and r.gone_at is null
    """.replace("<newest>", _NEWEST),
    LineRow,
)
COUNT = Query(
    """
    select count(*) as total from (
      select path from repository where path > :low and path < :high and gone_at is null order by path limit :limit
    ) as few
    """,
    CountRow,
)
_BRANCHES = """
    select <path>, <bytes>, <repositories>, <tags>,
      case when exists (
        select 1 from repository r where r.path = rtrim(<path>, '/') and r.gone_at is null
      ) then 1 else 0 end as present,
      case when n.path is null then 0 else 1 end as said, coalesce(n.description, '') as description,
      case when exists (
        select 1 from namespace m where m.path > rtrim(<path>, '/') || '/' and m.path < rtrim(<path>, '/') || '0'
      ) then 1 else 0 end as made
    from <from> left join namespace n on n.path = rtrim(<path>, '/')
"""
_BRANCH = (
    _BRANCHES.replace("<bytes>", "u.bytes")
    .replace("<repositories>", "u.repositories")
    .replace("<tags>", "u.tags")
    .replace("<path>", "u.path")
    .replace("<from>", "usage u")
    + " where u.parent = :parent and u.path > :low and u.path < :high"
)
BRANCHES = Query(_BRANCH + " order by u.path limit :limit", BranchRow)
BRANCHES_DOWN = Query(_BRANCH + " order by u.path desc limit :limit", BranchRow)
BRANCHES_NAMED = Query(_BRANCH + " and u.path = any(:paths)", BranchRow)
# Right below which there is, or was, something called `tail`: by the index of last parts.
_WITH = (
    _BRANCH.replace("from usage u left join", "from usage b cross join usage u left join")
    + " and u.path = b.parent and substr(b.path, length(b.parent) + 1) = :tail and b.parent > :low and b.parent < :high"
)
BRANCHES_WITH = Query(_WITH + " order by b.parent limit :limit", BranchRow)
BRANCHES_WITH_DOWN = Query(_WITH + " order by b.parent desc limit :limit", BranchRow)
LATE = Query(
    """
    select d.path from usage_delta d join repository r on r.path = d.path and r.gone_at is null
    where d.repositories = 1 order by d.id desc limit :limit
    """,
    LateRow,
)
_SUM = """
    coalesce(u.<what>, 0) + (
      select cast(coalesce(sum(d.<what>), 0) as bigint) from usage_delta d where d.path = rtrim(b.path, '/')
    ) + (
      select cast(coalesce(sum(d.<what>), 0) as bigint) from usage_delta d
      where d.path > b.path and d.path < rtrim(b.path, '/') || '0'
    ) as <what>
"""
# Namespaces, with what waits to be added to their sums: they need not have a row of these yet.
BRANCHES_LATE = Query(
    _BRANCHES.replace("<bytes>", _SUM.replace("<what>", "bytes"))
    .replace("<repositories>", _SUM.replace("<what>", "repositories"))
    .replace("<tags>", _SUM.replace("<what>", "tags"))
    .replace("<path>", "b.path")
    .replace("<from>", "(select v.value ->> 0 as path from each(:rows) v) b left join usage u on u.path = b.path"),
    BranchRow,
)
USED = Query("select path from usage where path = any(:paths) and repositories > 0", UsedRow)
