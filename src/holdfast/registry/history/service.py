"""The use-cases of reading history: the changes of tags, how they stood at an instant, and what differs between two.

Promises: every answer is bounded and comes in keyset pages; a page costs the same with ten tags behind it as with a
million; what the caller may not be told of is not in it. Who made a change is told to those who may change tags there,
or read the audit.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import NamedTuple

from holdfast.access.errors import Invalid
from holdfast.access.model import PathPermit
from holdfast.access.policy.globs import text_glob
from holdfast.access.standing import check_reading
from holdfast.db.port import Database, Reader
from holdfast.registry.errors import TooManyChanges
from holdfast.registry.history import store
from holdfast.registry.history.model import ALWAYS, Change, Cursor, Difference, Filter, Stood, what_of
from holdfast.registry.history.since import moved_between
from holdfast.registry.history.store import RepositoryRow
from holdfast.registry.history.targets import Target, one_repository, repositories
from holdfast.registry.reach.showing import knows_who, may_tell, tells

MOST_DIFFERENCES = 100_000
_PIECE = 500
_LOOKED_AT = 5000
_WALKED = 2000
_FIRST, _AFTER_ALL = "", "\x7f"


class Changes(NamedTuple):
    """A page of changes, newest first. `next`: where the next page begins, None at the end. A page may hold less than
    was asked for, and still have a next one."""

    changes: list[Change]
    next: Cursor | None


class Standing(NamedTuple):
    """A page of tags as they stood at the instant `at`; `next`: the name after which the next page begins."""

    tags: list[Stood]
    next: str | None
    at: int


class Differences(NamedTuple):
    """A page of what differs; `next`: the repository and tag after which the next page begins."""

    found: list[Difference]
    next: tuple[str, str] | None


class History:
    """Reading history. One object a process."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def changes(
        self, permit: PathPermit, target: Target, wanted: Filter, after: Cursor | None, limit: int
    ) -> Changes:
        """The changes of a tag, a repository or a namespace that pass the filter, newest first.

        Raises `RepositoryUnknown`, `Denied`, `StalePermit`.
        """
        await check_reading(self._db, permit)
        repos = await repositories(self._db, permit, target, wanted.since)
        start = after or Cursor(min(wanted.until, ALWAYS - 1) + 1, 0, _FIRST)
        repos = sorted(repos, key=lambda row: (row.last_at, row.id), reverse=True)
        found: list[tuple[Cursor, Change]] = []
        horizon: Cursor | None = None
        cut = False
        for row in repos:
            cut = len(found) >= limit and found[limit - 1][0].at > row.last_at
            if cut:
                break  # whatever is in this one and in those that follow is older
            passing = _passing(permit, row, wanted)
            mine, stopped = await self._of_one(row, passing, start, tag=target.tag, since=wanted.since, limit=limit)
            found = sorted(found + mine, key=lambda each: each[0], reverse=True)
            horizon = stopped if horizon is None else max(horizon, stopped or horizon)
            await asyncio.sleep(0)
        if horizon is not None:
            found = [each for each in found if each[0] >= horizon]
        next_one = found[limit - 1][0] if len(found) > limit or (cut and horizon is None) else horizon
        return Changes([each[1] for each in found[:limit]], next_one)

    async def _of_one(
        self,
        row: RepositoryRow,
        passing: Callable[[store.EventRow], Change | None],
        start: Cursor,
        *,
        tag: str | None,
        since: int,
        limit: int,
    ) -> tuple[list[tuple[Cursor, Change]], Cursor | None]:
        """The newest changes of one repository from `start` on; and how far was looked, None: far enough."""
        found: list[tuple[Cursor, Change]] = []
        before, last = start.at, _last(start, row.id)
        for _ in range(_LOOKED_AT // _PIECE):
            span = {"repo_id": row.id, "before": before, "last": last, "since": since, "limit": _PIECE}
            if tag is not None:
                rows = await self._db.all(store.EVENTS_OF_TAG, name=tag, **span)
            else:
                rows = await self._db.all(store.EVENTS, **span)
            for event in rows:
                change = passing(event)
                if change is not None:
                    found.append((Cursor(event.at, row.id, event.name), change))
            if len(found) > limit or len(rows) < _PIECE:
                return found[: limit + 1], None
            before, last = rows[-1].at, rows[-1].name
            await asyncio.sleep(0)
        return found, Cursor(before, row.id, last)

    async def standing(self, permit: PathPermit, path: str, at: int | None, after: str, limit: int) -> Standing:
        """The tags of a repository as they stood at an instant (None: now), in order of their names after `after`.

        Raises `RepositoryUnknown`, `Denied`, `StalePermit`.
        """
        moment = self._db.now() if at is None else at

        async def read(reader: Reader) -> Standing:
            await check_reading(reader, permit)
            row = await one_repository(reader, permit, path)
            # Now is whatever was done: the time of a repository may be ahead of the clock.
            place = await reader.one(store.PLACE_AT, repo_id=row.id, at=ALWAYS if at is None else at)
            told = tells(may_tell(permit, path))
            found: list[Stood] = []
            last, walked = after, 0
            while place is not None and len(found) <= limit and walked < _WALKED:
                span = {"repo_id": row.id, "last": last, "seq": place.seq, "limit": limit + 1}
                rows = sorted(await reader.all(store.STOOD, **span), key=lambda each: each.name)
                found += [
                    Stood(each.name, each.digest, each.at or 0, each.live, each.today)
                    for each in rows
                    if each.now_id is not None and told(each.name)
                ]
                walked += len(rows)
                if len(rows) <= limit:
                    return _page(found, limit, None, moment)
                last = rows[-1].name
            return _page(found, limit, last if place is not None else None, moment)

        return await self._db.snapshot(read)

    async def differences(
        self,
        permit: PathPermit,
        target: Target,
        since: int,
        until: int | None,
        *,
        after: tuple[str, str],
        limit: int,
    ) -> Differences:
        """What became of the tags of a repository or namespace between two instants (`until` None: now), in order.

        Raises `RepositoryUnknown`, `Invalid`, `TooManyChanges`, `Denied`, `StalePermit`.
        """
        # Now is whatever was done: the time of a repository may be ahead of the clock.
        end = ALWAYS if until is None else until
        if end < since:
            raise Invalid("until", "the second instant lies before the first")
        await check_reading(self._db, permit)
        found: list[Difference] = []
        for row in await repositories(self._db, permit, target, since):
            if row.path < after[0]:
                continue
            told = tells(may_tell(permit, row.path))
            moved = await moved_between(
                self._db, row.id, since, end, tag=target.tag, wanted=told, most=MOST_DIFFERENCES
            )
            if len(moved) > MOST_DIFFERENCES:
                raise TooManyChanges(
                    f"more than {MOST_DIFFERENCES} tags of {row.path} changed in between: name instants closer together"
                )
            changed = [
                (name, each) for name, each in moved.items() if each.was_id != each.now_id and (row.path, name) > after
            ]
            part = sorted(changed)[: limit + 1 - len(found)]
            digests = await self._digests({id_ for _, each in part for id_ in each[:2] if id_ is not None})
            for name, each in part:
                was, now = (digests.get(id_ or 0) for id_ in each[:2])
                found.append(Difference(row.path, name, what_of(each.was_id, each.now_id), was, now, each.at))
            if len(found) > limit:
                break
            await asyncio.sleep(0)
        page = found[:limit]
        return Differences(page, (page[-1].repository, page[-1].tag) if len(found) > limit else None)

    async def _digests(self, ids: set[int]) -> dict[int, str]:
        if not ids:
            return {}
        return {row.id: row.digest for row in await self._db.all(store.DIGESTS, ids=sorted(ids))}


def _page(found: list[Stood], limit: int, walked_to: str | None, at: int) -> Standing:
    if len(found) > limit:
        return Standing(found[:limit], found[limit - 1].tag, at)
    return Standing(found, walked_to, at)


def _last(start: Cursor, repo_id: int) -> str:
    """From which tag on the events at the time of the cursor follow it, in a repository: newest first, at one time the
    repositories from the last to the first."""
    if repo_id == start.repo_id:
        return start.tag
    return _AFTER_ALL if repo_id < start.repo_id else _FIRST


def _passing(permit: PathPermit, row: RepositoryRow, wanted: Filter) -> Callable[[store.EventRow], Change | None]:
    """What makes the change of an event, None of one that does not pass the filter or may not be told."""
    told = tells(may_tell(permit, row.path))
    glob = text_glob(wanted.tags) if wanted.tags is not None else None
    knows = knows_who(permit, row.path)

    def change(event: store.EventRow) -> Change | None:
        if not told(event.name) or (glob is not None and not glob(event.name)):
            return None
        what = what_of(event.was_id, event.now_id)
        actor, request, client = (event.actor, event.request, _client(event)) if knows else (None, None, None)
        if (wanted.what is not None and what is not wanted.what) or wanted.actor not in (None, actor):
            return None
        return Change(row.path, event.seq, event.name, what, event.was, event.now, event.at, actor, request, client)

    return change


def _client(event: store.EventRow) -> str:
    """The program that asked for it, as it called itself."""
    return str(json.loads(event.origin).get("agent", "")) if event.origin else ""
