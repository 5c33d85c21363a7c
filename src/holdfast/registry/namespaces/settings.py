"""`SettingsTree`: what holds at a path, where each value comes from, and changing it.

Promises: a value is shown with what says it (the program's default or configuration, a path above, the path itself) and
with what it overrides; a change tells first how many repositories it touches and how many keep a value of their own.
Seeing needs sight of something at or below the path; changing needs 'settings', or what the kind asks for, on the whole
of it. Raises besides what is named: `Invalid`, `StalePermit`, `holdfast.db.errors`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from holdfast.access.errors import Changed, Conflict, Unknown
from holdfast.access.model import PathPermit
from holdfast.access.policy.model import SYSTEM_ACTIONS, Action
from holdfast.access.standing import check_permit, check_reading
from holdfast.db.port import Database, Reader, Unit
from holdfast.journal.model import ChangeKind
from holdfast.journal.service import note
from holdfast.registry.effective.kinds import SettingKind
from holdfast.registry.effective.service import prefixes_of
from holdfast.registry.namespaces import store
from holdfast.registry.namespaces.sight import checked, require_sight, spans_of

DEFAULT = "default"
CONFIGURATION = "configuration"
MOST_OVERRIDES = 1000


class Origin(NamedTuple):
    """A value, as people write it, and what says it: `default`, `configuration`, or `path` and then which ('': the
    root)."""

    value: str
    source: str
    path: str | None = None


class Held(NamedTuple):
    """What holds of one kind: the value that counts first, then those that it overrides, the nearest first."""

    kind: SettingKind
    origins: tuple[Origin, ...]

    @property
    def value(self) -> str:
        """The value that holds, as people write it."""
        return self.origins[0].value


class Impact(NamedTuple):
    """What a change does: repositories whose value changes, and those that keep one of a path below. `at_least`: there
    are so many paths below with values of their own that not all were looked at."""

    changed: int
    overriding: int
    at_least: bool = False


class Change(NamedTuple):
    """A setting after a change, or as it would be, and what that does. `was`: what the path itself said before, None:
    nothing; `moves`: whether it says something else now."""

    held: Held
    impact: Impact
    was: str | None
    moves: bool

    @property
    def sight(self) -> str:
        """What somebody saw who looked at it before it is made: see `SettingsTree.set`."""
        return f"{self.impact.changed}/{self.impact.overriding}/{self.was}"


class SettingsTree:
    """The settings of all paths. `kinds`: every setting that there is."""

    def __init__(self, db: Database, kinds: Iterable[SettingKind]) -> None:
        self._db = db
        self._kinds = {kind.name: kind for kind in sorted(kinds)}

    @property
    def kinds(self) -> Sequence[SettingKind]:
        """Every setting that there is, by name."""
        return tuple(self._kinds.values())

    async def list(self, permit: PathPermit) -> list[Held]:
        """Every setting at the permit's path. Raises `Unknown` when nothing there is in sight."""
        checked(permit.path)

        async def read(reader: Reader) -> list[Held]:
            await check_reading(reader, permit)
            await require_sight(reader, permit, permit.path)
            rows = await reader.all(store.SETTINGS, paths=prefixes_of(permit.path))
            return [_held(kind, rows) for kind in self._kinds.values()]

        return await self._db.snapshot(read)

    async def show(self, permit: PathPermit, name: str) -> Held:
        """One setting at the permit's path. Raises `Unknown`."""
        self._kind(name)
        return next(held for held in await self.list(permit) if held.kind.name == name)

    async def set(
        self, permit: PathPermit, name: str, text: str, *, dry_run: bool = False, sight: str | None = None
    ) -> Change:
        """Let `text`, as people write it, hold at the permit's path and below. `sight`: what a dry run showed
        (`Change.sight`). Raises `Unknown` for a setting that there is not, `Denied`, `Conflict` for one that is set
        elsewhere, `Changed` when it would not be what was seen any more."""
        kind = self._kind(name)
        value = kind.read(text)
        return await self._change(permit, kind, value, dry_run=dry_run, sight=sight)

    async def reset(self, permit: PathPermit, name: str, *, dry_run: bool = False, sight: str | None = None) -> Change:
        """Let the permit's path be as the nearest path above it. Raises as `set`."""
        return await self._change(permit, self._kind(name), None, dry_run=dry_run, sight=sight)

    async def foresee(self, permit: PathPermit, name: str, text: str | None) -> Change:
        """What it would change that a setting is set (`text` None: reset) at the permit's path, whichever command sets
        it: for who is shown the settings there. Raises `Unknown`."""
        kind = self._kind(name)
        value = kind.read(text) if text is not None else None
        path = checked(permit.path)

        async def look(reader: Reader) -> Change:
            await check_reading(reader, permit)
            await require_sight(reader, permit, path)
            return await _changed(reader, kind, path, value)

        found = await self._db.snapshot(look)
        if permit.lacks(Action.LIST, path) and permit.lacks(Action.SETTINGS, path):
            return found._replace(impact=Impact(0, 0))  # how many there are is not the caller's to know
        return found

    async def _change(
        self, permit: PathPermit, kind: SettingKind, value: str | None, *, dry_run: bool, sight: str | None
    ) -> Change:
        path = checked(permit.path)
        if kind.set_by:
            raise Conflict(f"{kind.name} is set with `{kind.set_by}`")
        _require(permit, kind, path)

        async def look(reader: Reader) -> Change:
            await check_permit(reader, permit)
            return await _changed(reader, kind, path, value)

        async def change(unit: Unit) -> Change:
            found = await look(unit)
            if sight is not None and found.sight != sight:
                raise Changed(f"{kind.name} of {path or 'everything'} is not what it was")
            if not found.moves:
                return found
            if value is not None:
                await unit.run(store.PUT_SETTING, path=path, name=kind.name, value=value)
            else:
                await unit.run(store.DROP_SETTING, path=path, name=kind.name)
            data: dict[str, object] = {
                "path": path,
                "setting": kind.name,
                "value": found.held.value if value is not None else None,
                "was": found.was,
            }
            await note(unit, ChangeKind.SETTING_CHANGED, actor=permit.subject.actor, origin=permit.origin, data=data)
            return found

        return await (self._db.snapshot(look) if dry_run else self._db.write(change))

    def _kind(self, name: str) -> SettingKind:
        kind = self._kinds.get(name)
        if kind is None:
            raise Unknown(f"there is no setting {name[:64]!r}; known: {', '.join(self._kinds)}")
        return kind


