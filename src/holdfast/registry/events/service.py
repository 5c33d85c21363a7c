"""The use-cases of events: reading the sealed journal by cursor, as somebody may see it.

Promises: a cursor is a place in the journal, and all before it has been seen: what commits late is placed late, so
nothing is ever passed over. Events come oldest first, in the order of their places, which within a repository is the
order of its history. Whoever goes on from the last place that he has dealt with is told of everything at least once,
and knows what he is told again by its place. Rights are decided anew for each page. Each page costs a bounded number of
rows, however rare what is looked for is: then it holds less than was asked for, and `next` still goes on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from holdfast.access.errors import Invalid, Unknown
from holdfast.access.model import PathPermit
from holdfast.access.policy.globs import RepositoryGlob, TagGlob
from holdfast.access.standing import check_reading
from holdfast.db.port import Database, Reader
from holdfast.journal import reading
from holdfast.journal.chain import SealedRow
from holdfast.journal.model import ChangeKind
from holdfast.journal.reading import END, Wanted
from holdfast.registry.errors import EventsArchived
from holdfast.registry.events import store
from holdfast.registry.events.model import MOVES, TYPE_PREFIX, Event, event_of
from holdfast.registry.events.showing import Eyes
from holdfast.registry.reach.likes import likes_of_all

MOST_MOVES = 500
"""The most moves of tags that an event lists; `more` says that there are others."""
_TYPES = frozenset(ChangeKind) | {str(kind).partition(".")[0] for kind in ChangeKind}


class Filter(NamedTuple):
    """Which events are wanted. `types`: kinds, or their first words; `repositories`, `tags`: globs, one of which fits;
    nothing: all. `since`: none from before, microseconds. An event without tags fits no glob of tags."""

    types: frozenset[str] = frozenset()
    repositories: tuple[RepositoryGlob, ...] = ()
    tags: tuple[TagGlob, ...] = ()
    since: int | None = None

    @classmethod
    def of(
        cls,
        types: Sequence[str] = (),
        repositories: Sequence[str] = (),
        tags: Sequence[str] = (),
        since: int | None = None,
    ) -> Filter:
        """The filter that these texts say. Raises `Invalid` for a type that there is not, `GlobInvalid`."""
        named = frozenset(each.removeprefix(TYPE_PREFIX) for each in types)
        if strange := sorted(named - _TYPES):
            raise Invalid("type", f"there are no events of the type {strange[0][:64]!r}")
        return cls(named, tuple(map(RepositoryGlob.parse, repositories)), tuple(map(TagGlob.parse, tags)), since)

    def may_have(self, kind: str, path: str, at: int) -> bool:
        """Whether an event of this kind, at this path and time, can be one of those."""
        return (
            (not self.types or kind in self.types or kind.partition(".")[0] in self.types)
            and (not self.repositories or any(glob.matches(path) for glob in self.repositories))
            and (self.since is None or at >= self.since)
        )

    def has(self, event: Event) -> bool:
        """Whether `event`, as it is seen, is one of those."""
        return not self.tags or any(glob.matches(tag) for tag in event.tags for glob in self.tags)

    @property
    def wanted(self) -> Wanted:
        """What to ask of the journal."""
        alone = self.repositories[0] if len(self.repositories) == 1 else None
        path = alone.text if alone is not None and alone.literal else None
        return Wanted(kinds=tuple(sorted(self.types)), path=path, since=self.since)


class EventPage(NamedTuple):
    """Events, and the place to go on from: the newest first, None at the end; the oldest first, always a place."""

    events: list[Event]
    next: int | None


class Events:
    """Reading events. One object a process."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def oldest(self, permit: PathPermit, wanted: Filter, after: int | None, limit: int) -> EventPage:
        """The first events beyond the place `after` (None: of all that are here). Beyond the last place there is
        nothing yet.

        Raises `EventsArchived`, `StalePermit`.
        """
        await check_reading(self._db, permit)
        if after is not None:
            await self._require_kept(after)
        eyes = Eyes(permit)
        part = await reading.oldest(
            self._db, wanted.wanted, lambda row: _may_show(eyes, wanted, row), after=after or 0, limit=limit
        )
        if after is not None:
            await self._require_kept(after)  # nothing went while it was read
        return EventPage(await self._seen(eyes, wanted, part.rows), part.next)

    async def newest(
        self, permit: PathPermit, wanted: Filter, before: int | None, limit: int, *, most: int | None = None
    ) -> EventPage:
        """The last events before the place `before` (None: of all), the newest first; `most`: so many are looked at,
        whoever may see them. Raises `StalePermit`."""
        await check_reading(self._db, permit)
        eyes = Eyes(permit)
        part = await reading.newest(
            self._db,
            wanted.wanted,
            lambda row: _may_show(eyes, wanted, row),
            before=before or END,
            limit=limit,
            most=most,
        )
        return EventPage(await self._seen(eyes, wanted, part.rows), part.next)

    async def latest(self, permit: PathPermit, wanted: Filter, limit: int, most: int) -> list[Event]:
        """The last events, the newest first, among the last `most` of all. Raises `StalePermit`."""
        await check_reading(self._db, permit)
        eyes = Eyes(permit)
        rows = await reading.latest(
            self._db,
            wanted.wanted,
            lambda row: _may_show(eyes, wanted, row),
            likes_of_all(permit.rights),
            limit=limit,
            most=most,
        )
        return await self._seen(eyes, wanted, rows)

    async def show(self, permit: PathPermit, pos: int) -> Event:
        """The event at a place. Raises `Unknown`, `EventsArchived`, `StalePermit`."""
        await check_reading(self._db, permit)
        await self._require_kept(pos - 1)
        part = await reading.oldest(self._db, Wanted(), lambda _: True, after=pos - 1, limit=1)
        found = [row for row in part.rows if row.pos == pos]
        seen = await self._seen(Eyes(permit), Filter(), found)
        if not seen:
            raise Unknown(f"there is no event {pos} in your sight")
        return seen[0]

    async def begin(self, permit: PathPermit, wanted: Filter, after: int | None) -> int:
        """The place from which somebody follows: `after`; without it that of the newest event, or the beginning where a
        time is wanted. Raises `EventsArchived`, `StalePermit`."""
        await check_reading(self._db, permit)
        if after is not None:
            await self._require_kept(after)
            return after
        return 0 if wanted.since is not None else await reading.last_place(self._db)

    async def _require_kept(self, after: int) -> None:
        first = await reading.first_place(self._db)
        if after + 1 < first:
            raise EventsArchived(
                f"events up to {first - 1} were archived and are not here any more: go on after {first - 1}, "
                "and read the rest from the archive of the audit",
                first=first,
            )

    async def _seen(self, eyes: Eyes, wanted: Filter, rows: Sequence[SealedRow]) -> list[Event]:
        told = [eyes.seen(await full_event(self._db, row)) for row in rows]
        return [event for event in told if event is not None and wanted.has(event)]


