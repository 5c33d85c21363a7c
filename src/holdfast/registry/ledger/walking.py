"""Rows of what repositories store, in an order, from a place on: along an index, or all that lies there where it is
little, for then the index of sizes leads through what lies elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from holdfast.db.port import Reader
from holdfast.registry.ledger import figures_store as store
from holdfast.registry.ledger.figures_store import FigureRow
from holdfast.registry.reach.spans import Span, Wanted

FEW = 2_000
_PAGE = 500
_LOOKED_AT = 1_000
_QUERIES = {
    (False, False): store.FIGURES,
    (False, True): store.FIGURES_DOWN,
    (True, False): store.FIGURES_BY_LIVE,
    (True, True): store.FIGURES_BY_LIVE_DOWN,
}


class Along(NamedTuple):
    """An order and a place in it: by live bytes and path, or by path (`live` is None); beyond `after`."""

    down: bool
    after: str
    live: int | None

    @property
    def values(self) -> dict[str, object]:
        """Of a statement."""
        return {"after": self.after} if self.live is None else {"after": self.after, "live": self.live}

    def key(self, row: FigureRow) -> tuple[int, str]:
        """By what rows are sorted."""
        return (0 if self.live is None else row.live, row.path)

    def beyond(self, row: FigureRow) -> bool:
        """Whether a row lies beyond the place."""
        at = (self.live or 0, self.after)
        return self.key(row) < at if self.down else self.key(row) > at

    def behind(self, row: FigureRow) -> Along:
        """From this row on."""
        return self._replace(after=row.path, live=None if self.live is None else row.live)


async def figures(
    reader: Reader, walk: int, spans: Sequence[Span], along: Along, *, wanted: Wanted, limit: int
) -> list[FigureRow]:
    """More than `limit` rows of a count (`walk`) in these spans that are wanted, or all there are; in their order."""
    found = await _few(reader, walk, spans) if along.live is not None else None
    if found is None:
        found = []
        for each in spans:
            found += await _walked(reader, walk, each, along, wanted=wanted, limit=limit)
    else:
        found = [row for row in found if along.beyond(row) and _fits(row, wanted)]
    return sorted(found, key=along.key, reverse=along.down)


async def _few(reader: Reader, walk: int, spans: Sequence[Span]) -> list[FigureRow] | None:
    """Every row in these spans, where they are few; None: they are not."""
    found: list[FigureRow] = []
    for each in spans:
        if not each.low:  # everything
            return None
        left = FEW + 1 - len(found)
        found += await reader.all(store.FIGURES, walk=walk, low=each.low, high=each.high, after="", limit=left)
        if len(found) > FEW:
            return None
    return found


async def _walked(
    reader: Reader, walk: int, each: Span, along: Along, *, wanted: Wanted, limit: int
) -> list[FigureRow]:
    """More than `limit` rows of a span, or all there are."""
    found: list[FigureRow] = []
    query = _QUERIES[along.live is not None, along.down]
    for _ in range(_LOOKED_AT):
        rows = await reader.all(query, walk=walk, low=each.low, high=each.high, limit=_PAGE, **along.values)
        found += [row for row in rows if _fits(row, wanted)]
        if len(rows) < _PAGE or len(found) > limit:
            break
        along = along.behind(rows[-1])
    return found


def _fits(row: FigureRow, wanted: Wanted) -> bool:
    return wanted.matches(row.path.partition("@")[0])
