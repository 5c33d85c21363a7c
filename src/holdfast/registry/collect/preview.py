"""What a run of the collector would take now, without taking it.

Promises: nothing is written or locked; what is told was so at some time while it was looked at. With `path`: what would
go of that namespace or repository if its history were cut off now (cutting.py), when the leases are over.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import NamedTuple

from holdfast.db.port import Database
from holdfast.registry.collect import preview_store
from holdfast.registry.collect.repositories import expired
from holdfast.registry.effective.service import prefixes_of
from holdfast.registry.roots.facts import FOREVER, window_of
from holdfast.registry.roots.store import FactRow
from holdfast.registry.roots.walk import Around, climb
from holdfast.registry.settings import RegistrySettings

EXAMPLES = 100
_PAGE = 500
_MOST = 1_000_000


class Example(NamedTuple):
    """Something that would go."""

    repository: str
    digest: str
    manifest: bool
    bytes: int


class Preview(NamedTuple):
    """What would go: manifests and blobs of repositories, and their bytes; deleted repositories; content that no
    repository shows any more, and its bytes. `examples`: the first of the manifests and blobs."""

    manifests: int
    blobs: int
    bytes: int
    repositories: int
    stored: int
    stored_bytes: int
    examples: tuple[Example, ...]


class _Sum:
    def __init__(self) -> None:
        self.manifests = self.blobs = self.bytes = self.seen = 0
        self.examples: list[Example] = []

    def add(self, repository: str, fact: FactRow) -> None:
        self.manifests += fact.kind > 0
        self.blobs += fact.kind == 0
        self.bytes += fact.size
        if len(self.examples) < EXAMPLES:
            self.examples.append(Example(repository, fact.digest, fact.kind > 0, fact.size))


async def preview(
    db: Database, settings: RegistrySettings, *, path: str | None, report: Callable[[int], Awaitable[None]]
) -> Preview:
    """What would go. `report` is told how many candidates were looked at."""
    found = _Sum()
    pages = _due(db) if path is None else _at(db, path)
    async for repo_id, ids in pages:
        await _look(db, settings, repo_id, ids, found, cut=path is not None)
        found.seen += len(ids)
        await report(found.seen)
        await asyncio.sleep(0)
    gone = [row for row in await expired(db, settings) if path is None or _below(row.was_path or "", path)]
    stored = None
    if path is None:
        stored = await db.one(preview_store.ORPHANED, most=_MOST)
    return Preview(
        found.manifests,
        found.blobs,
        found.bytes,
        len(gone),
        stored.total if stored is not None else 0,
        stored.bytes if stored is not None else 0,
        tuple(found.examples),
    )


async def _due(db: Database) -> AsyncIterator[tuple[int, list[int]]]:
    """What is due, by repository."""
    at, repo_id, after = -1, 0, 0
    while rows := await db.all(preview_store.DUE_AFTER, due=at, repo_id=repo_id, after=after, limit=_PAGE):
        repo_id, after, at = rows[-1]
        places: dict[int, list[int]] = {}
        for row in rows:
            places.setdefault(row.repo_id, []).append(row.content_id)
        for each, ids in sorted(places.items()):
            yield each, ids


async def _at(db: Database, path: str) -> AsyncIterator[tuple[int, list[int]]]:
    """Every candidate of the repositories at and below a path, due or not."""
    last = ""
    while rows := await db.all(preview_store.REPOSITORIES_AT, path=path, after=last, limit=_PAGE):
        last = rows[-1].path
        for row in rows:
            after = 0
            while _below(row.path, path) and (
                page := await db.all(preview_store.CANDIDATES, repo_id=row.id, after=after, limit=_PAGE)
            ):
                after = page[-1].content_id
                yield row.id, [each.content_id for each in page]


def _below(repository: str, path: str) -> bool:
    return repository == path or repository.startswith(f"{path}/")


async def _look(
    db: Database, settings: RegistrySettings, repo_id: int, ids: Sequence[int], found: _Sum, *, cut: bool
) -> None:
    rows = await db.all(preview_store.REPOSITORIES_OF, ids=[repo_id])
    if not rows or rows[0].gone_at is not None:
        return
    window = await window_of(db, prefixes_of(rows[0].path), settings.window)
    now = db.now()
    around = Around(db, repo_id, window._replace(cut=now) if cut else window, now)
    facts = await around.facts(ids)
    subjects = await around.subjects(facts.values())
    for fact in facts.values():
        if around.rooted_until(fact) in range(now + 1, FOREVER + 1):
            continue
        if fact.kept or fact.id in subjects:
            if not fact.kind:
                continue
            above = await climb(around, fact)
            if above.full or above.rooted or not above.circular:
                continue
        found.add(rows[0].path, fact)
