"""A failing k-th call, for every k of one whole push, at the file seam and at the database seam.

After each: in the same process the push can simply be repeated (unless it was a sync that failed: then nothing is
acknowledged any more); after a restart everything that was acknowledged is there, nothing is half, and the push can be
repeated. `calls: K` stands in the summary for each seam; with K below 10 the test proves nothing and fails.
"""

from __future__ import annotations

import asyncio
import errno
import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.faults.client import Ledger
from tests.faults.oracle import verify
from tests.faults.process import Process, WholePush, is_outage, look
from tests.faults.seams import NUMBERS, SYNCS, FailingDisk, FailingFiles, Trigger

_FEWEST = 10
_MEMORY = "/dev/shm"


class Trial:
    """One directory, one seam, and one push after the other, each with its own failing call."""

    def __init__(self, root: Path, trigger: Trigger, files: FailingFiles | None, vfs: str | None) -> None:
        self.ledger = Ledger()
        self._root = root
        self._trigger = trigger
        self._files = files
        self._vfs = vfs
        self._sync_is_final = files is None or files.number == errno.EIO
        self._numbers = itertools.count(1)

    async def fail(self, at: int) -> str | None:
        """A push whose call number `at` fails, and everything that must hold then; None when it made fewer calls."""
        process = await Process.open(self._root, self._files, self._vfs)
        push = WholePush(next(self._numbers), self.ledger)
        try:
            await self._attempt(process, push, at)
            failed = self._trigger.failed
            try:
                if self._vfs is not None:
                    await self._crashed()
                await self._again(process, push, failed)
            finally:
                await process.close()
            await self._after(push)
        except BaseException as error:
            error.add_note(f"call {at}: {self._trigger.failed}")
            raise
        return failed

    async def _attempt(self, process: Process, push: WholePush, at: int) -> None:
        """Steps until one fails; the client gives up there."""
        self._trigger.arm(at)
        try:
            for step in push.steps:
                await step(process)
        except Exception as error:
            if not is_outage(error):
                raise
        self._trigger.disarm()

    async def _crashed(self) -> None:
        """What another process would find were this one killed now: the files as they are, to be recovered."""
        with tempfile.TemporaryDirectory(dir=self._root) as place:
            for name in ("holdfast.db", "holdfast.db-wal"):
                shutil.copy(self._root / name, place)
            process = await Process.open(Path(place), store=self._root / "store")
            try:
                await look(process, self.ledger)
            finally:
                await process.close()

    async def _again(self, process: Process, push: WholePush, failed: str | None) -> None:
        """The fault is over: the push goes through, or is refused for good because a sync failed."""
        refused = False
        try:
            for step in push.steps:
                await step(process)
        except Exception as error:
            if failed not in SYNCS or not is_outage(error):
                raise
            refused = True
        assert refused == (failed in SYNCS and self._sync_is_final), f"refused: {refused}"

    async def _after(self, push: WholePush) -> None:
        """In another process without faults: what was told holds, before and after a sweep, and can be told again."""
        process = await Process.open(self._root)
        try:
            await look(process, self.ledger)
            await process.sweep.run()
            await look(process, self.ledger)
            for step in push.steps:
                await step(process)
            await look(process, self.ledger)
        finally:
            await process.close()
        # Of what earlier rounds left the youngest part is looked at again, and the tag that all of them move.
        self.ledger.may = dict([*self.ledger.may.items()][-12:]) | {"latest": self.ledger.may["latest"]}


async def every_call(trial: Trial) -> int:
    """Fail each call of a push in turn; returns how many there are."""
    for at in itertools.count():
        if await trial.fail(at) is None:
            return at
    raise AssertionError


@pytest.fixture
def memory() -> Iterator[Path]:
    """A directory in memory where there is one: nothing here hangs on the disk."""
    with tempfile.TemporaryDirectory(dir=_MEMORY if os.access(_MEMORY, os.W_OK) else None) as place:
        yield Path(place)


@pytest.mark.parametrize(
    "how", ["EIO", pytest.param("ENOSPC", marks=pytest.mark.slow), pytest.param("EIO late", marks=pytest.mark.slow)]
)
def test_every_file_call(tmp_path: Path, how: str, record_property: Callable[[str, object], None]) -> None:
    trigger = Trigger()
    name, _, late = how.partition(" ")
    files = FailingFiles(trigger, NUMBERS[name], late=bool(late))
    found = asyncio.run(every_call(Trial(tmp_path, trigger, files, None)))
    verify(tmp_path, "--deep")
    record_property("fault", f"failing file call ({how}), calls: {found}")
    assert found >= _FEWEST


@pytest.mark.parametrize(
    ("how", "only", "fewest"),
    [
        pytest.param("IOERR", None, _FEWEST, marks=pytest.mark.slow),
        pytest.param("FULL", frozenset({"xWrite"}), _FEWEST, marks=pytest.mark.slow),
        ("IOERR late", frozenset({"xSync"}), 1),
    ],
    ids=["IOERR", "FULL", "late"],
)
def test_every_database_call(
    memory: Path, how: str, only: frozenset[str] | None, fewest: int, record_property: Callable[[str, object], None]
) -> None:
    trigger = Trigger(only)
    disk = FailingDisk(f"failing-{how}", trigger, full=how == "FULL", late=how.endswith("late"))
    try:
        found = asyncio.run(every_call(Trial(memory, trigger, None, disk.name)))
    finally:
        disk.unregister()
    verify(memory, "--deep")
    record_property("fault", f"failing database call ({how}), calls: {found}")
    assert found >= fewest
