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
_ENDS = " order by <by><turn>, <path><turn> limit :limit"
_PAST = " (<by>, <path>) <past> (:key, :name)" + _ENDS
_UP = _PAST.replace("<past>", ">").replace("<turn>", "")
_DOWN = _PAST.replace("<past>", "<").replace("<turn>", " desc")
_KEY = "select r.id, r.path, r.pushed_at, r.pulled_at, <by> as key from "
_TIMED = _KEY + "repository r where r.gone_at is null and "
_NAMED = _TIMED.replace("<by>", "0") + " r.path > :low and r.path < :high "
BY_NAME = Query(_NAMED + "order by r.path limit :limit", KeyRow)
BY_NAME_DOWN = Query(_NAMED + "order by r.path desc limit :limit", KeyRow)
HELD = Query(_HELD + " r.path > :low and r.path < :high order by r.path limit :limit", HeldRow)
# Without the tags that belong to a digest (oci/name.py).
_NEWEST = """
    (
      select cast(l.kind as text) || ' ' || coalesce(l.artifact_type, '')
      from tag t join link l on l.repo_id = t.repo_id and l.content_id = t.content_id
      where t.repo_id = r.id and not (t.name >= 'sha256-' and t.name < 'sha256.' and length(t.name) >= 71)
      order by t.seq desc, t.name desc limit 1
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
BY_PUSH = Query((_TIMED + _UP).replace("<by>", "r.pushed_at").replace("<path>", "r.path"), KeyRow)
BY_PUSH_DOWN = Query((_TIMED + _DOWN).replace("<by>", "r.pushed_at").replace("<path>", "r.path"), KeyRow)
BY_PULL = Query((_TIMED + _UP).replace("<by>", "r.pulled_at").replace("<path>", "r.path"), KeyRow)
BY_PULL_DOWN = Query((_TIMED + _DOWN).replace("<by>", "r.pulled_at").replace("<path>", "r.path"), KeyRow)
_COUNTED = (
    _KEY
    + """
    usage u join repository r on r.path = u.path and r.gone_at is null
    where u.path = rtrim(u.path, '/') and
"""
)
BY_SIZE = Query((_COUNTED + _UP).replace("<by>", "u.bytes").replace("<path>", "u.path"), KeyRow)
BY_SIZE_DOWN = Query((_COUNTED + _DOWN).replace("<by>", "u.bytes").replace("<path>", "u.path"), KeyRow)
BY_TAGS = Query((_COUNTED + _UP).replace("<by>", "u.tags").replace("<path>", "u.path"), KeyRow)
BY_TAGS_DOWN = Query((_COUNTED + _DOWN).replace("<by>", "u.tags").replace("<path>", "u.path"), KeyRow)
_FREED = (
    _KEY
    + """
    storage_figure f join repository r on r.path = f.path and r.gone_at is null
    where f.walk = :walk and f.path = rtrim(f.path, '/') and
"""
)
BY_FREES = Query((_FREED + _UP).replace("<by>", "f.exclusive").replace("<path>", "f.path"), KeyRow)
BY_FREES_DOWN = Query((_FREED + _DOWN).replace("<by>", "f.exclusive").replace("<path>", "f.path"), KeyRow)
WALK = Query("select walk from storage_walk where ended_at is not null order by walk desc limit 1", WalkRow)

_BRANCH = """
    select u.path, u.bytes, u.repositories, u.tags,
      case when exists (
        select 1 from repository r where r.path = rtrim(u.path, '/') and r.gone_at is null
      ) then 1 else 0 end as present,
      case when n.path is null then 0 else 1 end as said, coalesce(n.description, '') as description,
      case when exists (
        select 1 from namespace m where m.path > rtrim(u.path, '/') || '/' and m.path < rtrim(u.path, '/') || '0'
      ) then 1 else 0 end as made
    from usage u left join namespace n on n.path = rtrim(u.path, '/')
    where u.parent = :parent and u.path > :low and u.path < :high
"""
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
USED = Query("select path from usage where path = any(:paths) and repositories > 0", UsedRow)
