"""`TagTable`: the tags of a repository as people look at them, by any order, forwards and backwards.

Promises: a page costs the same in any repository, whatever it is sorted by; a tag that stands still is on exactly one
page; nothing is told of a tag that the caller may not be told of. Tags that belong to a digest are folded away. Who
pushed is told to who may change tags there, who pulled to who reads the audit there.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from holdfast.access.errors import Invalid
from holdfast.access.model import PathPermit
from holdfast.access.policy.decide import TagRights
from holdfast.access.policy.globs import GlobInvalid, TagGlob
from holdfast.access.standing import check_reading
from holdfast.db.port import Database, Reader
from holdfast.oci.name import RepositoryName
from holdfast.registry.browsing import store
from holdfast.registry.browsing.model import (
    MOST_FOLDED,
    MOST_ROWS,
    MOST_TEXT,
    PATIENCE,
    Found,
    Key,
    Place,
    TagFilter,
    TagLine,
    TagLines,
    TagSort,
)
from holdfast.registry.browsing.orders import order_of, place_key, sort_key, sort_key_of
from holdfast.registry.browsing.shelving import Shelving
from holdfast.registry.browsing.store import KeyRow, RepositoryRow
from holdfast.registry.browsing.telling import Telling
from holdfast.registry.browsing.walking import Clock, Walked, cut, walk
from holdfast.registry.objects import Objects
from holdfast.registry.reach.showing import may_tell, unseen

FEW = 2_000
"""So many tags are sorted in memory, where a filter names few of a repository."""
MOST_NEWER = 100
_PLATFORM = 64
_EVER = (1 << 63) - 1
_PIECE = 1_000


class Chosen(NamedTuple):
    """Tags of a repository, by its id, and its place in its history before they were read."""

    repo_id: int
    seq: int
    rows: list[KeyRow]


class TagTable:
    """Lists of tags. One object a process. `clock`: seconds that only grow."""

    def __init__(self, db: Database, objects: Objects, clock: Callable[[], float] = time.monotonic) -> None:
        self._db = db
        self._telling = Telling(Shelving(db, objects))
        self._clock = clock

    async def page(self, permit: PathPermit, repository: RepositoryName, wanted: TagFilter, place: Place) -> TagLines:
        """The tags at `place` (`place.sort`: a `TagSort`) that pass the filter.

        Raises `RepositoryUnknown`, `Denied`, `Invalid`, `StalePermit`.
        """
        rights = _told_of(permit, repository)
        sort, place = TagSort(place.sort), place._replace(limit=min(place.limit, MOST_ROWS))
        await check_reading(self._db, permit)
        row = await self._repository(repository, MOST_FOLDED + 1 if rights.everything else 0)
        passing = await self._passing(rights, row, _checked(wanted))
        few = await self._few(row, rights, wanted, passing)
        if few is not None:
            walked = self._cut(few, sort, place)
        else:
            walked = await walk(
                order_of(self._db, row.id, sort, passing.prefix, passing.places),
                passing if passing.chooses else None,
                place,
                Clock(self._clock, self._clock() + PATIENCE, reveals=rights.everything),
            )
        return await self._told(permit, repository, row, walked)

    async def named(self, permit: PathPermit, repository: RepositoryName, names: Sequence[str]) -> list[TagLine]:
        """The tags of these names that are there and may be told, in the order in which they are given, at most a page.

        Raises `RepositoryUnknown`, `Denied`, `StalePermit`.
        """
        rights = _told_of(permit, repository)
        chosen = [name for name in dict.fromkeys(names) if rights.allows(name)][:MOST_ROWS]

        async def read(reader: Reader) -> list[TagLine]:
            await check_reading(reader, permit)
            row = await reader.one(store.REPOSITORY, path=repository, limit=0)
            if row is None:
                raise unseen(repository)
            return await self._telling.lines(reader, permit, repository, row.id, chosen)

        return await self._telling.knowing(lambda: self._db.snapshot(read))

    async def chosen(
        self, permit: PathPermit, repository: RepositoryName, wanted: TagFilter, names: Sequence[str] | None, most: int
    ) -> Chosen:
        """Every tag that passes the filter, or those of `names` that are there, by name: for who changes them.

        Raises `RepositoryUnknown`, `Denied`, `Invalid` when they are more than `most`, `StalePermit`.
        """
        rights = _told_of(permit, repository)
        await check_reading(self._db, permit)
        row = await self._repository(repository)
        passing = await self._passing(rights, row, _checked(wanted))
        found: list[KeyRow] = []
        if names is not None:
            there = await self._db.all(store.NAMED, repo_id=row.id, names=sorted(set(names))[: most + 1])
            found = sorted(each for each in there if rights.allows(each.name))
        at: Key | None = None
        order = order_of(self._db, row.id, TagSort.NAME, passing.prefix)
        while names is None and len(found) <= most:
            rows = await order.fetch(at, _PIECE, False)
            found += await passing(rows) if passing.chooses else rows
            if len(rows) < _PIECE:
                break
            at = order.key(rows[-1])
            await asyncio.sleep(0)  # others have their turn
        if len(found) > most:
            raise Invalid("pick", f"these are more than {most:,} tags: narrow the filter")
        return Chosen(row.id, row.seq, found)

    async def newer(self, permit: PathPermit, repository: RepositoryName, seq: int) -> int:
        """How many tags were put since the repository was at `seq`, at most `MOST_NEWER`; 0 to who may not be told
        all. Raises `RepositoryUnknown`, `Denied`, `StalePermit`."""
        rights = _told_of(permit, repository)
        await check_reading(self._db, permit)
        row = await self._repository(repository)
        if not rights.everything:
            return 0
        found = await self._db.one(store.NEWER, repo_id=row.id, seq=seq, limit=MOST_NEWER)
        return found.total if found is not None else 0

    async def _repository(self, repository: RepositoryName, folded: int = 0) -> RepositoryRow:
        """The repository; so many of its tags that belong to a digest are counted. Raises `RepositoryUnknown`."""
        row = await self._db.one(store.REPOSITORY, path=repository, limit=folded)
        if row is None:
            raise unseen(repository)
        return row

    async def _told(
        self, permit: PathPermit, repository: RepositoryName, row: RepositoryRow, walked: Walked[KeyRow]
    ) -> TagLines:
        names = [each.name for each in walked.rows]
        rights = may_tell(permit, repository)

        async def read(reader: Reader) -> TagLines:
            await check_reading(reader, permit)
            lines = await self._telling.lines(reader, permit, repository, row.id, names)
            found = Found(lines, walked.next, walked.previous, walked.stopped)
            return TagLines(found, row.since, row.seq, row.tags if rights.everything else None, row.folded)

        return await self._telling.knowing(lambda: self._db.snapshot(read))

    # -- filters ---------------------------------------------------------------------------------------------------

    async def _passing(self, rights: TagRights, row: RepositoryRow, wanted: TagFilter) -> Passing:
        low, high = -1, _EVER
        if wanted.pushed_after:
            low = await self._place_at(row.id, wanted.pushed_after)
        if wanted.pushed_before:
            high = await self._place_at(row.id, wanted.pushed_before - 1)
        return Passing(self._db, row.id, rights, wanted, (low, high))

    async def _place_at(self, repo_id: int, at: int) -> int:
        found = await self._db.one(store.PLACE_AT, repo_id=repo_id, at=at)
        return found.seq if found is not None else 0

    async def _few(
        self, row: RepositoryRow, rights: TagRights, wanted: TagFilter, passing: Passing
    ) -> list[KeyRow] | None:
        """All tags that pass, where an index tells that they are few; None: it does not."""
        for looked in (
            self._by_prefix(row, passing) if passing.prefix else None,
            self._by_age(row, passing) if wanted.pushed_after else None,
            self._db.all(store.NEVER_PULLED, repo_id=row.id, name="", limit=FEW + 1) if wanted.never_pulled else None,
        ):
            if looked is not None and len(rows := await looked) <= FEW:
                return await passing(rows)
        if not rights.everything:
            rows = await order_of(self._db, row.id, TagSort.NAME).fetch(None, FEW + 1, False)
            if len(rows) <= FEW:
                return await passing(rows)
        return None

    async def _by_prefix(self, row: RepositoryRow, passing: Passing) -> Sequence[KeyRow]:
        return await order_of(self._db, row.id, TagSort.NAME, passing.prefix).fetch(None, FEW + 1, False)

    async def _by_age(self, row: RepositoryRow, passing: Passing) -> Sequence[KeyRow]:
        return await self._db.all(store.BY_PUSH, repo_id=row.id, key=passing.places[0], name="\x7f", limit=FEW + 1)

    def _cut(self, rows: Sequence[KeyRow], sort: TagSort, place: Place) -> Walked[KeyRow]:
        return cut(rows, sort_key(sort), place_key(sort), lambda at: sort_key_of(sort, at), place)


class Passing:
    """Which of some rows are wanted. `chooses`: whether not all are; `places`: after which, and up to which place in
    the history of the repository they were put; `prefix`: what all their names begin with."""

    def __init__(
        self, reader: Reader, repo_id: int, rights: TagRights, wanted: TagFilter, places: tuple[int, int]
    ) -> None:
        self._reader = reader
        self._repo_id = repo_id
        self._rights = rights
        self._wanted = wanted
        self._glob = TagGlob.parse(wanted.glob) if wanted.glob else None
        self.places = places
        prefixes = (wanted.prefix, self._glob.prefix if self._glob is not None else "")
        self.prefix = max(prefixes, key=len)
        self.chooses = not rights.everything or wanted.any

    async def __call__(self, rows: Sequence[KeyRow]) -> list[KeyRow]:
        """Those of `rows` that are wanted."""
        found = [row for row in rows if self._named(row.name) and self._put(row)]
        if found and self._wanted.platform:
            found = await self._for_platform(found)
        if found and self._wanted.actor:
            found = await self._by_actor(found)
        return found

    def _named(self, name: str) -> bool:
        wanted, glob = self._wanted, self._glob
        return (
            name.startswith(wanted.prefix)
            and wanted.text in name
            and (glob is None or glob.matches(name))
            and (self._rights.everything or self._rights.allows(name))
        )

    def _put(self, row: KeyRow) -> bool:
        low, high = self.places
        return (
            (not self._wanted.pushed_after or row.seq > low)
            and (not self._wanted.pushed_before or row.seq <= high)
            and not (self._wanted.never_pulled and row.pulled_at)
        )

    async def _for_platform(self, rows: list[KeyRow]) -> list[KeyRow]:
        ids = sorted({row.content_id for row in rows})
        # With a space before: a beginning of one of them.
        platform = " " + self._wanted.platform
        found = {
            each.id
            for each in await self._reader.all(store.FOR_PLATFORM, repo_id=self._repo_id, ids=ids, platform=platform)
        }
        return [row for row in rows if row.content_id in found]

    async def _by_actor(self, rows: list[KeyRow]) -> list[KeyRow]:
        seqs = json.dumps([[seq] for seq in sorted({row.seq for row in rows})])
        found = await self._reader.all(store.ACTORS, repo_id=self._repo_id, rows=seqs)
        theirs = {row.seq for row in found if row.actor == self._wanted.actor}
        return [row for row in rows if row.seq in theirs]


def _told_of(permit: PathPermit, repository: RepositoryName) -> TagRights:
    """Which tags the caller may be told of. Raises `RepositoryUnknown`, `Denied`."""
    if not permit.shows(repository):
        raise unseen(repository)
    rights = may_tell(permit, repository)
    if rights.nothing:
        raise rights.refuse()
    return rights


def _checked(wanted: TagFilter) -> TagFilter:
    for field in ("prefix", "text", "platform", "actor"):
        text = getattr(wanted, field)
        if len(text) > MOST_TEXT or not text.isprintable():
            raise Invalid(field, f"at most {MOST_TEXT} printable characters")
    if " " in wanted.platform or len(wanted.platform) > _PLATFORM:
        raise Invalid("platform", "a platform is written OS/ARCHITECTURE, as in linux/arm64")
    if wanted.glob:
        try:
            TagGlob.parse(wanted.glob)
        except GlobInvalid as error:
            raise Invalid("glob", str(error)) from error
    return wanted