def _require(permit: PathPermit, kind: SettingKind, path: str) -> None:
    """Raise `Denied` unless the kind may be set on the whole of `path`."""
    if kind.needs in SYSTEM_ACTIONS:
        permit.require(kind.needs, path or "**")
    else:
        permit.require_all(kind.needs, path)


def _held(kind: SettingKind, rows: Iterable[store.SettingRow]) -> Held:
    said = sorted((row for row in rows if row.name == kind.name), key=lambda row: -len(row.path))
    base = Origin(kind.default, CONFIGURATION if kind.configured else DEFAULT)
    return Held(kind, (*(Origin(kind.write(row.value), "path", row.path) for row in said), base))


async def _changed(reader: Reader, kind: SettingKind, path: str, value: str | None) -> Change:
    """What `value` (None: no value of its own) at `path` would change."""
    before = [row for row in await reader.all(store.SETTINGS, paths=prefixes_of(path)) if row.name == kind.name]
    after = [row for row in before if row.path != path]
    own = next((row.value for row in before if row.path == path), None)
    if value is not None:
        after.append(store.SettingRow(path, kind.name, value))
    was, held = _held(kind, before), _held(kind, after)
    impact = await _impact(reader, kind, path, moves=was.value != held.value)
    return Change(held, impact, kind.write(own) if own is not None else None, own != value)


async def _impact(reader: Reader, kind: SettingKind, path: str, *, moves: bool) -> Impact:
    """How many repositories at and below `path` change, and how many have a value of a path below."""
    total = await _count(reader, path)
    tops: list[str] = []
    at_least = False
    for span in spans_of(path):
        rows = await reader.all(
            store.SETTINGS_BELOW, low=span.low, high=span.high, name=kind.name, limit=MOST_OVERRIDES + 1
        )
        at_least = at_least or len(rows) > MOST_OVERRIDES
        tops += [row.path for row in rows[:MOST_OVERRIDES] if row.path != path]
    overriding = 0
    known = set(tops)
    for top in tops:
        if known.isdisjoint(prefix for prefix in prefixes_of(top)[:-1] if len(prefix) > len(path)):
            overriding += await _count(reader, top)
    return Impact(total - overriding if moves else 0, overriding, at_least)


async def _count(reader: Reader, path: str) -> int:
    """How many repositories are at and below `path`."""
    total = 0
    for span in spans_of(path):
        row = await reader.one(store.COUNT, low=span.low, high=span.high)
        total += row.total if row is not None else 0
    return total
