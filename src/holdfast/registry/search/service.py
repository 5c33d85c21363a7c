"""The use-case of a search.

Promises: only what the caller may see is looked at, counted or remembered; a page comes after `BUDGET` at the latest,
with what was found so far and where to search on; repositories, tags and digests are found as they are at this moment,
what manifests say about a minute after their push.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import NamedTuple

from holdfast.access.errors import Invalid
from holdfast.access.model import PathPermit
from holdfast.access.policy.model import Action
from holdfast.access.standing import check_reading
from holdfast.db.port import Database
from holdfast.registry.reach.service import Reach
from holdfast.registry.reach.spans import shown
from holdfast.registry.search.labels import labelled
from holdfast.registry.search.made import made
from holdfast.registry.search.model import Asked, Hit, Kind
from holdfast.registry.search.narrow import Narrow
from holdfast.registry.search.scanning import Key, Page, Walked
from holdfast.registry.search.wide import Wide
from holdfast.registry.settings import RegistrySettings

BUDGET = 0.15
"""Seconds after which a page is answered as it is."""
_WIDE, _NARROW = "w", "n"


class Results(NamedTuple):
    """What was found, in the order of kinds. `next`: where to go on, '' at the end; `complete`: the page is as full as
    it was asked to be, or this is all; else the time was up."""

    hits: tuple[Hit, ...]
    next: str
    complete: bool


class _Cursor(NamedTuple):
    """Where to go on: in which kind, by which way, after which key."""

    kind: Kind
    way: str
    key: Key


class Search:
    """Searching. One object a process. `clock`: seconds, for the budget alone."""

    def __init__(self, db: Database, settings: RegistrySettings, clock: Callable[[], float] = time.monotonic) -> None:
        self._db = db
        self._reach = Reach(db, settings.window)
        self._clock = clock

    async def find(self, permit: PathPermit, asked: Asked, cursor: str, limit: int) -> Results:
        """At most `limit` hits (labels of namespaces may be a few more) after `cursor`, '' at the beginning.

        Raises `Invalid` (it is no cursor of this search), `StalePermit`.
        """
        page = Page(limit, self._clock, self._clock() + BUDGET)
        start = _read(cursor)
        after = ""
        for kind in asked.kinds:
            way = _WIDE if _sees_all(permit, kind) else _NARROW
            key: Key = ()
            if start is not None:
                if kind is not start.kind:
                    continue
                if way != start.way:  # rights changed: from the beginning of this kind
                    start = start._replace(key=())
                key, start = start.key, None
            walked = await self._walk(permit, asked, kind, page, (way, key))
            if walked.after is not None:
                after = _write(_Cursor(kind, way, walked.after))
                break
        if start is not None:
            raise _no_cursor()
        await check_reading(self._db, permit)  # still the rights that the hits were chosen by
        return Results(tuple(page.hits), after, not after or page.full)

    async def namespaces(self, permit: PathPermit, text: str, limit: int) -> list[str]:
        """At most `limit` namespaces that somebody made, or said something of, of which a part begins with `text`: also
        those that nothing is in. Raises `StalePermit`."""
        found = await made(self._db, permit, text, limit)
        await check_reading(self._db, permit)
        return found

    async def _walk(self, permit: PathPermit, asked: Asked, kind: Kind, page: Page, at: tuple[str, Key]) -> Walked:
        way, key = at
        if page.full or (page.late and page.hits):
            return Walked(key)
        seen = shown(permit.rights.shown(permit.here))
        if kind is Kind.LABEL and not key:
            page.hits.extend(await labelled(self._db, asked, seen))
        if kind is Kind.DIGEST and not asked.digests():
            return Walked(None)
        try:
            if way == _WIDE:
                return await Wide(self._db, asked).find(kind, page, key)
            return await Narrow(self._db, self._reach, permit, asked, seen).find(kind, page, key)
        except (ValueError, IndexError, TypeError) as error:
            raise _no_cursor() from error


def _sees_all(permit: PathPermit, kind: Kind) -> bool:
    """Whether nothing of this kind is hidden from the caller, anywhere."""
    rights, here = permit.rights, permit.here
    if kind is Kind.REPOSITORY:
        return rights.shown(here).everything
    return rights.everywhere(Action.PULL, here) or (kind is Kind.TAG and rights.everywhere(Action.LIST, here))


def _write(cursor: _Cursor) -> str:
    return json.dumps([str(cursor.kind), cursor.way, *cursor.key], separators=(",", ":"))


def _read(text: str) -> _Cursor | None:
    """The cursor that `_write` made; None for ''. Raises `Invalid`."""
    if not text:
        return None
    try:
        kind, way, *key = json.loads(text)
        if way not in (_WIDE, _NARROW) or not all(_is_key(each) for each in key):
            raise _no_cursor()
        return _Cursor(Kind(kind), way, tuple(key))
    except (ValueError, TypeError, RecursionError) as error:
        raise _no_cursor() from error


def _is_key(value: object) -> bool:
    if isinstance(value, bool):
        return False
    if isinstance(value, int):
        return 0 <= value < 1 << 63
    return isinstance(value, str) and "\0" not in value


def _no_cursor() -> Invalid:
    return Invalid("after", "this is no cursor of this search: begin again without it")
