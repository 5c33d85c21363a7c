"""What changed in a repository between two instants, tag by tag. The cost follows the events in between."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from holdfast.db.port import Reader
from holdfast.registry.history import store

_PIECE = 1000
_AFTER_ALL = "\x7f"  # sorts after every tag


class Moved(NamedTuple):
    """A tag that has events in a span of time: what it pointed to before the first and after the last of them (None:
    it was not there), and when the last one was."""

    was_id: int | None
    now_id: int | None
    at: int


async def moved_between(
    reader: Reader,
    repo_id: int,
    since: int,
    until: int,
    *,
    tag: str | None = None,
    wanted: Callable[[str], bool] = lambda _tag: True,
    most: int,
    alone: bool = True,
) -> dict[str, Moved]:
    """The tags that are wanted and have events after `since` and up to `until`; when there are more than `most`, only
    the first of them, more than `most`. `alone`: others may have their turn between two pieces; not inside a unit."""
    found: dict[str, Moved] = {}
    rows = [store.SinceRow(since, _AFTER_ALL, None, None)]
    while rows:
        span = {"repo_id": repo_id, "after": rows[-1].at, "last": rows[-1].name, "until": until, "limit": _PIECE}
        if tag is None:
            rows = await reader.all(store.SINCE, **span)
        else:
            rows = await reader.all(store.SINCE_OF_TAG, name=tag, **span)
        for row in rows:
            if not wanted(row.name):
                continue
            known = found.get(row.name)
            found[row.name] = Moved(row.was_id if known is None else known.was_id, row.now_id, row.at)
        if len(rows) < _PIECE or len(found) > most:
            break
        if alone:
            await asyncio.sleep(0)
    return found
