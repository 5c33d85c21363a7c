"""Namespaces that somebody made or described, and that are no repositories: found by what a part of them begins with.

Promises: nothing is told of one that the caller could not be told of by its name, and whose settings he may not change.
"""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.access.model import PathPermit
from holdfast.access.policy.model import Action
from holdfast.db.port import Reader
from holdfast.registry.reach.likes import beginning
from holdfast.registry.search import store

_LOOKED_AT = 20_000
"""So many paths that people said something of are looked at."""
_MOST = 500


async def made(reader: Reader, permit: PathPermit, text: str, limit: int) -> list[str]:
    """At most `limit` namespaces, by name, of whose path a part begins with `text`, or the path itself."""
    wanted = text.strip().casefold().rstrip("/")
    if not wanted:
        return []
    rows = await reader.all(
        store.MADE_NAMESPACES,
        begins=beginning(wanted),
        inside=beginning(f"%/{wanted}"),
        most=_LOOKED_AT,
        limit=_MOST,
    )
    found: set[str] = set()
    for row in rows:
        if permit.shows(row.path) or not permit.lacks(Action.SETTINGS, row.path):
            found.update(_wanted(row.path.split("/"), wanted))
    return sorted(found)[:limit]


def _wanted(parts: list[str], text: str) -> Iterator[str]:
    """Those of a path and of the paths above it that are wanted."""
    for end in range(1, len(parts) + 1):
        path = "/".join(parts[:end])
        if path.startswith(text) or parts[end - 1].startswith(text):
            yield path
