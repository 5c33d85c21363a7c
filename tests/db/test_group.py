"""Group commit over SQLite: one lock for all processes, a short log, and what a full disk does to a group."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import apsw
import pytest
from tests.db.engines import GET, Held, Sqlite, Work, names, put, run, together

from holdfast.db.errors import Full
from holdfast.db.port import Database, Reader, Unit
from holdfast.db.query import Command, Query
from holdfast.db.sqlite import SqliteDatabase

PROCESSES, UNITS = 4, 200
MIB = 1 << 20


class Pages(NamedTuple):
    pages: int


CREATED = Query("pragma page_count", Pages)
STORED = Query("select moved_at as pages from sweep_guard", Pages)
# Into a table without triggers: a statement with one that fails leaves the transaction open.
LARGE = Command(
    "insert into sweep_guard (nonce, moved_at, settled) values (printf('%.' || :bytes || 'c', 'x') || :name, 0, 0)"
)


@pytest.fixture
def engine(tmp_path: Path) -> Sqlite:
    return Sqlite(tmp_path / "holdfast.db")


def large(name: str, size: int) -> Work:
    async def work(unit: Unit) -> None:
        for number in range(size // MIB):
            await unit.run(LARGE, name=f"{name}-{number}", bytes=MIB)

    return work


INCREMENT = """
import asyncio, sys
from holdfast.db.sqlite import SqliteDatabase
from tests.db.engines import GET, PUT

async def increment(unit):
    row = await unit.one(GET, path="", name="n")
    await unit.run(PUT, path="", name="n", value=str(int(row.value) + 1))

async def main():
    db = SqliteDatabase(sys.argv[1])
    for _ in range(int(sys.argv[2]) // 10):
        await asyncio.gather(*(db.write(increment) for _ in range(10)))
    await db.close()

asyncio.run(main())
"""
ECHO = """
import asyncio, sys
from holdfast.db.sqlite import SqliteDatabase
from tests.db.engines import GET

async def main():
    db = SqliteDatabase(sys.argv[1])
    for _ in sys.stdin:
        print((await db.one(GET, path="", name="n")).value, flush=True)
    await db.close()

asyncio.run(main())
"""


def spawn(program: str, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", program, *words],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_processes_take_turns_and_lose_nothing(engine: Sqlite) -> None:
    run(engine, lambda db: db.write(put("n", "0")))
    running = [spawn(INCREMENT, engine.path, str(UNITS)) for _ in range(PROCESSES)]
    ends = [process.communicate(timeout=60) for process in running]
    assert [process.returncode for process in running] == [0] * PROCESSES, ends
    assert run(engine, lambda db: db.one(GET, path="", name="n")) == (str(PROCESSES * UNITS),)


def test_another_process_sees_what_was_acknowledged(engine: Sqlite) -> None:
    async def scenario(db: Database) -> list[str]:
        seen = []
        for number in range(20):
            await db.write(put("n", str(number)))
            assert reader.stdin is not None
            assert reader.stdout is not None
            reader.stdin.write("read\n")
            reader.stdin.flush()
            seen.append((await asyncio.to_thread(reader.stdout.readline)).strip())
        return seen

    reader = spawn(ECHO, engine.path)
    try:
        assert run(engine, scenario) == [str(number) for number in range(20)]
    finally:
        reader.communicate(timeout=30)
    assert reader.returncode == 0


def test_a_unit_holds_the_write_lock_from_its_beginning(engine: Sqlite) -> None:
    """A deferred transaction that reads first and writes later would fail under contention."""

    async def scenario(db: Database) -> None:
        other = apsw.Connection(engine.path)
        async with Held(db):
            with pytest.raises(apsw.BusyError):
                other.execute("begin immediate")
        other.execute("begin immediate")
        other.execute("rollback")
        other.close()

    run(engine, scenario)


def test_a_long_log_is_cut(engine: Sqlite) -> None:
    log = engine.path + "-wal"

    async def scenario(db: Database) -> None:
        await db.write(large("a", 66 * MIB))
        assert os.path.getsize(log) == 0
        await db.write(put("b"))
        assert await names(db) == ["b"]

    run(engine, scenario)


def test_a_long_log_waits_for_a_reader_and_writes_do_not(engine: Sqlite) -> None:
    log = engine.path + "-wal"
    reader = apsw.Connection(engine.path)

    async def scenario(db: Database) -> None:
        await db.write(put("a"))
        reader.execute("begin")
        assert reader.execute("select count(*) from setting").fetchall() == [(1,)]
        await db.write(large("a", 66 * MIB))
        await db.write(put("b"))
        assert os.path.getsize(log) > 64 * MIB
        assert reader.execute("select count(*) from setting").fetchall() == [(1,)]
        reader.execute("commit")
        await db.write(put("c"))
        assert os.path.getsize(log) == 0
        assert await names(db) == ["a", "b", "c"]

    run(engine, scenario)
    reader.close()


async def leave_pages(unit: Unit, spare: int) -> None:
    """Let the writer's connection grow the file by `spare` pages more and no further."""
    count = await unit.one(CREATED)
    assert count is not None
    await unit.one(Query(f"pragma max_page_count = {count.pages + spare}", Pages))


def test_what_has_no_room_fails_its_group_and_later_units_go_on(engine: Sqlite) -> None:
    async def scenario(db: Database) -> None:
        await db.write(put("before"))
        await db.write(lambda unit: leave_pages(unit, 40))
        results = await together(engine, db, [put("a"), large("big", 4 * MIB), put("b")])
        assert all(isinstance(result, Full) for result in results), "the engine ended the transaction for all"
        assert await names(db) == ["before"]
        assert await db.one(STORED) is None
        await db.write(lambda unit: leave_pages(unit, 4000))
        await db.write(large("big", 4 * MIB))
        await db.write(put("later"))
        assert {"before", "later"} <= set(await names(db))

    run(engine, scenario)


class Log(apsw.VFSFile):
    """A file on a disk that takes what goes into the write-ahead log and, once `full`, nothing into the database."""

    full = False

    def __init__(self, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        self.counts = bool(flags[0] & apsw.SQLITE_OPEN_MAIN_DB)
        super().__init__("", name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:
        if Log.full and self.counts:
            raise apsw.FullError("no room")
        super().xWrite(data, offset)


class Disk(apsw.VFS):
    """The file system with such files."""

    def __init__(self) -> None:
        super().__init__("full-database", base="")

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> Log:
        return Log(name, flags)


def test_what_is_committed_is_acknowledged_though_the_log_cannot_be_copied(engine: Sqlite) -> None:
    """Else an upload whose row is stored would be answered 507, and its bytes deleted."""
    disk = Disk()

    async def main() -> None:
        db = SqliteDatabase(engine.path, vfs="full-database")
        try:
            Log.full = True
            await db.write(large("a", 20 * MIB))
            await db.write(put("b"))
            assert await names(db) == ["b"]
            Log.full = False
            await db.write(put("c"))
        finally:
            Log.full = False
            await db.close()

    asyncio.run(main())
    disk.unregister()

    async def count(reader: Reader) -> int:
        return len(await reader.all(STORED))

    assert run(engine, count) == 20
    assert run(engine, names) == ["b", "c"]
