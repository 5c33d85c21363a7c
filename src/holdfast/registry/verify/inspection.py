"""How verify goes about it: pages name spots, a spot is looked at again in one snapshot, and mended in one short unit.

Promises: nothing is reported from a page alone, so a server that writes beside causes no false finding; a repair looks
at the spot once more inside its own unit, after taking the repository's lock, and writes what it did to the journal;
spots that are mended together share a durable commit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from itertools import islice
from typing import NamedTuple, Protocol

from holdfast.blobs.errors import Corrupt
from holdfast.db.port import Database, Reader, Unit
from holdfast.journal.model import ChangeKind, Origin
from holdfast.journal.service import Place, record
from holdfast.registry.objects import Objects
from holdfast.registry.settings import RegistrySettings
from holdfast.registry.sweep.guard import Guard, Restored
from holdfast.registry.sweep.litter import Litter
from holdfast.registry.verify import rows, store
from holdfast.registry.verify.model import Finding, Options, Outcome, Progress, Report

PAGE = 1000
ACTOR = "verify"
_TOGETHER = 32
_ROUNDS = 4
_SUBJECTS = {
    ChangeKind.CONTENT_DAMAGED: "digest",
    ChangeKind.CONTENT_REPAIRED: "digest",
    ChangeKind.TAG_DELETED: "tag",
}


class Spot(Protocol):
    """One thing that may be damaged."""

    async def lock(self, unit: Unit) -> None:
        """Take the locks that a decision about it needs, in the data model's order."""

    async def examine(self, reader: Reader) -> list[Finding]:
        """What is wrong with it, as `reader` sees it."""

    async def mend(self, unit: Unit, finding: Finding) -> bool:
        """Repair `finding`, which `examine` just gave in the same unit; False when that cannot be done."""


class Site(NamedTuple):
    """What is verified. `request` stands for the run in the journal."""

    db: Database
    objects: Objects
    settings: RegistrySettings
    request: str


class Inspection:
    """One run: where it looks, and what came of it so far."""

    def __init__(self, site: Site, outcome: Outcome, report: Report) -> None:
        self.db = site.db
        self.objects = site.objects
        self.blobs = site.objects.blobs
        self.settings = site.settings
        self.request = site.request
        self.outcome = outcome
        self.guard = Guard(site.db, self.blobs)
        self.litter = Litter(site.db, self.blobs, site.settings, actor=ACTOR, request=site.request)
        self.restored = False
        self._may_delete: bool | None = None
        self._report = report
        self._progress = Progress("", 0, 0)

    @property
    def options(self) -> Options:
        """How the run was asked to go about it."""
        return self.outcome.options

    def clear(self, data: bytes | None, wrapped: bytes | None, digest: str | None) -> bytes | None:
        """Inline bytes in clear; nothing when they do not open, which hashes to no digest. Raises `Unavailable`."""
        if data is None or wrapped is None:
            return data
        try:
            return self.objects.open(wrapped, digest or "", data)
        except Corrupt:
            return b""

    async def may_delete(self) -> bool:
        """Whether anything may be deleted from the store: not while the database is older than the store's guard."""
        if self._may_delete is None:
            try:
                await self.guard.move()
                self._may_delete = True
            except Restored:
                self._may_delete = False
        return self._may_delete

    def begin(self, stage: str, total: int, unit: str = "") -> None:
        """Start a stage."""
        self._progress = Progress(stage, 0, total, unit)
        self._report(self._progress)

    def step(self, count: int) -> None:
        """Go on by `count` in the stage."""
        self._progress = self._progress._replace(done=self._progress.done + count)
        self._report(self._progress)

    async def settle(self, spots: Iterable[Spot]) -> None:
        """Look at each spot again; report what is wrong with it, mended where that was asked for."""
        rest = iter(spots)
        while together := list(islice(rest, _TOGETHER)):
            for found in await asyncio.gather(*map(self._settle, together)):
                for finding in found:
                    self.outcome.add(finding)

    async def _settle(self, spot: Spot) -> list[Finding]:
        found = await self.db.snapshot(spot.examine)
        if not found or not self.options.repair:
            return found
        return await self.db.write(lambda unit: _mend(unit, spot))

    async def note(
        self, unit: Unit, place: Place, finding: Finding, kind: ChangeKind = ChangeKind.DAMAGE_REPAIRED
    ) -> None:
        """Write a repair into the journal; with what readers of its kind expect, whoever writes it."""
        data: dict[str, object] = {"damage": str(finding.damage), "reference": finding.reference}
        if kind in _SUBJECTS:
            data[_SUBJECTS[kind]] = finding.reference
        await record(unit, kind, place, actor=ACTOR, origin=Origin(self.request), data=data)


async def _mend(unit: Unit, spot: Spot) -> list[Finding]:
    """Mend what is wrong with `spot`, and what shows when that is mended; a finding that stays is tried once."""
    await spot.lock(unit)
    settled: dict[object, Finding] = {}
    for _ in range(_ROUNDS):
        fresh = [finding for finding in await spot.examine(unit) if finding.identity not in settled]
        if not fresh:
            break
        for finding in fresh:
            settled[finding.identity] = finding._replace(repaired=await spot.mend(unit, finding))
    return list(settled.values())


async def standing(unit: Unit, repo_id: int) -> Place | None:
    """Lock a repository without taking a place in its history; None when it is gone."""
    row = await unit.one(store.LOCK_REPOSITORY, id=repo_id)
    return Place(repo_id, row.seq, row.last_at) if row is not None else None


async def affected(reader: Reader, content_id: int) -> str:
    """Who needs this content, in words: repositories and their tags, at most a few of each."""
    users = await reader.all(store.USERS, id=content_id, limit=_USERS + 1)
    if not users:
        return "no repository shows it"
    named = [await _in_repository(reader, user, content_id) for user in users[:_USERS]]
    return "needed by " + ", ".join(named) + (" and others" if len(users) > _USERS else "")


_USERS = 5
_TAGS = 5
_LEVELS = 3
_KEEPERS = 100


async def _in_repository(reader: Reader, user: rows.UserRow, content_id: int) -> str:
    tags = await tags_above(reader, user.repo_id, content_id)
    if not tags:
        return user.path
    return ", ".join(f"{user.path}:{tag}" for tag in tags[:_TAGS]) + (" ..." if len(tags) > _TAGS else "")


async def tags_above(reader: Reader, repo_id: int, content_id: int) -> list[str]:
    """Tags of a repository that reach the content through the manifests that keep it: at most one more than shown."""
    ids, seen = [content_id], {content_id}
    for _ in range(_LEVELS):
        above = await reader.all(store.KEEPERS, repo_id=repo_id, ids=ids, limit=_KEEPERS)
        ids = [row.id for row in above if row.id not in seen]
        if not ids:
            break
        seen.update(ids)
    rows = await reader.all(store.TAGS_ON, repo_id=repo_id, ids=sorted(seen), limit=_TAGS + 1)
    return [row.name for row in rows]
