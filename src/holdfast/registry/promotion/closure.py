"""Everything that belongs to a manifest: its parts, what refers to it, and so on down, each visited once.

Promises: bounded by `MOST_NODES` and `MOST_EDGES` (`TooManyParts` says how many were found); diamonds are met once;
what was deleted does not belong to anything; what is missing is known by its digest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from holdfast.db.port import Reader
from holdfast.oci.manifest import Kind
from holdfast.oci.name import Tag
from holdfast.registry.errors import TooManyParts
from holdfast.registry.model import State
from holdfast.registry.promotion import store
from holdfast.registry.promotion.model import MOST_EDGES, MOST_NODES
from holdfast.registry.reach.signed import SignedTags

_AT_ONCE = 500


class Node(NamedTuple):
    """A manifest or blob that belongs to the root."""

    id: int
    digest: str
    kind: int
    size: int
    subject: int | None


class Closure(NamedTuple):
    """What belongs to a root: `nodes` by id, the root first; `signed`: tags that belong to a digest among them, and
    the ids that they point to; `others`: such tags that the target has of its own, which stay; `awaited`: children that
    indexes list and that are not here; `broken`: digests of other parts that are not here, or damaged."""

    nodes: dict[int, Node]
    signed: dict[Tag, int]
    others: set[Tag]
    awaited: dict[int, str]
    broken: list[str]

    @property
    def manifests(self) -> list[int]:
        """The ids of its manifests, sorted."""
        return sorted(node.id for node in self.nodes.values() if node.kind != Kind.BLOB)

    @property
    def referrers(self) -> int:
        """How many of its manifests refer to another of them, by their subject or by a tag."""
        here = {node.id for node in self.nodes.values() if node.subject in self.nodes}
        return len(here | set(self.signed.values()))

    @property
    def foreign_subjects(self) -> set[int]:
        """What is referred to and does not belong to it."""
        return {node.subject for node in self.nodes.values() if node.subject is not None} - self.nodes.keys()


class Way(NamedTuple):
    """From which repository to which (0: it is not there yet); `referrers`: with what refers to any part; `hidden`: the
    tags that belong to a digest and must not be seen all the same."""

    source_id: int
    target_id: int
    referrers: bool
    hidden: Callable[[str], bool]


class Walk:
    """One walk over what belongs to `root`."""

    def __init__(self, reader: Reader, way: Way, root: Node) -> None:
        self._reader = reader
        self._way = way
        self._root = root
        self._found = Closure({root.id: root}, {}, set(), {}, [])
        self._edges = 0
        self._signed_tags = SignedTags(reader, way.source_id)

    async def run(self) -> Closure:
        """Walk. Raises `TooManyParts`."""
        waiting = [self._root.id]
        while waiting:
            ids, waiting = waiting[:_AT_ONCE], waiting[_AT_ONCE:]
            fresh = [*await self._parts(ids), *(await self._signed(ids) if self._way.referrers else ())]
            for node in fresh:
                if node.id not in self._found.nodes:
                    self._found.nodes[node.id] = node
                    if node.kind != Kind.BLOB:
                        waiting.append(node.id)
            self._check()
        return self._found

    async def _parts(self, ids: list[int]) -> Iterable[Node]:
        left = MOST_EDGES + 1 - self._edges
        rows = await self._reader.all(store.PARTS, repo_id=self._way.source_id, ids=ids, limit=left)
        self._edges += len(rows)
        self._check()
        found = []
        for row in sorted(rows):
            refers = row.subject == row.keeper
            if refers and (not self._way.referrers or row.gone_at is not None or row.state != State.STORED):
                continue
            if row.gone_at is not None or row.state != State.STORED:
                self._miss(row)
                continue
            found.append(Node(row.id, row.digest, row.kind, row.size, row.subject))
        return found

    def _miss(self, row: store.PartRow) -> None:
        if self._found.nodes[row.keeper].kind == Kind.INDEX:
            self._found.awaited[row.id] = row.digest
        else:
            self._found.broken.append(row.digest)

    async def _signed(self, ids: list[int]) -> Iterable[Node]:
        digests = [self._found.nodes[each].digest for each in ids]
        good = [row for row in await self._signed_tags.of(digests) if not self._way.hidden(row.name)]
        names = [row.name for row in good]
        there = {row.name: row.content_id for row in await self._there(names)}
        found = []
        for row in good:
            if there.get(row.name, row.id) != row.id:
                self._found.others.add(Tag(row.name))
                continue
            self._found.signed[Tag(row.name)] = row.id
            found.append(Node(row.id, row.digest, row.kind, row.size, row.subject))
        return found

    async def _there(self, names: list[str]) -> list[store.TagRow]:
        if not names or not self._way.target_id:
            return []
        return await self._reader.all(store.TAGS, repo_id=self._way.target_id, names=names)

    def _check(self) -> None:
        count = len(self._found.nodes) + len(self._found.signed)
        if count > MOST_NODES or self._edges > MOST_EDGES:
            raise TooManyParts(
                f"more than {MOST_NODES:,} manifests and blobs, or {MOST_EDGES:,} uses of one by another, belong to "
                f"this: {count:,} and {self._edges:,} were counted; promote its parts one by one, or without what "
                "refers to it",
                counted=count,
                most=MOST_NODES,
            )
