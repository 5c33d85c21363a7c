"""The statements about the objects of unfinished uploads, and about objects of content that are doomed."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.db.query import Command, Query


class UploadRow(NamedTuple):
    """A session that holds objects."""

    id: str
    received: int
    wrapped_key: bytes | None
    path: str | None


class PartRow(NamedTuple):
    """One of its objects; `n` is where it begins."""

    upload_id: str
    n: int
    key: str
    size: int
    doomed: bool


class Total(NamedTuple):
    """A count."""

    total: int


_UPLOAD = """
    select u.id, u.received, u.wrapped_key, (select r.path from repository r where r.id = u.repo_id) as path
    from upload u where exists (select 1 from upload_segment s where s.upload_id = u.id)
"""
_PART = """
    select s.upload_id, s.n, s.key, s.size,
      case when exists (select 1 from doomed d where d.key = s.key) then 1 else 0 end as doomed
    from upload_segment s
"""
UPLOADS = Query(_UPLOAD + " and u.id > :after order by u.id limit :limit", UploadRow)
UPLOAD = Query(_UPLOAD + " and u.id = :id", UploadRow)
LOCK_UPLOAD = Query(
    "select id, received, wrapped_key, null as path from upload where id = :id for no key update", UploadRow
)
UPLOAD_TOTAL = Query("select count(*) as total from upload", Total)
PARTS = Query(_PART + " where s.upload_id = any(:ids) order by s.upload_id, s.n", PartRow)
END = Command("update upload set received = -1, opener = -1, hash_state = null where id = :id")
