"""`Quotas`: seeing and setting how much paths may use.

Promises: a quota is set by who operates the installation, for whoever could raise his own would have none; it holds for
the next push. A path's quotas are shown to who may be told of it, with every quota of the paths above, for each of them
counts; how much of a quota is used only to who may know all that it counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from holdfast.access.errors import Invalid, Unknown
from holdfast.access.model import PathPermit
from holdfast.access.policy.model import Action
from holdfast.access.standing import check_permit, check_reading
from holdfast.db.port import Database, Reader, Unit
from holdfast.journal.model import ChangeKind
from holdfast.journal.service import note
from holdfast.oci.errors import NameInvalid
from holdfast.oci.name import RepositoryName
from holdfast.registry.effective.service import effective, prefixes_of
from holdfast.registry.quotas import store
from holdfast.registry.quotas.model import KINDS, WARN, Counts, Limit, What, limits
from holdfast.registry.quotas.service import used
from holdfast.registry.store import REPOSITORY

_PAGE = 500
_NAMES = frozenset(kind.name for kind in KINDS)


class Standing(NamedTuple):
    """A quota that holds for a path. `used`: of all that it counts, None: that is not the caller's to know. `warned`:
    since when it is nearly used up, None: it is not, or it is not the caller's to know."""

    limit: Limit
    used: int | None
    warned: int | None


class Quota(NamedTuple):
    """A path: what is used at and below it (None: not the caller's to know), and every quota that holds for it, the
    widest first."""

    path: str
    used: Counts | None
    standings: list[Standing]


class Paths(NamedTuple):
    """A page of paths that have a quota of their own. `next`: where the next one begins, None: there is none."""

    quotas: list[Quota]
    next: str | None


class Quotas:
    """The quotas of all paths. One object a process."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def show(self, permit: PathPermit) -> Quota:
        """The quotas that hold for the permit's path. Raises `Unknown`, `Invalid`, `StalePermit`."""
        checked(permit.path)

        async def read(reader: Reader) -> Quota:
            await check_reading(reader, permit)
            return await _seen(reader, permit)

        return await self._db.snapshot(read)

    async def paths(self, permit: PathPermit, after: str, limit: int) -> Paths:
        """Paths with a quota of their own whose use the caller may know. Raises `StalePermit`."""

        async def read(reader: Reader) -> Paths:
            await check_reading(reader, permit)
            known: list[str] = []
            at: str | None = after
            while at is not None and len(known) <= limit:
                rows = await reader.all(store.PATHS, names=sorted(_NAMES), after=at, limit=_PAGE)
                known += [row.path for row in rows if knows_all(permit, row.path.removesuffix("/"))]
                at = rows[-1].path if len(rows) == _PAGE else None
            found = [await _quota(reader, permit, path.removesuffix("/")) for path in known[:limit]]
            # Where to go on is said by what is shown: the others are nobody's to know.
            return Paths(found, known[limit - 1] if len(known) > limit else None)

        return await self._db.snapshot(read)

    async def set(self, permit: PathPermit, values: Mapping[str, str]) -> Quota:
        """Set the settings in `values` (canonical text) of the permit's path; the others stay. Raises `Denied`,
        `Invalid`, `StalePermit`."""
        return await self._change(permit, values, ())

    async def unset(self, permit: PathPermit, names: frozenset[str] = _NAMES) -> Quota:
        """Remove these settings of the permit's path. Raises like `set`."""
        return await self._change(permit, {}, sorted(names))

    async def _change(
        self, permit: PathPermit, values: Mapping[str, str], removed: tuple[str, ...] | list[str]
    ) -> Quota:
        checked(permit.path)
        if not permit.system(Action.OPERATE):
            raise permit.rights.refuse(Action.OPERATE, "**", None, permit.here)

        async def change(unit: Unit) -> Quota:
            await check_permit(unit, permit)
            for name, value in sorted(values.items()):
                await unit.run(store.PUT_SETTING, path=permit.path, name=name, value=value)
            gone = [name for name in removed if await unit.run(store.DROP_SETTING, path=permit.path, name=name)]
            for what in What:  # what was told is told anew when it holds again
                if what.setting in (*values, *gone) or WARN in (*values, *gone):
                    await unit.run(store.FORGET_WARNING, path=permit.path, what=str(what))
            if values or gone:
                data: dict[str, object] = {"path": permit.path, "set": dict(sorted(values.items())), "removed": gone}
                await note(
                    unit,
                    ChangeKind.QUOTA_CHANGED,
                    actor=permit.subject.actor,
                    origin=permit.origin,
                    data=data,
                    path=permit.path,
                )
            return await _quota(unit, permit, permit.path)

        return await self._db.write(change)


async def _seen(reader: Reader, permit: PathPermit) -> Quota:
    path = permit.path
    if not knows_all(permit, path) and (not permit.shows(path) or await reader.one(REPOSITORY, path=path) is None):
        raise Unknown(f"there is no {path[:128]!r} in your sight")
    return await _quota(reader, permit, path)


async def _quota(reader: Reader, permit: PathPermit, path: str) -> Quota:
    standings = []
    counted: dict[str, Counts] = {}
    for limit in limits(await effective(reader, prefixes_of(path))):
        if not knows_all(permit, limit.path):
            standings.append(Standing(limit, None, None))
            continue
        row = await reader.one(store.WARNING, path=limit.path, what=str(limit.what))
        if limit.path not in counted:
            counted[limit.path] = await used(reader, limit.path)
        standings.append(Standing(limit, counted[limit.path].of(limit.what), row.at if row is not None else None))
    if path not in counted and knows_all(permit, path):
        counted[path] = await used(reader, path)
    return Quota(path, counted.get(path), standings)


async def warned(reader: Reader, permit: PathPermit, most: int = 5) -> list[Standing]:
    """Quotas that are nearly used up, of paths whose use the caller may know."""
    found: list[Standing] = []
    for row in await reader.all(store.WARNINGS, path="", what="", limit=_PAGE):
        if len(found) == most:
            break
        if not knows_all(permit, row.path):
            continue
        held = [each for each in limits(await effective(reader, prefixes_of(row.path))) if each.path == row.path]
        for limit in held:
            if limit.what == row.what:
                count = (await used(reader, row.path)).of(limit.what)
                found.append(Standing(limit, count, row.at))
    return found


def knows_all(permit: PathPermit, path: str) -> bool:
    """Whether the caller may know what is used at and below `path` together."""
    if permit.system(Action.OPERATE):
        return True
    return any(
        # What is not allowed at the path itself is not allowed on the whole of it, and that is told much faster.
        (not path or permit.tags(action, path).everything) and not permit.lacks(action, path)
        for action in (Action.LIST, Action.PULL, Action.SETTINGS)
    )


def checked(path: str) -> str:
    """`path`, if it is '' or can be the name of a repository or namespace. Raises `Invalid`."""
    if path:
        try:
            RepositoryName.parse(path)
        except NameInvalid as error:
            raise Invalid("path", error.reason) from error
    return path
