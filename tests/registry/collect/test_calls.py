"""A failing k-th call, for every k of a whole collection: of the database, inside units as well, and of the blob store.

The call fails before it does anything, or it is done and its answer is lost. After each: what is kept is whole, verify
finds nothing, the next run finishes the work, and verify finds nothing then.
"""

from __future__ import annotations

import asyncio
import copy
import itertools
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import pytest
from tests.registry.collect.scene import LEVELS, Kept, finished, lay, pass_time, whole
from tests.registry.house import SETTINGS, Clock, House

from holdfast.blobs import errors as blob_errors
from holdfast.blobs.memory import MemoryBlobs
from holdfast.db import errors as db_errors
from holdfast.db.migrate import migrate
from holdfast.db.port import Unit
from holdfast.registry.collect.service import Collect
from holdfast.registry.sweep.service import Sweep
from holdfast.registry.verify.inspection import Site
from holdfast.registry.verify.model import Options, Outcome
from holdfast.registry.verify.service import verify

T = TypeVar("T")
_MEMORY = Path("/dev/shm")
_STATEMENTS = ("one", "all", "run")
_STORE = ("delete", "mark", "set_mark")


class Fault:
    """Counts calls, and fails number `at` of them: before it is done, or (`late`) after."""

    def __init__(self, at: int, *, late: bool) -> None:
        self.left = at
        self.late = late

    @property
    def happened(self) -> bool:
        return self.left < 0

    def around(self, call: Callable[..., Awaitable[T]], error: Exception) -> Callable[..., Awaitable[T]]:
        """`call`, which fails with `error` when its turn has come."""

        async def done(*args: Any, **more: Any) -> T:
            self.left -= 1
            fails = self.left == -1
            if fails and not self.late:
                raise error
            result = await call(*args, **more)
            if fails:
                raise error
            return result

        return done


class Faulty:
    """Something whose calls `named` are counted, and fail with `error`."""

    def __init__(self, real: Any, fault: Fault, named: tuple[str, ...], error: Exception) -> None:
        self._real = real
        self._fault = fault
        self._named = named
        self._error = error

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._real, name)
        return self._fault.around(found, self._error) if name in self._named else found


class FaultyDatabase(Faulty):
    """A database whose reads, statements and commits are counted."""

    def __init__(self, real: Any, fault: Fault) -> None:
        super().__init__(real, fault, ("one", "all"), db_errors.Unavailable("the database is away"))

    async def write(self, work: Callable[[Any], Awaitable[T]], *, always: bool = False) -> T:
        """See the port. A commit that fails was not done, or was, and nobody knows."""

        async def faulty(unit: Unit) -> T:
            result: T = await work(Faulty(unit, self._fault, _STATEMENTS, self._error))
            return result

        done: T = await self._fault.around(self._real.write, self._error)(faulty, always=always)
        return done


class Template(NamedTuple):
    """A registry that was laid once: its database's file, its blobs, its time, and what must stay."""

    file: Path
    blobs: MemoryBlobs
    now: int
    kept: Kept


@pytest.fixture(scope="module")
def template() -> Iterator[Template]:
    with tempfile.TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None) as place:
        file = Path(place) / "template.db"
        migrate(str(file))
        blobs, clock = MemoryBlobs(), Clock()

        async def main() -> Kept:
            await blobs.open("tests")
            house = House(str(file), blobs, SETTINGS, clock)
            try:
                return await lay(house)
            finally:
                await house.close()

        yield Template(file, blobs, clock.now, asyncio.run(main()))


async def fail(template: Template, fault: Fault, *, store: bool) -> bool:
    """One collection with this fault, and everything that must hold then; whether the fault came."""
    with tempfile.TemporaryDirectory(dir=template.file.parent) as place:
        target = shutil.copy(template.file, place)
        clock = Clock()
        clock.now = template.now
        house = House(target, copy.deepcopy(template.blobs), SETTINGS, clock)
        try:
            blobs: Any = house.blobs
            if store:
                db: Any = house.db
                blobs = Faulty(blobs, fault, _STORE, blob_errors.Unavailable("the store is away"))
            else:
                db = FaultyDatabase(house.db, fault)
            for _ in range(LEVELS):
                pass_time(house)
                if await _failed(db, blobs) and await _verified(house):
                    await whole(house, template.kept)
            for _ in range(LEVELS):
                pass_time(house)
                await house.collect.run()
                await house.sweep.run()
            await finished(house, template.kept)
            assert await _verified(house)
        finally:
            await house.close()
    return fault.happened


async def _failed(db: Any, blobs: Any) -> bool:
    """Collect; whether it failed."""
    try:
        await Collect(db, SETTINGS).run()
        await Sweep(db, blobs, SETTINGS).run()
    except (db_errors.Unavailable, blob_errors.Unavailable):
        return True
    return False


async def _verified(house: House) -> bool:
    outcome = Outcome(Options(deep=True))
    await verify(Site(house.db, house.objects, house.settings, "test"), outcome, lambda _: None)
    assert outcome.findings == []
    return True


@pytest.mark.parametrize("late", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(
    ("store", "fewest"),
    [pytest.param(False, 100, id="database", marks=pytest.mark.slow), pytest.param(True, 10, id="store")],
)
def test_every_call(
    template: Template, store: bool, fewest: int, late: bool, record_property: Callable[[str, object], None]
) -> None:
    for at in itertools.count():
        try:
            if not asyncio.run(fail(template, Fault(at, late=late), store=store)):
                break
        except BaseException as error:
            error.add_note(f"call {at}")
            raise
    name = "store" if store else "database"
    record_property("fault", f"a failing {name} call of a collection ({'after' if late else 'before'}), calls: {at}")
    assert at >= fewest
