"""The statements of verify: keyset pages that name what is suspicious, whole views of one suspect, and repairs.

A page is one statement and one snapshot; none reads more than its limit of rows and what hangs on them.
"""

from __future__ import annotations

from holdfast.db.query import Command, Query
from holdfast.registry.verify.rows import (
    BodyRow,
    ContentRow,
    EdgeKey,
    EdgeRow,
    EventKey,
    EventRow,
    Id,
    Inline,
    KeptRow,
    LinkKey,
    LinkRow,
    ManifestRow,
    Named,
    Part,
    PartRow,
    PlaceRow,
    RepositoryRow,
    SubjectRow,
    TagKey,
    TagRow,
    Total,
    UserRow,
)

# -- content --------------------------------------------------------------------------------------------------------

_CONTENT = """
    select c.id, c.digest, c.size, c.key, c.state, length(b.bytes) as inline,
      case when c.state <> 0
        and exists (select 1 from link l where l.content_id = c.id and l.gone_at is null) then 1 else 0 end as served,
      case when exists (select 1 from doomed d where d.key = c.key)
        or exists (select 1 from segment s join doomed d on d.key = s.key where s.content_id = c.id)
      then 1 else 0 end as doomed,
      case when c.key is not null and b.content_id is null and exists (
        select 1 from link l where l.content_id = c.id and l.kind > 0 and l.gone_at is null
      ) then 1 else 0 end as manifest,
      case when exists (select 1 from segment s where s.content_id = c.id) then 1 else 0 end as segmented,
      c.wrapped_key
    from content c left join body b on b.content_id = c.id
"""
CONTENTS = Query(_CONTENT + " where c.id > :after order by c.id limit :limit", ContentRow)
CONTENT = Query(_CONTENT + " where c.id = :id", ContentRow)
INLINES = Query(
    """
    select b.content_id, c.digest, c.wrapped_key, b.bytes
    from body b join content c on c.id = b.content_id where b.content_id = any(:ids)
    """,
    Inline,
)
SEGMENTS = Query("select content_id, key, size from segment where content_id = any(:ids) order by content_id, n", Part)
CONTENT_TOTAL = Query("select count(*) as total from content", Total)
CONTENT_BYTES = Query("select cast(coalesce(sum(size), 0) as bigint) as total from content where state = 0", Total)
USERS = Query(
    """
    select l.repo_id, r.path from link l join repository r on r.id = l.repo_id
    where l.content_id = :id and l.gone_at is null and r.gone_at is null order by l.repo_id limit :limit
    """,
    UserRow,
)
KEEPERS = Query(
    """
    select distinct e.keeper_id as id
    from edge e join link l on l.repo_id = e.repo_id and l.content_id = e.keeper_id
    where e.repo_id = :repo_id and e.kept_id = any(:ids) and l.gone_at is null order by e.keeper_id limit :limit
    """,
    Id,
)
TAGS_ON = Query(
    "select name from tag where repo_id = :repo_id and content_id = any(:ids) order by name limit :limit", Named
)
MARK_DAMAGED = Command("update content set state = 1 where id = :id and state = 0")
UNMARK = Command("update content set state = 0 where id = :id and state <> 0")
TAKE_BODY = Command("insert into body (content_id, bytes) values (:id, :bytes) on conflict (content_id) do nothing")
TAKE_INLINE = Command("update content set key = null where id = :id")
UNDOOM = Command(
    """
    delete from doomed where key in (
      select c.key from content c where c.id = :id union select s.key from segment s where s.content_id = :id
    )
    """
)
FORGET_DOOMED = Command("delete from doomed where key = any(:keys)")

# -- repositories ---------------------------------------------------------------------------------------------------

_REPOSITORY = """
    select r.id, r.path, r.seq, r.last_at,
      (select e.seq from tag_event e where e.repo_id = r.id order by e.seq desc limit 1) as event_seq,
      (select e.at from tag_event e where e.repo_id = r.id order by e.seq desc limit 1) as event_at,
      (select j.seq from journal j where j.repo_id = r.id order by j.id desc limit 1) as journal_seq,
      (select j.at from journal j where j.repo_id = r.id order by j.id desc limit 1) as journal_at
    from repository r
"""
REPOSITORIES = Query(_REPOSITORY + " where r.id > :after order by r.id limit :limit", RepositoryRow)
REPOSITORY = Query(_REPOSITORY + " where r.id = :id", RepositoryRow)
REPOSITORY_TOTAL = Query("select count(*) as total from repository", Total)
LOCK_REPOSITORY = Query(
    "select path, seq, last_at from repository where id = :id and gone_at is null for update", PlaceRow
)
CATCH_UP = Command("update repository set seq = :seq, last_at = :last_at where id = :id")

# -- tags -----------------------------------------------------------------------------------------------------------

