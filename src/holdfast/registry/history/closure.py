"""What comes back with a manifest that was deleted: its parts, and what referred to it when it was deleted.

Promises: what was deleted before it and is no part of it stays deleted; what was never here (a child that a sparse
index waits for) is not shown by this; each thing is looked at once, in pieces.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from holdfast.db.port import Reader
from holdfast.db.query import Query
from holdfast.oci.manifest import Kind
from holdfast.registry.history import closure_store as store
from holdfast.registry.model import State

_PIECE = 500


class Closure(NamedTuple):
    """What must be shown again for one manifest, by id, with its size; and the digests of the parts that are gone."""

    revived: Mapping[int, int]
    gone: tuple[str, ...]


async def closures(reader: Reader, repo_id: int, tombs: Iterable[int]) -> dict[int, Closure]:
    """What comes back with each of the deleted manifests `tombs` of a repository, themselves included."""
    roots = sorted(set(tombs))
    own = {row.content_id: row for row in await _pieces(reader, store.TOMBS, repo_id, roots)}
    below: dict[int, list[store.PartRow]] = {}
    waiting = [id_ for id_ in roots if id_ in own]
    dead_at = {id_: own[id_].gone_at for id_ in waiting}
    while waiting:
        rows = await _pieces(reader, store.PARTS, repo_id, waiting)
        for id_ in waiting:
            below[id_] = []
        found: set[int] = set()
        for row in rows:
            if _comes_back(row, dead_at[row.keeper_id]):
                below[row.keeper_id].append(row)
                if row.state == State.STORED and row.gone_at is not None and row.kind != Kind.BLOB:
                    dead_at.setdefault(row.content_id, row.gone_at)
                    found.add(row.content_id)
        waiting = sorted(found - set(below))
    return {id_: _closure(own[id_], below) for id_ in roots if id_ in own}


def _comes_back(row: store.PartRow, keeper_gone_at: int) -> bool:
    """Whether a tombstone, or what lost its bytes, concerns what is restored with its keeper."""
    if row.state == State.AWAITED or (row.gone_at is not None and row.put_at >= row.gone_at):
        return False  # it never was here
    if row.subject == row.keeper_id:  # a referrer
        return row.state == State.STORED and row.gone_at is not None and row.gone_at >= keeper_gone_at
    return True


def _closure(root: store.TombRow, below: Mapping[int, list[store.PartRow]]) -> Closure:
    revived = {root.content_id: root.size}
    gone: set[str] = set()
    waiting = [root.content_id]
    while waiting:
        for row in below.get(waiting.pop(), ()):
            if row.state != State.STORED:
                gone.add(row.digest)
            elif row.content_id not in revived:
                revived[row.content_id] = row.size
                waiting.append(row.content_id)
    return Closure(revived, tuple(sorted(gone)))


async def _pieces(reader: Reader, query: Query[store.Row], repo_id: int, ids: list[int]) -> list[store.Row]:
    found: list[store.Row] = []
    for first in range(0, len(ids), _PIECE):
        found += await reader.all(query, repo_id=repo_id, ids=ids[first : first + _PIECE])
    return found
