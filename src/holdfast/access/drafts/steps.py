"""The steps of applying a policy file, each by the service that makes it one by one, all inside one unit."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from holdfast.access.drafts.difference import Change
from holdfast.access.errors import Denied, Invalid, Unknown
from holdfast.access.grants.groups import Groups
from holdfast.access.grants.roles import Roles
from holdfast.access.grants.service import Grants
from holdfast.access.grants.visibility import Visibility
from holdfast.access.model import Identity
from holdfast.db.port import Reader, Unit
from holdfast.db.query import Query
from holdfast.journal.model import Origin

T = TypeVar("T")
Row = TypeVar("Row")


class Steps:
    """What the caller does in `unit`. `ids`: the numbers of the grants that stand, by what makes them the same."""

    def __init__(self, unit: Unit, caller: Identity, ids: dict[tuple[object, ...], int], origin: Origin) -> None:
        self._db = _Within(unit)
        self._caller = caller
        self._ids = ids
        self._origin = origin

    async def make(self, change: Change) -> None:
        """Make one change. Raises what its service raises, saying which change it was."""
        step: Callable[[str, Any], Awaitable[object]] = getattr(self, f"_{change.kind}")
        said = f"({change.how} {change.said})"
        try:
            await step(change.how, change.line)
        except Invalid as error:
            raise Invalid(error.field, f"{error} {said}") from error
        except Unknown as error:
            raise Unknown(f"{error} {said}") from error
        except Denied as error:
            raise Denied(f"{error} {said}", **error.detail) from error

    async def _role(self, how: str, line: Any) -> None:
        roles = Roles(self._db)
        if how == "remove":
            await roles.delete(self._caller, line.name, origin=self._origin)
        else:
            act = roles.create if how == "add" else roles.change
            await act(self._caller, line.name, line.actions, line.description, origin=self._origin)

    async def _group(self, how: str, line: Any) -> None:
        groups = Groups(self._db)
        if how == "add":
            await groups.create(self._caller, line.name, line.description, origin=self._origin)
        else:
            await groups.delete(self._caller, line.name, origin=self._origin)

    async def _member(self, how: str, line: Any) -> None:
        groups = Groups(self._db)
        act = groups.add if how == "add" else groups.remove
        await act(self._caller, *line, origin=self._origin)

    async def _grant(self, how: str, line: Any) -> None:
        grants = Grants(self._db)
        if how == "add":
            await grants.add(self._caller, line.new, origin=self._origin)
        else:
            await grants.remove(self._caller, self._ids[line.same], origin=self._origin)

    async def _visibility(self, _how: str, line: Any) -> None:
        path, public = line
        visibility = Visibility(self._db)
        if public is None:
            await visibility.reset(self._caller, path, origin=self._origin)
        else:
            await visibility.set(self._caller, path, public, origin=self._origin)


class _Within:
    """A database as seen from inside a unit: what is written is part of it."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit

    async def one(self, query: Query[Row], **parameters: Any) -> Row | None:
        return await self._unit.one(query, **parameters)

    async def all(self, query: Query[Row], **parameters: Any) -> list[Row]:
        return await self._unit.all(query, **parameters)

    async def write(self, work: Callable[[Unit], Awaitable[T]], *, always: bool = False) -> T:
        return await work(self._unit)

    async def snapshot(self, work: Callable[[Reader], Awaitable[T]]) -> T:
        return await work(self._unit)

    def now(self) -> int:
        return self._unit.now

    async def wait(self, channel: str, seconds: float) -> None:
        raise NotImplementedError

    async def outlast(self, patience: float) -> None:
        raise NotImplementedError

    def others(self) -> int | None:
        raise NotImplementedError

    async def shrink(self, pages: int) -> int:
        raise NotImplementedError

    async def close(self) -> None:
        raise NotImplementedError
