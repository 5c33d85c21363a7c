"""Walking rows until a page is full, the rows end, or the time is up; and where to go on.

Promises: at least one statement is run, so that going on always gets somewhere; what is passed over is remembered by
keys of what the caller may see, or of nothing: a cursor tells nothing that is hidden.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from holdfast.registry.search.model import Hit

Row = TypeVar("Row")
Key = tuple[str | int, ...]
CHUNK = 2_000
LEAST_CHUNK = 100


@dataclass
class Page:
    """A page that is filled: at most `limit` hits, until `deadline` of `clock` (seconds)."""

    limit: int
    clock: Callable[[], float]
    deadline: float
    hits: list[Hit] = field(default_factory=list)

    @property
    def full(self) -> bool:
        """Whether it holds as much as it may."""
        return len(self.hits) >= self.limit

    @property
    def late(self) -> bool:
        """Whether the time is up."""
        return self.clock() >= self.deadline


class Walked(NamedTuple):
    """How far a walk came: after which key to go on, None: to the end."""

    after: Key | None


async def walk(
    page: Page,
    after: Key,
    fetch: Callable[[Key, int], Awaitable[list[Row]]],
    key: Callable[[Row], Key],
    hit: Callable[[Row], Hit | None],
) -> Walked:
    """Put into `page` the hits among the rows after `after`, in their order."""
    chunk = max(LEAST_CHUNK, page.limit + 1)
    while True:
        rows = await fetch(after, chunk)
        for row in rows:
            if page.full:
                return Walked(after)
            after = key(row)
            found = hit(row)
            if found is not None:
                page.hits.append(found)
        if len(rows) < chunk:
            return Walked(None)
        if page.full or page.late:
            return Walked(after)
        chunk = min(2 * chunk, CHUNK)
        await asyncio.sleep(0)  # others have their turn
