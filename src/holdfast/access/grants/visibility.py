"""`Visibility`: which paths are open to everyone. Private unless a path, or the nearest one above it, says otherwise.

Promises: opening a path needs manage-access on all of it, and pull and list there, as any grant of them would; closing
needs manage-access. Raises besides what is named: `Invalid`, `Denied`, `StalePermit`, `holdfast.db.errors`.
"""

from __future__ import annotations

from holdfast.access.delegating import circumstances_of, require_confer, require_scope
from holdfast.access.errors import Unknown
from holdfast.access.grants.change import change
from holdfast.access.grants.model import Effective
from holdfast.access.grants.store import EFFECTIVE, RESET_VISIBILITY, SET_VISIBILITY
from holdfast.access.model import Identity, PathPermit
from holdfast.access.names import namespace_path
from holdfast.access.policy.decide import PUBLIC_ACTIONS
from holdfast.access.policy.delegation import oversees
from holdfast.access.policy.languages import below
from holdfast.access.policy.model import Circumstances
from holdfast.access.rights import PUBLIC, VISIBILITY
from holdfast.access.versions import touch_everyone
from holdfast.db.port import Database, Reader, Unit
from holdfast.journal.model import ChangeKind, Origin
from holdfast.journal.service import note

PRIVATE = "private"


class Visibility:
    """What is open to everyone."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def get(self, caller: Identity, path: str, *, origin: Origin) -> Effective:
        """Whether `path` ('': everything) is open, and where that is said. For who manages access or reads the audit
        on all of it, who is shown it as a repository, and everyone where it is open. Raises `Unknown`."""
        _check(path)
        found = await effective(self._db, path)
        here = await circumstances_of(self._db, caller, origin)
        shown = bool(path) and caller.rights.shown(here).shows(path)
        if not found.public and not shown and not oversees(caller.rights, below(path), here):
            raise Unknown(f"there is no {path[:128]!r} in your sight")
        return found

    async def set(self, caller: Identity, path: str, public: bool, *, origin: Origin) -> Effective:
        """Open `path` and all below it that does not say otherwise, or close it."""
        _check(path)

        async def set_(unit: Unit, version: int, here: Circumstances) -> Effective:
            require_visibility(caller, path, public, here)
            await unit.run(SET_VISIBILITY, path=path, name=VISIBILITY, value=PUBLIC if public else PRIVATE)
            return await _changed(unit, caller, path, version, origin)

        return await change(self._db, caller, origin, set_)

    async def reset(self, caller: Identity, path: str, *, origin: Origin) -> Effective:
        """Let `path` be as the nearest path above it."""
        _check(path)

        async def reset(unit: Unit, version: int, here: Circumstances) -> Effective:
            await unit.run(RESET_VISIBILITY, path=path, name=VISIBILITY)
            require_visibility(caller, path, (await effective(unit, path)).public, here)
            return await _changed(unit, caller, path, version, origin)

        return await change(self._db, caller, origin, reset)


async def effective(reader: Reader, path: str) -> Effective:
    """Whether `path` is open to everyone, and where that is said."""
    parts = path.split("/") if path else []
    paths = ["/".join(parts[:depth]) for depth in range(len(parts) + 1)]
    row = await reader.one(EFFECTIVE, paths=paths, name=VISIBILITY)
    return Effective(path, row is not None and row.value == PUBLIC, row.path if row is not None else None)


def _check(path: str) -> None:
    if path:
        namespace_path(path)


def require_visibility(caller: Identity | PathPermit, path: str, public: bool, here: Circumstances) -> None:
    """Raise `Denied` unless the caller may open `path`, or close it."""
    if public:
        require_confer(caller, PUBLIC_ACTIONS, below(path), 0, here)
    else:
        require_scope(caller, below(path), here)


async def _changed(unit: Unit, caller: Identity, path: str, version: int, origin: Origin) -> Effective:
    found = await effective(unit, path)
    await touch_everyone(unit, version)
    data: dict[str, object] = {"path": path, "public": found.public, "set_at": found.set_at}
    await note(unit, ChangeKind.VISIBILITY_CHANGED, actor=caller.subject.actor, origin=origin, data=data)
    return found
