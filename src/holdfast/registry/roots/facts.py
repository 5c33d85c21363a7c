"""What roots content of a repository by itself, without what lies above it; and how far back history reaches.

Promises: a tag that belongs to a digest (`sha256-<hex>`) is no root; what a tag was moved from, what was deleted, and a
manifest since its push are held for the window that is in effect for the repository now; what was leased, until then.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from holdfast.db.port import Reader
from holdfast.oci.name import signed_digest
from holdfast.registry.effective.service import HISTORY_CUT, Effective, effective
from holdfast.registry.roots import store
from holdfast.registry.roots.store import FactRow

FOREVER = 1 << 62
CUT = HISTORY_CUT
"""The setting that holds a moment (microseconds): history before it roots nothing at and below a path any more."""
_MANY = 10_000


class Window(NamedTuple):
    """How far history reaches back: `length` microseconds, and not before `cut`."""

    length: int
    cut: int = 0

    def since(self, now: int) -> int:
        """What happened after this moment counts."""
        return max(now - self.length, self.cut)


async def window_of(reader: Reader, prefixes: Sequence[str], default: int, held: Effective | None = None) -> Window:
    """The window of the path that `prefixes` lead to. `held`: its settings, where they are at hand."""
    held = held if held is not None else await effective(reader, prefixes)
    cuts = await reader.all(store.CUTS, prefixes=list(prefixes), name=CUT)
    return Window(held.window(default), max((int(row.value) for row in cuts), default=0))


async def facts_of(reader: Reader, repo_id: int, ids: Iterable[int]) -> dict[int, FactRow]:
    """What the repository knows of those of `ids` that it links; tags that only look as if they belonged to a digest
    are told from those that do."""
    rows = await reader.all(store.FACTS, repo_id=repo_id, ids=sorted(ids))
    found = {row.id: row for row in rows}
    doubtful = sorted(row.id for row in rows if row.signed and not row.tagged)
    if doubtful:
        for tag in await reader.all(store.SIGNING, repo_id=repo_id, ids=doubtful, limit=_MANY):
            if signed_digest(tag.name) is None:
                found[tag.content_id] = found[tag.content_id]._replace(tagged=True)
    return found


def rooted_until(fact: FactRow, window: Window, now: int) -> int:
    """Until when the content is rooted by itself: 0: it is not, `FOREVER`: by a tag."""
    if fact.tagged:
        return FOREVER
    since = window.since(now)
    ends = [0]
    if fact.lost_at is not None and fact.lost_at > since:
        ends.append(fact.lost_at + window.length)
    if fact.gone_at is not None:
        if fact.gone_at > since:
            ends.append(fact.gone_at + window.length)
    elif fact.kind and fact.put_at > since:
        ends.append(fact.put_at + window.length)
    if fact.leased is not None and fact.leased > now:
        ends.append(fact.leased)
    return max(ends)
