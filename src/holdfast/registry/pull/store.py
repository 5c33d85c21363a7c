"""The statements of a pull. Each serves a request alone: one snapshot, the policy version in it."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.db.query import Command, Query


class ManifestRow(NamedTuple):
    """A manifest with its bytes."""

    repo_id: int
    content_id: int
    digest: str
    media_type: str
    size: int
    state: int
    wrapped_key: bytes | None
    bytes: bytes
    version: int


class ManifestHead(NamedTuple):
    """A manifest without its bytes. `due`: when the collector may look at it, None when something keeps it."""

    repo_id: int
    content_id: int
    digest: str
    media_type: str
    size: int
    state: int
    due: int | None
    version: int


class BlobRow(NamedTuple):
    """A blob with its inline bytes or the key of its object; it has neither when it lies in several."""

    repo_id: int
    content_id: int
    size: int
    state: int
    key: str | None
    wrapped_key: bytes | None
    bytes: bytes | None
    version: int


class BlobHead(NamedTuple):
    """A blob without its bytes."""

    repo_id: int
    content_id: int
    size: int
    state: int
    due: int | None
    version: int


_BY_TAG = """
    from repository r
    join tag t on t.repo_id = r.id and t.name = :name
    join link l on l.repo_id = r.id and l.content_id = t.content_id
    join content c on c.id = t.content_id
"""
_BY_DIGEST = """
    from repository r
    join content c on c.digest = :digest
    join link l on l.repo_id = r.id and l.content_id = c.id
"""
_LIVE = " where r.path = :path and r.gone_at is null and l.gone_at is null"
_MANIFEST = """
    select r.id as repo_id, c.id as content_id, c.digest, l.media_type, c.size, c.state, c.wrapped_key, b.bytes,
      (select version from policy where id = 1) as version
"""
# Looked up for the one row that is found: as a join PostgreSQL may begin with all candidates of the repository.
_DUE = "(select k.due from candidate k where k.repo_id = r.id and k.content_id = c.id) as due"
_MANIFEST_HEAD = """
    select r.id as repo_id, c.id as content_id, c.digest, l.media_type, c.size, c.state, <due>,
      (select version from policy where id = 1) as version
""".replace("<due>", _DUE)
_BLOB = """
    select r.id as repo_id, c.id as content_id, c.size, c.state, c.key, c.wrapped_key, b.bytes,
      (select version from policy where id = 1) as version
"""
_BLOB_HEAD = """
    select r.id as repo_id, c.id as content_id, c.size, c.state, <due>,
      (select version from policy where id = 1) as version
""".replace("<due>", _DUE)
_ANY_BODY = " left join body b on b.content_id = c.id"
_BODY = " join body b on b.content_id = c.id"

MANIFEST_BY_TAG = Query(_MANIFEST + _BY_TAG + _BODY + _LIVE, ManifestRow)
MANIFEST_BY_DIGEST = Query(_MANIFEST + _BY_DIGEST + _BODY + _LIVE + " and l.kind > 0", ManifestRow)
# HEAD asks for the bytes too, and reads none of them: what it reports, GET gives.
MANIFEST_HEAD_BY_TAG = Query(_MANIFEST_HEAD + _BY_TAG + _BODY + _LIVE, ManifestHead)
MANIFEST_HEAD_BY_DIGEST = Query(_MANIFEST_HEAD + _BY_DIGEST + _BODY + _LIVE + " and l.kind > 0", ManifestHead)
BLOB = Query(_BLOB + _BY_DIGEST + _ANY_BODY + _LIVE, BlobRow)
BLOB_HEAD = Query(_BLOB_HEAD + _BY_DIGEST + _LIVE, BlobHead)
RENEW = Command("update candidate set due = :due where repo_id = :repo_id and content_id = :content_id and due < :due")


class Present(NamedTuple):
    """A link that is live."""

    content_id: int


LINKED = Query(
    "select content_id from link where repo_id = :repo_id and content_id = :content_id and gone_at is null", Present
)