def seen_by(permit: PathPermit, wanted: Filter, events: Iterable[Event]) -> list[Event]:
    """Those of `events` that are wanted, as they may be told by a permit of this moment."""
    eyes = Eyes(permit)
    told = [eyes.seen(event) for event in events if wanted.may_have(event.kind, event.path, event.at)]
    return [event for event in told if event is not None and wanted.has(event)]


async def full_event(reader: Reader, row: SealedRow) -> Event:
    """The event that a row tells, with what a rollback did to tags, as far as the history still holds it."""
    event = event_of(row)
    if row.kind != ChangeKind.ROLLBACK_APPLIED:
        return event
    moves = await reader.all(store.MOVES, repo_id=row.repo_id, seq=row.seq, limit=MOST_MOVES + 1)
    more = {"more": True} if len(moves) > MOST_MOVES else {}
    return event._replace(data={**event.data, MOVES: [move._asdict() for move in moves[:MOST_MOVES]], **more})


def _may_show(eyes: Eyes, wanted: Filter, row: SealedRow) -> bool:
    """Whether an event is wanted and may be told, as far as its row tells: of a rollback its history does."""
    if not wanted.may_have(row.kind, row.path or "", row.at):
        return False
    if row.kind == ChangeKind.ROLLBACK_APPLIED:
        return True
    seen = eyes.seen(event_of(row))
    return seen is not None and wanted.has(seen)
