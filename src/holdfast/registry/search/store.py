"""The statements of search. A page costs the same with ten rows behind it as with a million.

For who may see everything rows come in the order of what is searched for; for all others repository by repository, so
that nothing that is hidden is ever walked.
"""

from __future__ import annotations

from typing import NamedTuple

from holdfast.db.query import Command, Query


class RepositoryRow(NamedTuple):
    """A repository."""

    id: int
    path: str


class SiftedRow(NamedTuple):
    """A repository that is looked in perhaps; `reached`: the piece that was looked at ends here, whether or not it is
    one of those."""

    id: int
    path: str
    reached: bool


class SuffixRow(NamedTuple):
    """A repository and what its name ends with."""

    suffix: str
    id: int
    path: str


class TagRow(NamedTuple):
    """A tag, and what it points to."""

    name: str
    id: int
    path: str
    digest: str


class ContentRow(NamedTuple):
    """Content of a repository by its digest. `text`: what it is."""

    digest: str
    id: int
    path: str
    content_id: int
    media_type: str | None


class TermRow(NamedTuple):
    """What a manifest says."""

    term: str
    id: int
    path: str
    content_id: int
    said: str
    digest: str


class BelowRow(NamedTuple):
    """What is said of a manifest that a tag leads to."""

    tag: str
    term: str
    content_id: int
    said: str
    digest: str


class LabelRow(NamedTuple):
    """A label of a namespace or repository. `repository`: whether it is one."""

    name: str
    value: str
    path: str
    repository: bool


class NamespaceRow(NamedTuple):
    """A namespace."""

    path: str


class IdRow(NamedTuple):
    """The id of something."""

    id: int


class PutRow(NamedTuple):
    """A manifest in the order in which they were put. `known`: its terms are there."""

    put_at: int
    repo_id: int
    content_id: int
    known: bool


class SaidRow(NamedTuple):
    """A manifest whose terms are to be written."""

    digest: str
    media_type: str
    artifact_type: str | None
    wrapped_key: bytes | None
    bytes: bytes


class BlobRow(NamedTuple):
    """A blob: where its bytes lie."""

    content_id: int
    digest: str
    size: int
    key: str | None
    wrapped_key: bytes | None
    bytes: bytes | None


class FilledRow(NamedTuple):
    """Up to where the tables are filled."""

    named: int
    put_at: int
    repo_id: int
    content_id: int


