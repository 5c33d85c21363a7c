"""Robots: machines of a namespace, called `NAMESPACE+NAME`. Who manages access on a namespace keeps its robots.

A robot has no password and no right of its own: it logs in by its keys (`holdfast.access.keys`), or by the token of its
issuer. Every method takes the caller first and decides by itself; what it changes is noted in the journal in the same
unit, and holds at the next request of every node. Raises besides what is named: `Unknown` (not in the caller's sight),
`Denied`, `StalePermit`, `holdfast.db.errors`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from holdfast.access.accounts.ending import end_credentials
from holdfast.access.accounts.model import Robot
from holdfast.access.accounts.store import (
    ADD_ACCOUNT,
    CHANGE_ROBOT,
    DISABLE,
    DROP_GRANTS,
    DROP_MEMBERSHIPS,
    ENABLE,
    END_TOKENS,
    REMOVE,
    ROBOT,
    ROBOTS,
    ROBOTS_OF,
    TAKEN,
)
from holdfast.access.delegating import circumstances_of, require_manage, require_scope, scope_of
from holdfast.access.errors import Changed, Conflict, Denied, Invalid, Unknown
from holdfast.access.model import Identity, SubjectKind
from holdfast.access.names import check_after, description_text, may_exist, namespace_path, robot_name
from holdfast.access.policy.model import Circumstances
from holdfast.access.standing import begin_change
from holdfast.db.port import Database, Reader, Unit
from holdfast.journal.model import ChangeKind, Origin
from holdfast.journal.service import note

T = TypeVar("T")
PAGE_LIMIT = 1000


class Robots:
    """The robots of an installation."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def create(
        self,
        caller: Identity,
        namespace: str,
        name: str,
        *,
        description: str | None = None,
        expires_at: int | None = None,
        origin: Origin,
    ) -> Robot:
        """A new robot `NAMESPACE+NAME`; the namespace need not exist. For who manages access on the whole of it.

        Raises `Invalid`; `Conflict` when the name is taken, or was once.
        """
        full = robot_name(namespace, name)
        about = description_text(description)
        self._check_end(expires_at)

        async def add(unit: Unit, version: int) -> Robot:
            await require_manage(unit, caller, namespace, origin)
            taken = await unit.one(TAKEN, name=full)
            if taken is not None:
                gone = " for ever by a robot that was deleted" if taken.gone_at is not None else ""
                raise Conflict(f"the name {full!r} is taken{gone}")
            await unit.one(
                ADD_ACCOUNT,
                name=full,
                kind=int(SubjectKind.ROBOT),
                namespace=namespace,
                description=about,
                display=None,
                verifier=None,
                expires_at=expires_at,
                made_by=caller.subject.actor,
                version=version,
            )
            robot = await self._seen(unit, caller, full, origin)
            await self._note(unit, ChangeKind.ROBOT_CREATED, caller, origin, robot)
            return robot

        return await self._change(caller, add)

    async def page(
        self,
        caller: Identity,
        *,
        namespace: str | None = None,
        after: str = "",
        limit: int = 100,
        origin: Origin,
        here: Circumstances | None = None,
    ) -> list[Robot]:
        """Up to `limit` robots by name, those after `after`, of one namespace or of all: those whose namespace the
        caller manages, and the caller itself. `here`: the circumstances, where they are known. Raises `Invalid`."""
        check_after(after)
        if namespace is not None:
            namespace_path(namespace)
        here = here or await circumstances_of(self._db, caller, origin)
        found: list[Robot] = []
        limit = min(limit, PAGE_LIMIT)
        sees: dict[str, bool] = {}  # of a namespace: all its robots are seen, or none but the caller
        while True:
            if namespace is None:
                rows = await self._db.all(ROBOTS, after=after, limit=PAGE_LIMIT)
            else:
                rows = await self._db.all(ROBOTS_OF, namespace=namespace, after=after, limit=PAGE_LIMIT)
            for robot in rows:
                if robot.namespace not in sees:
                    sees[robot.namespace] = _manages(caller, robot.namespace, here)
                if sees[robot.namespace] or robot.id == caller.subject.id:
                    found.append(robot)
            if len(found) >= limit or len(rows) < PAGE_LIMIT:
                break
            after = rows[-1].name
        return found[:limit]

    async def get(self, caller: Identity, name: str, *, origin: Origin) -> Robot:
        """One robot, by its whole name. Raises `Unknown`."""
        return await self._seen(self._db, caller, name, origin)

    async def change(
        self,
        caller: Identity,
        name: str,
        *,
        description: str | None,
        expires_at: int | None,
        expected: int | None = None,
        origin: Origin,
    ) -> Robot:
        """Set what it is for, and when it ends (None: never). Raises `Invalid`; `Changed` unless the robot's `changed`
        is `expected`."""
        about = description_text(description)

        async def change(unit: Unit, version: int) -> Robot:
            robot = await self._kept(unit, caller, name, origin)
            if expected is not None and robot.changed != expected:
                raise Changed
            if expires_at != robot.expires_at:
                self._check_end(expires_at)
            await unit.run(CHANGE_ROBOT, id=robot.id, description=about, expires_at=expires_at, version=version)
            what = {"description": about, "expires_at": expires_at}
            await self._note(unit, ChangeKind.ROBOT_CHANGED, caller, origin, robot, **what)
            return await self._seen(unit, caller, name, origin)

        return await self._change(caller, change)

    async def disable(self, caller: Identity, name: str, *, origin: Origin) -> Robot:
        """Refuse the robot, by whatever credential, from the next request on. Keys and rights wait for `enable`."""

        async def change(unit: Unit, version: int) -> Robot:
            robot = await self._kept(unit, caller, name, origin)
            if await unit.run(DISABLE, id=robot.id, version=version):
                await unit.run(END_TOKENS, id=robot.id, version=version)
                await self._note(unit, ChangeKind.ROBOT_DISABLED, caller, origin, robot)
            return await self._seen(unit, caller, name, origin)

        return await self._change(caller, change)

    async def enable(self, caller: Identity, name: str, *, origin: Origin) -> Robot:
        """Let a disabled robot in again, with the rights and keys of before."""

        async def change(unit: Unit, version: int) -> Robot:
            robot = await self._kept(unit, caller, name, origin)
            if await unit.run(ENABLE, id=robot.id, version=version):
                await self._note(unit, ChangeKind.ROBOT_ENABLED, caller, origin, robot)
            return await self._seen(unit, caller, name, origin)

        return await self._change(caller, change)

    async def delete(self, caller: Identity, name: str, *, origin: Origin) -> None:
        """Delete the robot with keys, memberships and the grants that name it; the name stays reserved for ever."""

        async def change(unit: Unit, version: int) -> None:
            robot = await self._kept(unit, caller, name, origin)
            await unit.run(REMOVE, id=robot.id, version=version)
            await end_credentials(unit, robot.id, version)
            await unit.run(DROP_MEMBERSHIPS, id=robot.id)
            await unit.run(DROP_GRANTS, id=robot.id)
            await self._note(unit, ChangeKind.ROBOT_DELETED, caller, origin, robot)

        await self._change(caller, change)

    async def _change(self, caller: Identity, work: Callable[[Unit, int], Awaitable[T]]) -> T:
        async def change(unit: Unit) -> T:
            version = await begin_change(unit, caller)
            return await work(unit, version)

        return await self._db.write(change)

    async def _kept(self, reader: Reader, caller: Identity, name: str, origin: Origin) -> Robot:
        """A robot that the caller may change."""
        robot = await self._seen(reader, caller, name, origin)
        await require_manage(reader, caller, robot.namespace, origin)
        return robot

    async def _seen(self, reader: Reader, caller: Identity, name: str, origin: Origin) -> Robot:
        robot: Robot | None = None
        if may_exist(name):
            robot = await reader.one(ROBOT, name=name)
        if robot is None or not _sees(caller, robot, await circumstances_of(reader, caller, origin)):
            raise Unknown(f"there is no robot {name[:320]!r} in your sight")
        return robot

    def _check_end(self, expires_at: int | None) -> None:
        if expires_at is not None and expires_at <= self._db.now():
            raise Invalid("expires_at", "this is not in the future")

    @staticmethod
    async def _note(
        unit: Unit, kind: ChangeKind, caller: Identity, origin: Origin, robot: Robot, **more: object
    ) -> None:
        data: dict[str, object] = {"id": robot.id, "name": robot.name, "namespace": robot.namespace, **more}
        await note(unit, kind, actor=caller.subject.actor, origin=origin, data=data)


def _sees(caller: Identity, robot: Robot, here: Circumstances) -> bool:
    return robot.id == caller.subject.id or _manages(caller, robot.namespace, here)


def _manages(caller: Identity, namespace: str, here: Circumstances) -> bool:
    try:
        require_scope(caller, scope_of(namespace), here)
    except Denied:
        return False
    return True
