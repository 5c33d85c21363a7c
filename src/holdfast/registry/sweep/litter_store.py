"""The statement that tells litter from what somebody knows."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.db.query import Query


class Name(NamedTuple):
    """The key of an object."""

    name: str


REFERRED = Query(
    """
    select key as name from content where key = any(:keys)
    union select key from segment where key = any(:keys)
    union select key from upload_segment where key = any(:keys)
    union select key from doomed where key = any(:keys)
    """,
    Name,
)
