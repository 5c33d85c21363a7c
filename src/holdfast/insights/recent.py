"""`Recent`: pulls of the last 30 days, ready for lists of tags and repositories and for the page of an artifact.

Promises: a repository's are told to who may be told of all its tags, a tag's to who may be told of it; a page of an
order costs what it shows, not what there is, and every tag that stands still is on one of them. Pulls are those of who
runs images: no scanners, no mirrors.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from holdfast.access.errors import Invalid
from holdfast.access.model import PathPermit
from holdfast.access.standing import check_reading
from holdfast.access.usage.classes import SubjectClass
from holdfast.db.port import Database, Reader
from holdfast.insights import reading_store, recent_store
from holdfast.insights.model import RECENT, day_of
from holdfast.oci.manifest import Kind
from holdfast.oci.name import signed_digest
from holdfast.registry.reach.showing import may_tell

_HIGHEST = "\x7f"
_MOST = 1 << 62
_CHUNK, _CHUNKS = 500, 20
_PARTS = 200
_RUNS = int(SubjectClass.ANONYMOUS)


class Pulled(NamedTuple):
    """A repository: its pulls of 30 days, and of each of these days, today last."""

    pulls: int
    days: list[int]


class Use(NamedTuple):
    """A digest: its pulls by day, today last; those of who runs images and of all; `platforms`: of the images that an
    index lists, the most pulled first; empty for what is no index."""

    days: list[int]
    pulls: int
    pulls_all: int
    platforms: list[tuple[str, int]]


class Part(NamedTuple):
    """A piece of an order, and where its neighbours begin (None: there is none)."""

    names: list[str]
    next: str | None
    previous: str | None


class _Place(NamedTuple):
    pulls: int
    name: str


class Recent:
    """The recent pulls of one installation."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def tags(self, permit: PathPermit, repository: str, names: Sequence[str]) -> Mapping[str, int]:
        """The pulls of these tags, as far as the caller may be told of them. Raises `StalePermit`."""
        await check_reading(self._db, permit)
        rights = may_tell(permit, repository)
        if rights.nothing:
            return {}
        found = await self._db.all(recent_store.OF_TAGS, path=repository, names=sorted(names))
        if not found:
            return {}
        pulls = {each.name: each.pulls for each in found}
        return {name: pulls.get(name, 0) for name in names if rights.everything or rights.allows(name)}

    async def repositories(self, permit: PathPermit, paths: Sequence[str]) -> Mapping[str, Pulled]:
        """The pulls of these repositories, without those that the caller may not know as a whole. Raises
        `StalePermit`."""
        await check_reading(self._db, permit)
        known = sorted(path for path in paths if may_tell(permit, path).everything)
        if not known:
            return {}
        today = day_of(self._db.now())
        since = today - RECENT + 1
        sums: dict[str, int] = {}
        days = {path: [0] * RECENT for path in known}
        for row in await self._db.all(recent_store.OF_REPOSITORIES, paths=known, since=since, most=_RUNS):
            if not row.day:
                sums[row.name] = row.pulls
            elif row.day <= today:
                days[row.name][row.day - since] = row.pulls
        return {path: Pulled(sums.get(path, 0), days[path]) for path in known}

    async def order(  # noqa: PLR0917 - which, which way round, and where it begins
        self, permit: PathPermit, repository: str, descending: bool, after: str, before: str, limit: int
    ) -> Part:
        """Tags of a repository by their pulls, and by name where these are the same. Raises `Invalid`,
        `StalePermit`."""
        await check_reading(self._db, permit)
        row = await self._db.one(reading_store.REPOSITORY, path=repository)
        rights = may_tell(permit, repository)
        if row is None or rights.nothing:
            return Part([], None, None)
        start = _read(before or after)
        down = descending != bool(before)
        found, at = await self._walk(row.id, start, limit + 1, rights.allows if not rights.everything else None, down)
        more = len(found) > limit or at is not None
        page = found[:limit]
        beyond = page[-1] if page and (len(found) > limit or not rights.everything) else at
        on = _text(beyond) if more and beyond is not None else None
        back = _text(page[0] if page else start) if start is not None else None
        names = [each.name for each in page]
        return Part(names[::-1], back, on) if before else Part(names, on, back)

    async def _walk(
        self, repo_id: int, start: _Place | None, limit: int, allows: Callable[[str], bool] | None, down: bool
    ) -> tuple[list[_Place], _Place | None]:
        """The next tags of an order, and where it stopped looking (None: at the end, or there are enough)."""
        found: list[_Place] = []
        at = start or (_Place(_MOST, _HIGHEST) if down else _Place(0, ""))
        for _ in range(_CHUNKS):
            rows = await self._chunk(repo_id, at, down)
            for place, wanted in rows:
                if wanted and signed_digest(place.name) is None and (allows is None or allows(place.name)):
                    found.append(place)
            if len(found) >= limit:
                return found[:limit], None
            if len(rows) == _CHUNK:
                at = rows[-1][0]
            elif down and at.pulls:
                at = _Place(0, _HIGHEST)
            elif not down and not at.pulls:
                at = _Place(1, "")
            else:
                return found, None
        return found, at

    async def _chunk(self, repo_id: int, at: _Place, down: bool) -> list[tuple[_Place, bool]]:
        """The next rows beyond a place, of those that were pulled or of those that were not, and whether each counts
        here."""
        within = {"repo_id": repo_id, "name": at.name, "limit": _CHUNK}
        if at.pulls:
            query = recent_store.PULLED_DOWN if down else recent_store.PULLED
            rows = await self._db.all(query, pulls=at.pulls, **within)
            return [(_Place(row.pulls, row.name), bool(row.there)) for row in rows]
        named = await self._db.all(recent_store.NAMED_DOWN if down else recent_store.NAMED, **within)
        return [(_Place(0, row.name), not row.pulls) for row in named]

    async def use(self, permit: PathPermit, repository: str, digest: str) -> Use | None:
        """The pulls of a digest; None: it was never pulled, or that is not the caller's to know. Raises
        `StalePermit`."""
        if not may_tell(permit, repository).everything:
            return None

        async def read(reader: Reader) -> Use | None:
            await check_reading(reader, permit)
            listed = await reader.all(
                reading_store.LISTED, path=repository, digest=digest, index=int(Kind.INDEX), limit=_PARTS
            )
            if not listed:
                return None
            parts = sorted({each.digest for each in listed if each.digest is not None})
            return await self._used(reader, listed[0].repo_id, digest, parts)

        return await self._db.snapshot(read)

    async def _used(self, reader: Reader, repo_id: int, digest: str, parts: Sequence[str]) -> Use:
        today = day_of(self._db.now())
        since = today - RECENT + 1
        named = await reader.all(recent_store.PLATFORMS, texts=sorted({digest, *parts}))
        wanted = [[day, each.id] for each in named for day in range(since, today + 1)]
        rows = await reader.all(recent_store.USE, repo_id=repo_id, rows=json.dumps(wanted), most=_RUNS)
        days, pulls_all = [0] * RECENT, 0
        platforms: dict[str, int] = {}
        said = {each.id: each.platform or "not known" for each in named}
        for row in rows:
            days[row.day - since] += row.pulls
            pulls_all += row.pulls_all
            if parts and row.pulls:
                platforms[said[row.name_id]] = platforms.get(said[row.name_id], 0) + row.pulls
        return Use(days, sum(days), pulls_all, sorted(platforms.items(), key=lambda each: (-each[1], each[0])))


def _read(text: str) -> _Place | None:
    if not text:
        return None
    pulls, colon, name = text.partition(":")
    if not colon or not pulls.isascii() or not pulls.isdigit() or len(pulls) > 18:
        raise Invalid("after", "this is no place of this list")
    return _Place(int(pulls), name)


def _text(place: _Place | None) -> str | None:
    return f"{place.pulls}:{place.name}" if place is not None else None