TAGS = Query(
    """
    select t.repo_id, t.name,
      case when l.content_id is null or l.gone_at is not null or l.kind = 0
        or not exists (
          select 1 from tag_event e
          where e.repo_id = t.repo_id and e.name = t.name and e.seq = t.seq and e.now_id = t.content_id
        )
        or exists (select 1 from tag_event e where e.repo_id = t.repo_id and e.name = t.name and e.seq > t.seq)
      then 1 else 0 end as suspect
    from tag t left join link l on l.repo_id = t.repo_id and l.content_id = t.content_id
    where (t.repo_id, t.name) > (:repo_id, :name) order by t.repo_id, t.name limit :limit
    """,
    TagKey,
)
TAG = Query(
    """
    select r.path, t.content_id, t.seq, c.digest, l.kind, l.gone_at, l.media_type
    from repository r
    left join tag t on t.repo_id = r.id and t.name = :name
    left join link l on l.repo_id = t.repo_id and l.content_id = t.content_id
    left join content c on c.id = t.content_id
    where r.id = :repo_id and r.gone_at is null
    """,
    TagRow,
)
TAG_TOTAL = Query("select count(*) as total from tag", Total)
EVENTS = Query(
    """
    select e.repo_id, e.name, e.seq,
      case when e.now_id is not null
        and not exists (select 1 from tag t where t.repo_id = e.repo_id and t.name = e.name)
      then 1 else 0 end as lost
    from tag_event e
    where (e.repo_id, e.name, e.seq) > (:repo_id, :name, :seq) order by e.repo_id, e.name, e.seq limit :limit
    """,
    EventKey,
)
EVENT_TOTAL = Query("select count(*) as total from tag_event", Total)
LAST_EVENT = Query(
    "select seq, now_id from tag_event where repo_id = :repo_id and name = :name order by seq desc limit 1", EventRow
)
PUT_TAG = Command(
    """
    insert into tag (repo_id, name, content_id, seq, version_key) values (:repo_id, :name, :content_id, :seq, :key)
    on conflict (repo_id, name) do nothing
    """
)
PLACE_TAG = Command("update tag set seq = :seq where repo_id = :repo_id and name = :name")
DROP_TAG = Command("delete from tag where repo_id = :repo_id and name = :name")
BODY = Query(
    """
    select c.digest, c.size, c.state, c.wrapped_key, b.bytes,
      (select l.media_type from link l where l.content_id = c.id and l.media_type is not null limit 1) as media_type
    from content c left join body b on b.content_id = c.id where c.id = :id for key share of c
    """,
    BodyRow,
)

# -- manifests ------------------------------------------------------------------------------------------------------

MANIFEST = Query(
    """
    select r.path, c.digest, c.state, c.wrapped_key, b.bytes,
      l.kind, l.media_type, l.artifact_type, l.subject, l.put_at,
      case when exists (select 1 from tag t where t.repo_id = l.repo_id and t.content_id = l.content_id)
        then 1 else 0 end as tagged,
      case when exists (select 1 from edge e where e.repo_id = l.repo_id and e.keeper_id = l.content_id)
        then 1 else 0 end as keeper
    from link l
    join repository r on r.id = l.repo_id
    join content c on c.id = l.content_id
    left join body b on b.content_id = l.content_id
    where l.repo_id = :repo_id and l.content_id = :content_id and l.kind > 0 and l.gone_at is null
      and r.gone_at is null
    """,
    ManifestRow,
)
PARTS = Query(
    """
    select c.id, c.digest, c.state, l.kind, l.gone_at, case when e.kept_id is null then 0 else 1 end as edge
    from content c
    left join link l on l.repo_id = :repo_id and l.content_id = c.id
    left join edge e on e.repo_id = :repo_id and e.kept_id = c.id and e.keeper_id = :content_id
    where c.digest = any(:digests)
    """,
    PartRow,
)
KEPT_OTHERWISE = Query(
    """
    select e.kept_id as id, c.digest, l.kind, l.media_type,
      c.wrapped_key, case when l.kind > 0 then b.bytes end as bytes
    from edge e
    left join link l on l.repo_id = e.repo_id and l.content_id = e.kept_id
    left join content c on c.id = e.kept_id
    left join body b on b.content_id = e.kept_id
    where e.repo_id = :repo_id and e.keeper_id = :content_id and (l.subject is null or l.subject <> e.keeper_id)
      and not (e.kept_id = any(:known))
    order by e.kept_id limit :limit
    """,
    KeptRow,
)
SUBJECT = Query(
    """
    select c.digest, l.kind, case when e.kept_id is null then 0 else 1 end as edge
    from link l
    join content c on c.id = l.content_id
    left join edge e on e.repo_id = l.repo_id and e.kept_id = :content_id and e.keeper_id = l.content_id
    where l.repo_id = :repo_id and l.content_id = :subject
    """,
    SubjectRow,
)
CONTENT_ID = Query("select id from content where digest = :digest", Id)
AWAIT_CONTENT = Query(
    "insert into content (digest, size, state) values (:digest, 0, 2) on conflict (digest) do nothing returning id", Id
)
SET_LINK = Command(
    """
    insert into link (repo_id, content_id, kind, media_type, artifact_type, subject, put_at)
    values (:repo_id, :content_id, :kind, :media_type, :artifact_type, :subject, :at)
    on conflict (repo_id, content_id) do update
    set kind = excluded.kind, media_type = excluded.media_type, artifact_type = excluded.artifact_type,
      subject = excluded.subject, gone_at = null
    """
)
SHOW_LINK = Command(
    """
    insert into link (repo_id, content_id, kind, put_at) values (:repo_id, :content_id, 0, :at)
    on conflict (repo_id, content_id) do update set gone_at = null
    """
)
AS_BLOB = Command(
    "update link set kind = 0, artifact_type = null where repo_id = :repo_id and content_id = :content_id"
)
PUT_EDGE = Command(
    """
    insert into edge (repo_id, kept_id, keeper_id) values (:repo_id, :kept_id, :keeper_id)
    on conflict (repo_id, kept_id, keeper_id) do nothing
    """
)
DROP_EDGE = Command("delete from edge where repo_id = :repo_id and kept_id = :kept_id and keeper_id = :keeper_id")

