"""The tree of repositories: what stands directly below a namespace, as far as it may be told.

Promises: a page costs a bounded number of statements where rights are literal paths, or globs that go on literally
after one part (`*/x/**`), however many namespaces there are; a namespace that somebody made is there without a
repository, and so is one whose repositories are not in the sums yet. Nothing is told of a namespace in which nothing
may be told. Sums stand in `usage` a second or two after a push; what was deleted keeps its row, and is left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from itertools import takewhile
from typing import NamedTuple

from holdfast.access.errors import Invalid
from holdfast.access.model import PathPermit
from holdfast.access.policy.decide import PUBLIC_ACTIONS
from holdfast.access.policy.globs import text_glob
from holdfast.access.policy.model import Action, Effect
from holdfast.db.port import Reader
from holdfast.registry.browsing import repositories_store as store
from holdfast.registry.browsing.model import Branch, Key, RepositoryLine, RepositorySort
from holdfast.registry.browsing.repositories_store import BranchRow
from holdfast.registry.browsing.walking import Fetch
from holdfast.registry.namespaces import store as namespaces
from holdfast.registry.namespaces.service import GONE
from holdfast.registry.namespaces.sight import first_shown

_ABOVE = "\x7f"
_LAST = (1 << 63) - 1
_ANY = "**"
_TAILS, _NAMES = 8, 1_000
"""Of so many globs the branches are asked for one by one; beyond, all branches are looked at."""
_TOGETHER = 2_000
_MADE = 200
_LATELY = 1_000
"""So many of the repositories that are not in the sums yet are known of, the newest."""
Rest = tuple[str, ...]
"""What is left of a glob below a path; () for the path itself."""


class _Ways(NamedTuple):
    """Where branches are that something may be told of: their names, and the names of what stands right below others,
    with a slash where that is a namespace."""

    names: frozenset[str]
    tails: frozenset[str]


class Rests:
    """What is left below `parent` ('' or with a slash at its end) of the globs of what the caller may be told of."""

    def __init__(self, permit: PathPermit, parent: str) -> None:
        shown = permit.rights.shown(permit.here)
        globs, self.exact = shown.globs()
        self.everything = shown.everything
        rests: set[Rest] = {glob.segments for glob in globs}
        for segment in parent.split("/")[:-1]:
            rests = _after(rests, segment)
        self._literal: dict[str, set[Rest]] = {}
        self._wild: set[Rest] = set()
        for rest in rests:
            if rest and "*" not in rest[0]:
                self._literal.setdefault(rest[0], set()).add(rest)
            elif rest:
                self._wild.add(rest)
        # Who may change settings is told of what somebody made, whether or not he may be told of what is in it.
        self._settings = any(
            grant.effect is Effect.ALLOW
            and Action.SETTINGS in grant.actions
            and grant.actions.isdisjoint(PUBLIC_ACTIONS)
            for grant in permit.rights.grants
        )

    def below(self, segment: str) -> set[Rest]:
        """What is left below the branch of this name."""
        return _after(self._wild | self._literal.get(segment, set()), segment)

    def ways(self) -> _Ways | None:
        """Where all branches are that something may be told of; None: anywhere."""
        if self.everything or self._settings or len(self._literal) > _NAMES:
            return None
        tails = set()
        for rest in self._wild:
            below, tail = _tail(rest[1:])
            if rest[0] == _ANY or not below or tail not in ((), (_ANY,)):
                return None
            first, slash, _ = (below + ("/" if tail else "")).partition("/")
            tails.add(first + slash)
        return _Ways(frozenset(self._literal), frozenset(tails)) if len(tails) <= _TAILS else None


def _after(rests: Iterable[Rest], segment: str) -> set[Rest]:
    """What is left of them below a part of this name."""
    found: set[Rest] = set()
    for rest in rests:
        if rest and rest[0] == _ANY:
            found |= {rest, *_after((rest[1:],), segment)}
        elif rest and text_glob(rest[0])(segment):
            found.add(rest[1:])
    return found


def _tail(rest: Rest) -> tuple[str, Rest]:
    """The path that it goes on with, and what follows that."""
    literal = tuple(takewhile(lambda part: "*" not in part, rest))
    return "/".join(literal), rest[len(literal) :]


class Late(NamedTuple):
    """What the sums do not have yet: the rows of them that tell that there are repositories, and those of the
    namespaces directly below a parent."""

    used: frozenset[str]
    rows: Sequence[BranchRow]


async def lately(reader: Reader, parent: str) -> Late:
    """What was made so lately that the sums do not have it. To be read before them: it may be in both, never in
    neither."""
    made = [row.path for row in await reader.all(store.LATE, limit=_LATELY)]
    parts = [path.split("/") for path in made]
    above = {"/".join(each[:end]) + "/" for each in parts for end in range(1, len(each) + 1)}
    here = sorted(path for path in above if path.rpartition("/")[0].rpartition("/")[0] == parent.rstrip("/"))
    rows = await reader.all(store.BRANCHES_LATE, rows=json.dumps([[path] for path in here])) if here else []
    return Late(frozenset({*above, *made}), rows)


def branches(reader: Reader, parent: str, rests: Rests, late: Late) -> Fetch[BranchRow]:
    """What stands directly below `parent`, by name: all of it, or at least all of which anything may be told."""
    ways = rests.ways()

    async def fetch(at: Key | None, limit: int, down: bool) -> Sequence[BranchRow]:
        low, high = "/", _ABOVE  # the row of everything is none
        if at is not None:
            name = str(key_of(RepositorySort.NAME, at)[0])
            low, high = (low, name) if down else (name, high)
        here = {"parent": parent, "low": low, "high": high}
        found: dict[str, BranchRow] = {}
        if ways is None:
            rows = await reader.all(store.BRANCHES_DOWN if down else store.BRANCHES, limit=limit, **here)
            if not late.rows:
                return rows
            found = {row.path: row for row in rows}
        elif ways.names:
            paths = sorted(f"{parent}{name}{slash}" for name in ways.names for slash in ("", "/"))
            found = {row.path: row for row in await reader.all(store.BRANCHES_NAMED, paths=paths, **here)}
        for tail in sorted(ways.tails) if ways is not None else ():
            statement = store.BRANCHES_WITH_DOWN if down else store.BRANCHES_WITH
            rows = await reader.all(statement, tail=tail, limit=limit, **here)
            found |= {row.path: row for row in rows}
        found |= {row.path: row for row in late.rows if low < row.path < high}
        return sorted(found.values(), key=lambda row: row.path, reverse=down)[:limit]

    return fetch


class Told:
    """Those of some branches that hold anything, and may be told."""

    def __init__(self, reader: Reader, permit: PathPermit, rests: Rests, late: Late) -> None:
        self._reader = reader
        self._permit = permit
        self._rests = rests
        self._late = late
        self._shown = permit.rights.shown(permit.here)

    async def __call__(self, rows: Sequence[BranchRow]) -> list[BranchRow]:
        """Those of `rows`."""
        asked = {row.path: self._asked(row.path) for row in rows if row.repositories > row.present}
        used = await self._used({key for keys in asked.values() for key in keys})
        found = []
        for row in rows:
            path = row.path.rstrip("/")
            if path == row.path:
                if row.present and self._shown.shows(path):
                    found.append(row)
            elif (row.path in asked and await self._anything_below(path, asked[row.path], used)) or (
                await self._made(row, path)
            ):
                found.append(row)
        return found

    def _asked(self, path: str) -> dict[str, bool]:
        """The rows of the sums one of which must be there for anything below a branch to be told ('': none must), and
        whether it is enough that it is."""
        if self._rests.everything:
            return {"": True}
        if path == path.rstrip("/"):
            return {}
        found: dict[str, bool] = {}
        for rest in self._rests.below(path[:-1].rpartition("/")[2]):
            below, tail = _tail(rest)
            if not rest:
                continue
            key = "" if not below else path + below + ("/" if tail else "")
            enough = self._rests.exact and tail in ((), (_ANY,))
            found[key] = found.get(key, False) or enough
        return found

    async def _used(self, keys: set[str]) -> set[str]:
        """Which of these rows say that there is anything."""
        asked = sorted(keys - {""})
        found = {"", *(keys & self._late.used)}
        for first in range(0, len(asked), _TOGETHER):
            rows = await self._reader.all(store.USED, paths=asked[first : first + _TOGETHER])
            found |= {row.path for row in rows}
        return found

    async def _anything_below(self, path: str, asked: dict[str, bool], used: set[str]) -> bool:
        """Whether anything below `path`, and not only what stands at it, may be told."""
        there = [key for key in asked if key in used]
        if any(asked[key] for key in there):
            return True
        return bool(there) and await first_shown(self._reader, self._permit, path, inside=True) is not None

    async def _made(self, row: BranchRow, path: str) -> bool:
        """Whether somebody made it, or a namespace below it, that is in sight."""
        if GONE in path:
            return False
        if row.said and not row.present and self._sees(path):
            return True
        after = ""
        while row.made:
            rows = await self._reader.all(
                namespaces.FACTS_IN, low=path + "/", high=path + "0", after=after, limit=_MADE
            )
            for each in rows:
                sees = GONE not in each.path and self._sees(each.path)
                if sees and await self._reader.one(namespaces.REPOSITORY, path=each.path) is None:
                    return True
            if len(rows) < _MADE:
                break
            after = rows[-1].path
        return False

    def _sees(self, path: str) -> bool:
        return self._shown.shows(path) or not self._permit.lacks(Action.SETTINGS, path)


def branch(permit: PathPermit, row: BranchRow, line: RepositoryLine | None) -> Branch:
    """A branch as it is shown."""
    path = row.path.rstrip("/")
    if line is not None and path == row.path:
        return Branch(path, line, line.description, line.public, None, line.tags, line.bytes)
    whole = not (permit.lacks(Action.LIST, path) and permit.lacks(Action.SETTINGS, path))
    return Branch(
        path,
        None,
        row.description,
        permit.rights.is_public(path),
        row.repositories if whole else None,
        row.tags if whole else None,
        row.bytes if whole else None,
    )


def key_of(sort: RepositorySort, place: Key) -> Key:
    """By what the repository of a place is sorted. Raises `Invalid`."""
    kinds: tuple[type, ...] = (str,) if sort is RepositorySort.NAME else (int, str)
    if len(place) != len(kinds) or not all(isinstance(one, kind) for one, kind in zip(place, kinds, strict=True)):
        raise Invalid("after", "this is no place of this list")
    if not all(isinstance(each, str) or -_LAST <= each <= _LAST for each in place):
        raise Invalid("after", "this is no place of this list")
    return place
