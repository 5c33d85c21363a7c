"""Pages of names of which a reader may be told some.

Promises: every name that is there all the while and may be told is on exactly one page, in order, however many that may
not be told lie between; each statement is bounded; nothing of a name that may not be told is in the answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from holdfast.registry.listing import store
from holdfast.registry.reach.spans import NOWHERE, Span, Wanted, after

_LEAST, _MOST = 100, 2000

Fetch = Callable[[dict[str, object]], Awaitable[list[store.NameRow]]]


class Page(NamedTuple):
    """Names in order, and whether more follow the last one."""

    names: list[str]
    more: bool


async def fill(fetch: Fetch, wanted: Wanted, last: str, limit: int) -> Page:
    """The first `limit` wanted names after `last`. `fetch` runs a statement over `SLOTS` ranges."""
    found: list[str] = []
    rest = after(wanted.spans, last)
    size = min(max(limit + 1, _LEAST), _MOST)
    while rest and limit and len(found) <= limit:
        rows = sorted(await fetch({"limit": size, **_ranges(rest[: store.SLOTS])}))
        end = _end_of_full(rows, size)
        names = [row.name for row in rows if end is None or row.name <= end]
        found += filter(wanted.matches, names)
        rest = rest[store.SLOTS :] if end is None else after(rest, end)
        size = min(2 * size, _MOST)
        await asyncio.sleep(0)  # others have their turn
    return Page(found[:limit], len(found) > limit > 0)


def _ranges(spans: list[Span]) -> dict[str, object]:
    found: dict[str, object] = {}
    for n in range(store.SLOTS):
        found[f"low{n}"], found[f"high{n}"] = spans[n] if n < len(spans) else NOWHERE
    return found


def _end_of_full(rows: list[store.NameRow], size: int) -> str | None:
    """The last name of the first range that may hold more than the statement gave; None: none does."""
    slots = [row.slot for row in rows]
    full = next((slot for slot in range(store.SLOTS) if slots.count(slot) >= size), None)
    return max(row.name for row in rows if row.slot == full) if full is not None else None
