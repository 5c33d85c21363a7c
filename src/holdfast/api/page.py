"""Lists in pages: by the key of the last item, never by a number of items, so that a page costs the same anywhere and
whoever walks the whole list during writes sees every item that stays exactly once.

A cursor is opaque to clients. It holds nothing but the key that the next page begins after, is read strictly, and gives
no right: the service authorises every page as if it were the first.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Sequence
from typing import Annotated, Generic, NamedTuple, TypeVar

from fastapi import Depends, Query
from pydantic import BaseModel, ConfigDict

from holdfast.access.errors import Invalid

T = TypeVar("T")
V = TypeVar("V")
DEFAULT = 100
MOST = 500
_CURSOR_LENGTH = 2048
_SURROGATE = re.compile("[\ud800-\udfff]")  # no text that a database can hold


class Page(BaseModel, Generic[T]):
    """A piece of a list. `next`: what `after` of the next request is, null at the end."""

    model_config = ConfigDict(frozen=True)

    items: list[T]
    next: str | None = None


class Paging(NamedTuple):
    """What a request asks of a list: at most `limit` items after `cursor`."""

    limit: int = DEFAULT
    cursor: str | None = None

    @property
    def fetch(self) -> int:
        """How many items to ask the service for: one more than are shown, which says whether there is a next page."""
        return self.limit + 1

    def after_text(self) -> str:
        """The key to go on after where keys are texts, '' at the beginning. Raises `Invalid`."""
        key = self._key()
        if key is not None and not isinstance(key, str):
            raise _no_cursor()
        return key or ""

    def after_number(self) -> int:
        """The key to go on after where keys are numbers, 0 at the beginning. Raises `Invalid`."""
        key = self._key()
        if key is not None and not isinstance(key, int):
            raise _no_cursor()
        return key or 0

    def page(self, found: Sequence[V], shape: Callable[[V], T], key: Callable[[V], str | int]) -> Page[T]:
        """The page made of the (at most `fetch`) items that the service found. `key`: of an item, as in its order."""
        shown = found[: self.limit]
        more = len(found) > self.limit
        return Page(items=[shape(each) for each in shown], next=_cursor(key(shown[-1])) if more else None)

    def part(self, found: Sequence[V], shape: Callable[[V], T], next: str | int | None) -> Page[T]:
        """The page made of exactly these items, which goes on after the key `next` (None: at the end): for lists whose
        service says where to go on, because it looks at more than it shows."""
        return Page(items=[shape(each) for each in found], next=None if next is None else _cursor(next))

    def _key(self) -> str | int | None:
        if self.cursor is None:
            return None
        try:
            found = json.loads(base64.b64decode(self.cursor.encode("ascii"), b"-_", validate=True).decode())
        except (UnicodeError, binascii.Error, ValueError, RecursionError) as error:
            raise _no_cursor() from error
        if isinstance(found, bool) or not isinstance(found, str | int) or _cursor(found) != self.cursor:
            raise _no_cursor()
        if isinstance(found, str) and ("\0" in found or _SURROGATE.search(found)):
            raise _no_cursor()
        if isinstance(found, int) and not 0 <= found < 1 << 63:
            raise _no_cursor()
        return found


async def _paging(
    limit: Annotated[int, Query(ge=1, description=f"How many items at most; above {MOST} is {MOST}.")] = DEFAULT,
    after: Annotated[
        str | None, Query(max_length=_CURSOR_LENGTH, description="`next` of the page before; opaque.")
    ] = None,
) -> Paging:
    return Paging(min(limit, MOST), after)


Paged = Annotated[Paging, Depends(_paging)]
"""The annotation by which a handler of a list gets its `Paging`."""


def _cursor(key: str | int) -> str:
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode("ascii")


def _no_cursor() -> Invalid:
    return Invalid("after", "this is no cursor of this list: begin again without it")