REPOSITORIES = Query(
    """
    select id, path from repository where path >= :low and path < :high and gone_at is null order by path limit :limit
    """,
    RepositoryRow,
)
# What in a piece is like the patterns, and the last of all (`reached`), if it is as long as it may be: by the index of
# names alone. What is deleted has an '@' in its name.
_PIECE = "select path from repository where path >= :low and path < :high order by path"
SIFTED = Query(
    """
    select (select r.id from repository r where r.path = k.path) as id, k.path, 0 as reached
    from (<piece> limit :limit) k
    where k.path like :text and (
      k.path like :like1 or k.path like :like2 or k.path like :like3 or k.path like :like4
    ) and k.path = replace(k.path, '@', '')
    union all
    select 0 as id, e.path, 1 as reached from (<piece> limit 1 offset :limit - 1) e
    """.replace("<piece>", _PIECE),
    SiftedRow,
)
UNNAMED = Query(
    """
    select id, path from repository where id > (select named from search_filled where id = 1) and gone_at is null
    order by id limit :limit
    """,
    RepositoryRow,
)
SUFFIXES = Query(
    """
    select s.suffix, s.repo_id as id, r.path from search_name s join repository r on r.id = s.repo_id
    where s.suffix >= :low and s.suffix < :high and (s.suffix, s.repo_id) > (:last, :after) and r.gone_at is null
    order by s.suffix, s.repo_id limit :limit
    """,
    SuffixRow,
)
TAGS = Query(
    """
    select t.name, t.repo_id as id, r.path, c.digest
    from tag t join repository r on r.id = t.repo_id join content c on c.id = t.content_id
    where t.name >= :low and t.name < :high and (t.name, t.repo_id) > (:last, :after) and r.gone_at is null
    order by t.name, t.repo_id limit :limit
    """,
    TagRow,
)
# Not `exists`: that may become a join over all tags.
WITH_TAGS = Query(
    """
    select r.id from repository r where r.id = any(:ids) and (
      select 1 from tag t where t.repo_id = r.id and t.name >= :low and t.name < :high order by t.name limit 1
    ) is not null
    """,
    IdRow,
)
TAGS_IN = Query(
    """
    select t.name, t.repo_id as id, '' as path, c.digest from tag t join content c on c.id = t.content_id
    where t.repo_id = :repo_id and t.name >= :low and t.name < :high and t.name > :last order by t.name limit :limit
    """,
    TagRow,
)
DIGESTS = Query(
    "select id from content where digest >= :low and digest < :high and state = 0 order by digest limit :limit", IdRow
)
CONTENT = Query(
    """
    select c.digest, l.repo_id as id, r.path, l.content_id, l.media_type
    from link l join repository r on r.id = l.repo_id join content c on c.id = l.content_id
    where l.content_id = :content_id and l.repo_id > :after and l.gone_at is null and r.gone_at is null
    order by l.repo_id limit :limit
    """,
    ContentRow,
)
WITH_CONTENT = Query(
    """
    select r.id from repository r where r.id = any(:ids) and exists (
      select 1 from link l where l.repo_id = r.id and l.content_id = any(:content_ids) and l.gone_at is null
    )
    """,
    IdRow,
)
CONTENT_IN = Query(
    """
    select c.digest, l.repo_id as id, '' as path, l.content_id, l.media_type
    from content c join link l on l.repo_id = :repo_id and l.content_id = c.id
    where c.id = any(:content_ids) and l.gone_at is null
    """,
    ContentRow,
)
_TERM = """
    select s.term, s.repo_id as id, r.path, s.content_id, s.said, c.digest
    from search_term s
    join link l on l.repo_id = s.repo_id and l.content_id = s.content_id
    join repository r on r.id = s.repo_id
    join content c on c.id = s.content_id
    where s.field = :field and s.term >= :low and s.term < :high and l.gone_at is null and r.gone_at is null
"""
TERMS = Query(
    _TERM
    + """
      and (s.term, s.repo_id, s.content_id) > (:last, :after, :after_id)
    order by s.term, s.repo_id, s.content_id limit :limit
    """,
    TermRow,
)
# Not `exists`: that may become a join over all terms.
WITH_TERMS = Query(
    """
    select r.id from repository r where r.id = any(:ids) and (
      select 1 from search_term s
      where s.repo_id = r.id and s.field = :field and s.term >= :low and s.term < :high order by s.term limit 1
    ) is not null
    """,
    IdRow,
)
TERMS_IN = Query(
    _TERM
    + """
      and s.repo_id = :repo_id and (s.term, s.content_id) > (:last, :after)
    order by s.term, s.content_id limit :limit
    """,
    TermRow,
)
# What is below the tags first, by a limit that is never reached, then its terms: a server that expects few terms in a
# range would begin with all that the repository has in it.
_BELOW = """
    select b.tag, s.term, s.content_id, s.said, c.digest
    from (
      select t.name as tag, t.repo_id, <at> as content_id from tag t <way>
      where t.repo_id = :repo_id and t.name = any(:names) limit 1000000
    ) b
    join link l on l.repo_id = b.repo_id and l.content_id = b.content_id
    join search_term s on s.repo_id = b.repo_id and s.content_id = b.content_id
    join content c on c.id = b.content_id
    where l.gone_at is null and s.field || '' = :field and s.term || '' >= :low and s.term || '' < :high
"""
_DOWN = "join edge e on e.repo_id = t.repo_id and e.keeper_id = t.content_id"
_TWICE = _DOWN + " join edge f on f.repo_id = e.repo_id and f.keeper_id = e.kept_id"
# What a tag points to, what that keeps, and what this keeps: children of an index, and what refers to any of them.
TERMS_BELOW = Query(
    " union all ".join(
        [
            _BELOW.replace("<way>", "").replace("<at>", "t.content_id"),
            _BELOW.replace("<way>", _DOWN).replace("<at>", "e.kept_id"),
            _BELOW.replace("<way>", _TWICE).replace("<at>", "f.kept_id"),
        ]
    ),
    BelowRow,
)
LABELS = Query(
    """
    select l.name, l.value, l.path, case when r.id is null then 0 else 1 end as repository
    from label l left join repository r on r.path = l.path and r.gone_at is null
    where l.path >= :low and l.path < :high order by l.path, l.name limit :limit
    """,
    LabelRow,
)
# Not `not exists`: that may become a join over all repositories.
MADE_NAMESPACES = Query(
    """
    select k.path from (select path from namespace where path > '' order by path limit :most) k
    where k.path = replace(k.path, '@', '') and (k.path like :begins or k.path like :inside)
      and (select 1 from repository r where r.path = k.path and r.gone_at is null) is null
    limit :limit
    """,
    NamespaceRow,
)
FILLED = Query("select named, put_at, repo_id, content_id from search_filled where id = 1", FilledRow)
SET_NAMED = Command("update search_filled set named = :named where id = 1")
SET_FILLED = Command(
    "update search_filled set put_at = :put_at, repo_id = :repo_id, content_id = :content_id where id = 1"
)
MADE = Query(
    "select id, path from repository where id > :after and gone_at is null order by id limit :limit", RepositoryRow
)
NAME = Command(
    """
    insert into search_name (suffix, repo_id) select :suffix, id from repository where id = :repo_id
    on conflict (suffix, repo_id) do nothing
    """
)
PUT = Query(
    """
    select l.put_at, l.repo_id, l.content_id,
      case when exists (
        select 1 from search_term s where s.repo_id = l.repo_id and s.content_id = l.content_id
      ) then 1 else 0 end as known
    from link l where l.kind > 0 and (l.put_at, l.repo_id, l.content_id) > (:put_at, :repo_id, :content_id)
    order by l.put_at, l.repo_id, l.content_id limit :limit
    """,
    PutRow,
)
SAID = Query(
    """
    select c.digest, l.media_type, l.artifact_type, c.wrapped_key, b.bytes
    from link l join content c on c.id = l.content_id join body b on b.content_id = l.content_id
    where l.repo_id = :repo_id and l.content_id = :content_id and l.kind > 0 and l.media_type is not null
      and c.state = 0
    """,
    SaidRow,
)
BLOB = Query(
    """
    select c.id as content_id, c.digest, c.size, c.key, c.wrapped_key, b.bytes
    from content c join link l on l.repo_id = :repo_id and l.content_id = c.id
    left join body b on b.content_id = c.id
    where c.digest = :digest and c.state = 0
    """,
    BlobRow,
)
HOLD = Query(
    "select content_id as id from link where repo_id = :repo_id and content_id = :content_id for key share", IdRow
)
TERM = Command(
    """
    insert into search_term (field, term, repo_id, content_id, said)
    values (:field, :term, :repo_id, :content_id, :said)
    on conflict (field, term, repo_id, content_id) do nothing
    """
)