# -- edges and links ------------------------------------------------------------------------------------------------

# An end that is missing shows elsewhere too where a tag or a live manifest names it: there, and not here, it is told.
_NO_END = """
    (up.content_id is null
      and not exists (select 1 from tag t where t.repo_id = e.repo_id and t.content_id = e.keeper_id)
      and not exists (
        select 1 from edge a join link l on l.repo_id = a.repo_id and l.content_id = a.keeper_id
        where a.repo_id = e.repo_id and a.kept_id = e.keeper_id and l.kind > 0 and l.gone_at is null
      ))
    or (down.content_id is null and up.content_id is not null and (up.kind = 0 or up.gone_at is not null))
"""
EDGES = Query(
    "select e.repo_id, e.kept_id, e.keeper_id, case when"  # noqa: S608
    + _NO_END
    + """
      then 1 else 0 end as suspect
    from edge e
    left join link up on up.repo_id = e.repo_id and up.content_id = e.keeper_id
    left join link down on down.repo_id = e.repo_id and down.content_id = e.kept_id
    where (e.repo_id, e.kept_id, e.keeper_id) > (:repo_id, :kept_id, :keeper_id)
    order by e.repo_id, e.kept_id, e.keeper_id limit :limit
    """,
    EdgeKey,
)
EDGE = Query(
    "select r.path, kept.digest as kept, keeper.digest as keeper"  # noqa: S608
    """
    from edge e
    join repository r on r.id = e.repo_id
    left join link up on up.repo_id = e.repo_id and up.content_id = e.keeper_id
    left join link down on down.repo_id = e.repo_id and down.content_id = e.kept_id
    left join content kept on kept.id = e.kept_id
    left join content keeper on keeper.id = e.keeper_id
    where e.repo_id = :repo_id and e.kept_id = :kept_id and e.keeper_id = :keeper_id and r.gone_at is null and ("""
    + _NO_END
    + ")",
    EdgeRow,
)
EDGE_TOTAL = Query("select count(*) as total from edge", Total)
_ROOTED = """
    exists (select 1 from candidate k where k.repo_id = l.repo_id and k.content_id = l.content_id)
    or exists (select 1 from edge e where e.repo_id = l.repo_id and e.kept_id = l.content_id)
    or exists (
      select 1 from tag t where t.repo_id = l.repo_id and t.content_id = l.content_id and (
        substr(t.name, 1, 7) <> 'sha256-' or length(substr(t.name, 8, 64)) < 64
        or ltrim(substr(t.name, 8, 64), '0123456789abcdef') <> '' or substr(t.name, 72, 1) not in ('', '.')
        or exists (
          select 1 from content s join link h on h.content_id = s.id and h.repo_id = t.repo_id
          where s.digest = 'sha256:' || substr(t.name, 8, 64) and s.id <> t.content_id
        )
      )
    )
"""
LINKS = Query(
    """
    select l.repo_id, l.content_id, case when l.kind > 0 and l.gone_at is null then 1 else 0 end as manifest,
      case when"""  # noqa: S608
    + _ROOTED
    + """
      then 1 else 0 end as rooted
    from link l where (l.repo_id, l.content_id) > (:repo_id, :content_id) order by l.repo_id, l.content_id limit :limit
    """,
    LinkKey,
)
LINK = Query(
    "select r.path, c.digest, l.kind, case when"  # noqa: S608
    + _ROOTED
    + """
      then 1 else 0 end as rooted
    from link l join repository r on r.id = l.repo_id join content c on c.id = l.content_id
    where l.repo_id = :repo_id and l.content_id = :content_id and r.gone_at is null
    """,
    LinkRow,
)
LINK_TOTAL = Query("select count(*) as total from link", Total)

# -- the store ------------------------------------------------------------------------------------------------------

OTHER_KEYS = Query(
    """
    select key as name from segment where key > :after
    union select key from upload_segment where key > :after
    union select key from doomed where key > :after
    order by name limit :limit
    """,
    Named,
)
HELD = Query("select id as name from upload where id = any(:ids)", Named)
