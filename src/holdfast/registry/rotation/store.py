"""The statements of a rotation: pages of rows whose data key an older generation wrapped, and their new wrapping.

A wrapped key begins with its generation, so that `wrapped_key < :floor` finds what older generations wrapped.
"""

from __future__ import annotations

from typing import NamedTuple

from holdfast.db.query import Command, Query


class ContentKeyRow(NamedTuple):
    """Content and its wrapped data key, which is bound to `binding`, its digest."""

    id: int
    binding: str
    wrapped_key: bytes


class UploadKeyRow(NamedTuple):
    """An upload and its wrapped data key, which is bound to `binding`, its name."""

    id: str
    binding: str
    wrapped_key: bytes


class LastId(NamedTuple):
    """The id of the newest content, 0 when there is none."""

    id: int


class UseRow(NamedTuple):
    """How many rows use a generation, in its two bytes; None: they are stored in clear."""

    generation: bytes | None
    total: int


LAST_CONTENT = Query("select coalesce(max(id), 0) as id from content", LastId)
OLD_CONTENT = Query(
    """
    select id, digest as binding, wrapped_key from content
    where id > :after and id <= :until and wrapped_key is not null and wrapped_key < :floor
    order by id limit :limit
    """,
    ContentKeyRow,
)
REWRAP_CONTENT = Command("update content set wrapped_key = :wrapped where id = :id and wrapped_key = :was")
OLD_UPLOADS = Query(
    """
    select id, id as binding, wrapped_key from upload
    where id > :name and wrapped_key is not null and wrapped_key < :floor
    order by id limit :limit
    """,
    UploadKeyRow,
)
REWRAP_UPLOAD = Command("update upload set wrapped_key = :wrapped where id = :id and wrapped_key = :was")
CONTENT_USE = Query(
    """
    select substr(wrapped_key, 1, 2) as generation, count(*) as total from content
    where id > :after and id <= :until and state <> 2
    group by substr(wrapped_key, 1, 2)
    """,
    UseRow,
)
UPLOAD_USE = Query(
    """
    select substr(wrapped_key, 1, 2) as generation, count(*) as total from upload
    where received >= 0 group by substr(wrapped_key, 1, 2)
    """,
    UseRow,
)
