"""Repositories in an order, of which the database passes over what is not wanted by the index of the order alone.

Promises: what comes out is wanted, may be told, and is there; how much is looked at at once is bounded by the length of
a piece, however little of it is wanted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from holdfast.access.model import PathPermit
from holdfast.db.port import Reader
from holdfast.db.query import Query
from holdfast.oci.manifest import Kind
from holdfast.registry.browsing import repositories_store as store
from holdfast.registry.browsing.branches import key_of
from holdfast.registry.browsing.model import Key, RepositoryFilter, RepositorySort, RepositoryType
from holdfast.registry.browsing.repositories_store import KeyRow, SiftedRow
from holdfast.registry.browsing.walking import Piece
from holdfast.registry.namespaces.service import GONE
from holdfast.registry.reach.likes import ANY, beginning, containing, likes
from holdfast.registry.reach.spans import Span, shown

_ABOVE = "\x7f"
_LAST = (1 << 63) - 1
_TOGETHER = 1_000
_HELM = "application/vnd.cncf.helm."
_IMAGES = ("application/vnd.oci.image.", "application/vnd.docker.")
_STATEMENTS: dict[RepositorySort, tuple[Query[SiftedRow], Query[SiftedRow]]] = {
    RepositorySort.NAME: (store.BY_NAME, store.BY_NAME_DOWN),
    RepositorySort.PUSHED: (store.BY_PUSH, store.BY_PUSH_DOWN),
    RepositorySort.PULLED: (store.BY_PULL, store.BY_PULL_DOWN),
    RepositorySort.SIZE: (store.BY_SIZE, store.BY_SIZE_DOWN),
    RepositorySort.TAGS: (store.BY_TAGS, store.BY_TAGS_DOWN),
    RepositorySort.FREES: (store.BY_FREES, store.BY_FREES_DOWN),
}
_COUNTED = frozenset({RepositorySort.SIZE, RepositorySort.TAGS, RepositorySort.FREES})
"""Orders of sums, which are kept of what is deleted too."""


class Passing:
    """Which of some repositories are wanted, and may be told."""

    def __init__(self, reader: Reader, permit: PathPermit, wanted: RepositoryFilter) -> None:
        self._reader = reader
        self._permit = permit
        self._shows = shown(permit.rights.shown(permit.here)).matches
        self._wanted = wanted
        self.looks = bool(wanted.idle_since or wanted.kind is not None)

    @property
    def patterns(self) -> dict[str, str]:
        """What every name of those is like: the parameters of a statement."""
        text = containing(self._wanted.text)
        if text == ANY:
            text = beginning(max(self._permit.path, self._wanted.prefix, key=len))
        return {**likes(self._permit.rights.shown(self._permit.here)), "text": text}

    def named(self, path: str) -> bool:
        """Whether a repository of this name can be one of those."""
        wanted = self._wanted
        return (
            wanted.text in path
            and path.startswith(wanted.prefix)
            and self._shows(path)
            and wanted.public in (None, self._permit.rights.is_public(path))
        )

    async def __call__(self, rows: Sequence[KeyRow]) -> list[KeyRow]:
        """Those of `rows`, of which all is known."""
        since = self._wanted.idle_since
        found = [
            row for row in rows if self.named(row.path) and not (since and max(row.pushed_at, row.pulled_at) >= since)
        ]
        if found and self._wanted.kind is not None:
            kinds = await _kinds(self._reader, found)
            found = [row for row in found if kinds[row.id] is self._wanted.kind]
        return found


class Sieve:
    """The pieces of an order of repositories that lie in `spans` (sorted, without overlap) and pass. `last`: the count
    of what everybody stores that is looked at, where it is sorted by that."""

    def __init__(
        self, reader: Reader, sort: RepositorySort, spans: Sequence[Span], passing: Passing, last: int = 0
    ) -> None:
        self._reader = reader
        self._sort = sort
        self._spans = spans
        self._passing = passing
        self._values: Mapping[str, object] = {
            **passing.patterns,
            **({"walk": last} if sort is RepositorySort.FREES else {}),
        }

    @property
    def all(self) -> bool:
        """Whether nothing is passed over by what a name is like."""
        return self._values["text"] == self._values["like1"] == ANY

    async def __call__(self, at: Key | None, size: int, down: bool) -> Piece[KeyRow]:
        """The next piece: a `Sift`."""
        if self._sort is RepositorySort.NAME:
            return await self._by_name(at, size, down)
        first: Key = (_LAST, _ABOVE) if down else (-_LAST, "")
        key, name = first if at is None else key_of(self._sort, at)
        rows = await self._reader.all(_STATEMENTS[self._sort][down], key=key, name=name, limit=size, **self._values)
        rest, reached = _parted(rows)
        inside = [row for row in rest if any(span.low <= row.path < span.high for span in self._spans)]
        return Piece(await self._passed(inside, down), (reached.key, reached.path) if reached is not None else None)

    async def _by_name(self, at: Key | None, size: int, down: bool) -> Piece[KeyRow]:
        name = str(key_of(self._sort, at)[0]) if at is not None else None
        found: list[KeyRow] = []
        for span in reversed(self._spans) if down else self._spans:
            # A name follows nothing that is shorter by its last character's least neighbour: none lies between.
            low, high = before(span.low), span.high
            if name is not None and down:
                high = min(high, name)
            elif name is not None:
                low = max(low, name)
            if low >= high:
                continue
            rows = await self._reader.all(_STATEMENTS[self._sort][down], low=low, high=high, limit=size, **self._values)
            rest, reached = _parted(rows)
            found += await self._passed(rest, down)
            if reached is not None:
                return Piece(found, (reached.path,))
            if len(found) >= size:
                return Piece(found, (found[-1].path,))
        return Piece(found, None)

    async def _passed(self, rows: Sequence[SiftedRow], down: bool) -> list[KeyRow]:
        """Those of `rows` that pass, in their order."""
        named = [row for row in rows if GONE not in row.path and self._passing.named(row.path)]
        named.sort(reverse=down)
        if self._sort not in _COUNTED and not self._passing.looks:
            return [KeyRow(0, row.path, 0, 0, row.key) for row in named]
        found: list[KeyRow] = []
        for first in range(0, len(named), _TOGETHER):
            some = {row.path: row.key for row in named[first : first + _TOGETHER]}
            standing = {row.path: row for row in await self._reader.all(store.STANDING, paths=sorted(some))}
            held = [standing[path]._replace(key=key) for path, key in some.items() if path in standing]
            found += await self._passing(held)
        return found


def _parted(rows: Sequence[SiftedRow]) -> tuple[list[SiftedRow], SiftedRow | None]:
    """What is wanted perhaps, and where the piece ends, None: at the end of all."""
    return [row for row in rows if not row.reached], next((row for row in rows if row.reached), None)


def key_by(sort: RepositorySort) -> Callable[[KeyRow], Key]:
    """What a place of the order says of a repository, and by what it is sorted."""
    return (lambda row: (row.path,)) if sort is RepositorySort.NAME else (lambda row: (row.key, row.path))


def before(low: str) -> str:
    """A text that no name lies between and `low`."""
    return low[:-1] + chr(ord(low[-1]) - 1) + _ABOVE if low else ""


async def _kinds(reader: Reader, rows: Sequence[KeyRow]) -> dict[int, RepositoryType]:
    """What each repository holds."""
    found = await reader.all(store.NEWEST, ids=sorted(row.id for row in rows))
    return {row.id: type_of(row.said) for row in found}


def type_of(said: str | None) -> RepositoryType:
    """What a repository holds whose newest tag points to this: kind and type of the artifact, None: there is none."""
    if said is None:
        return RepositoryType.EMPTY
    kind, _, artifact_type = said.partition(" ")
    if artifact_type.startswith(_HELM):
        return RepositoryType.HELM
    if artifact_type.startswith(_IMAGES) or (int(kind) == Kind.INDEX and not artifact_type):
        return RepositoryType.IMAGE
    return RepositoryType.OTHER
