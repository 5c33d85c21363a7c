"""Walking an order until a page is full, the rows end, or the time is up; and where the neighbours of the page begin.

Promises: every row that stands still in the order is on exactly one page, in either direction; at least one statement
is run, so that going on always gets somewhere. Nothing is read in one piece that would keep the loop from others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

from holdfast.registry.browsing.model import Key, Place, place_text

Row = TypeVar("Row")
_LEAST, _MOST = 100, 1_000
_FASTER, _LONGEST = 4, 20_000
"""How much longer each piece is that a database looks through by itself, and how long at most."""

Fetch = Callable[[Key | None, int, bool], Awaitable[Sequence[Row]]]
"""Rows beyond a key (None: from the end that comes first), at most so many, and whether down the order."""
Wanted = Callable[[Sequence[Row]], Awaitable[list[Row]]]
"""Those of some rows that are wanted, in their order."""


class Piece(NamedTuple, Generic[Row]):
    """A piece of an order that was looked at: the rows in it that are wanted, in their order; and up to which key it
    goes, None: to the end."""

    rows: Sequence[Row]
    reached: Key | None


Sift = Callable[[Key | None, int, bool], Awaitable[Piece[Row]]]
"""The next piece beyond a key (None: from the end that comes first), about so long, and whether down the order."""


class Order(NamedTuple, Generic[Row]):
    """An order of rows: how to get some of them, and the key of each."""

    fetch: Fetch[Row]
    key: Callable[[Row], Key]


class Walked(NamedTuple, Generic[Row]):
    """The rows of a page, in the order that was asked for. `next`, `previous`, `stopped`: see `Found`."""

    rows: list[Row]
    next: str | None
    previous: str | None
    stopped: bool


class Clock(NamedTuple):
    """Until when a walk may last; `reveals`: whether the key of a row that is not wanted may be handed on."""

    now: Callable[[], float]
    deadline: float
    reveals: bool = True

    @property
    def late(self) -> bool:
        """Whether the time is up."""
        return self.now() >= self.deadline


async def walk(order: Order[Row], wanted: Wanted[Row] | None, place: Place, clock: Clock) -> Walked[Row]:
    """The page at `place` of an order, of the rows that are wanted (None: all)."""
    down = place.descending != place.backwards
    at = place.key()
    found: list[Row] = []
    size = place.limit + 1 if wanted is None else max(_LEAST, place.limit + 1)
    more = stopped = False
    while True:
        rows = await order.fetch(at, size, down)
        if rows:
            at = order.key(rows[-1])
        found += rows if wanted is None else await wanted(rows)
        if len(found) > place.limit:
            more = True
            break
        if len(rows) < size:
            break
        if clock.late and (clock.reveals or found):
            more = stopped = True
            break
        size = min(2 * size, _MOST)
        await asyncio.sleep(0)  # others have their turn
    return _page(found, order.key, place, clock, _End(at, more=more, stopped=stopped))


async def sift(pieces: Sift[Row], key: Callable[[Row], Key], place: Place, clock: Clock, *, all_: bool) -> Walked[Row]:
    """The page at `place` of an order of which the database passes over what is not wanted (`all_`: nothing), so that
    long pieces cost little."""
    down = place.descending != place.backwards
    at = place.key()
    found: list[Row] = []
    size = place.limit + 1 if all_ else max(_LEAST, place.limit + 1)
    more = stopped = False
    while True:
        rows, reached = await pieces(at, size, down)
        found += rows
        at = reached if reached is not None else at
        if len(found) > place.limit:
            more = True
            break
        if reached is None:
            break
        if clock.late and (clock.reveals or found):
            more = stopped = True
            break
        size = min(2 * size, _MOST) if all_ else min(_FASTER * size, _LONGEST)
        await asyncio.sleep(0)  # others have their turn
    return _page(found, key, place, clock, _End(at, more=more, stopped=stopped))


class _End(NamedTuple):
    """Where a walk ended: after which key, whether there is more, and whether the time was up."""

    at: Key | None
    more: bool
    stopped: bool


def _page(found: Sequence[Row], key: Callable[[Row], Key], place: Place, clock: Clock, end: _End) -> Walked[Row]:
    page, start = list(found[: place.limit]), place.key()
    beyond = end.at
    if page and (not end.stopped or not clock.reveals):
        beyond = key(page[-1])
    on = place_text(place.sort, beyond) if end.more and beyond is not None else None
    # At the end nearest to where the page began there is a neighbour, unless it began at the very end.
    back = place_text(place.sort, key(page[0])) if page and start is not None else None
    if not page and start is not None:
        back = place_text(place.sort, start)
    if place.backwards:
        return Walked(page[::-1], back, on, end.stopped)
    return Walked(page, on, back, end.stopped)


def cut(
    rows: Sequence[Row],
    order: Callable[[Row], Key],
    key: Callable[[Row], Key],
    order_of: Callable[[Key], Key],
    place: Place,
) -> Walked[Row]:
    """The page at `place` of rows that are all there: few enough to be sorted. `key`: what a place says of a row,
    `order_of`: by what the row of a place is sorted."""
    down = place.descending != place.backwards
    at = place.key()
    rest = sorted(rows, key=order, reverse=down)
    if at is not None:
        start = order_of(at)
        rest = [row for row in rest if (order(row) < start if down else order(row) > start)]
    page, more = rest[: place.limit], len(rest) > place.limit
    on = place_text(place.sort, key(page[-1])) if more else None
    back = place_text(place.sort, key(page[0]) if page else at) if at is not None else None
    if place.backwards:
        return Walked(page[::-1], back, on, stopped=False)
    return Walked(page, on, back, stopped=False)
