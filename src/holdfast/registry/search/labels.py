"""Labels of namespaces and repositories, which people write: few, and looked at one by one."""

from __future__ import annotations

from holdfast.db.port import Reader
from holdfast.registry.reach.spans import Wanted
from holdfast.registry.search import store
from holdfast.registry.search.model import Asked, Hit, Kind

MOST = 5_000
"""So many labels are looked at."""
MOST_HITS = 100


async def labelled(reader: Reader, asked: Asked, seen: Wanted) -> list[Hit]:
    """Those labels that are wanted, on paths that may be `seen`; by path, at most `MOST_HITS`."""
    hits: list[Hit] = []
    left = MOST
    for low, high in seen.spans:
        rows = await reader.all(store.LABELS, low=low, high=high, limit=left)
        left -= len(rows)
        for row in rows:
            said = f"{row.name}={row.value}"
            wanted = asked.term_matches(said.casefold()) or asked.term_matches(row.value.casefold())
            if wanted and asked.is_within(row.path) and seen.matches(row.path):
                hits.append(Hit(Kind.LABEL, row.path, said, repository=row.repository))
        if left <= 0:
            break
    return hits[:MOST_HITS]
