"""Migrations: whole or not at all, once, in order, and only by a program that knows them all."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import apsw
import pytest
from tests.db.engines import Sqlite, names, put, run

from holdfast.db.errors import Damaged, DatabaseError, StatementFailed, TooNew
from holdfast.db.migrate import Migration, migrate, migrations
from holdfast.db.sqlite import describe

FIRST = Migration(1, "first", "create table a (n integer) strict; insert into a values (1);")
SECOND = Migration(2, "second", "insert into a values (2); create table b (n integer) strict;")
BROKEN = Migration(2, "broken", "insert into a values (3); create table a (n integer) strict;")


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "holdfast.db")


def look(path: str, sql: str) -> list[tuple[object, ...]]:
    connection = apsw.Connection(path)
    try:
        return list(connection.execute(sql))
    finally:
        connection.close()


def test_the_programs_own_are_numbered_without_a_gap() -> None:
    assert [step.number for step in migrations()] == list(range(1, len(migrations()) + 1))
    assert all(step.name and step.sql for step in migrations())
    assert migrations("no-such-engine") == []


def test_a_second_run_does_nothing(path: str) -> None:
    assert migrate(path) == [step.name for step in migrations()]
    before = look(path, "select * from schema_migration")
    assert migrate(path) == []
    assert look(path, "select * from schema_migration") == before


def test_what_is_laid_is_strict_and_durable(path: str) -> None:
    migrate(path)
    loose = "select name from pragma_table_list where schema = 'main' and not strict and name not like 'sqlite_%'"
    assert look(path, loose) == []
    assert look(path, "pragma foreign_key_check") == []
    found = describe(path)
    found.pop("sqlite")
    assert found == {
        "journal_mode": "wal",
        "synchronous": 2,
        "auto_vacuum": 2,
        "foreign_keys": 1,
        "page_size": 4096,
    }


def test_two_processes_at_once_lay_it_once(path: str) -> None:
    program = "import sys; from holdfast.db.migrate import migrate; print(migrate(sys.argv[1]))"
    running = [
        subprocess.Popen(
            [sys.executable, "-c", program, path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    ends = [process.communicate(timeout=60) for process in running]
    assert [process.returncode for process in running] == [0, 0, 0], ends
    applied = [out.strip() for out, _ in ends]
    assert sorted(applied) == sorted(["[]", "[]", str([step.name for step in migrations()])])


def test_a_migration_is_whole_or_not_at_all(path: str) -> None:
    with pytest.raises(StatementFailed):
        migrate(path, [FIRST, BROKEN])
    assert look(path, "select n from a") == [(1,)]
    assert look(path, "select number, name from schema_migration") == [(1, "first")]
    assert migrate(path, [FIRST, SECOND]) == ["second"]
    assert look(path, "select n from a") == [(1,), (2,)]


KILLED = """
import os, sys
import apsw
from holdfast.db.migrate import Migration, migrate

def end(connection):
    connection.create_scalar_function("die", lambda: os.kill(os.getpid(), 9))

apsw.connection_hooks.append(end)
migrate(sys.argv[1], [Migration(1, "first", "create table a (n integer) strict; insert into a values (die());")])
"""


def test_kill_9_inside_a_migration_is_harmless(path: str) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, path], capture_output=True, timeout=60, check=False)
    assert done.returncode == -9, done.stderr
    assert migrate(path, [FIRST]) == ["first"]
    assert look(path, "select n from a") == [(1,)]


def test_a_migration_that_was_changed_is_refused(path: str) -> None:
    migrate(path, [FIRST])
    with pytest.raises(DatabaseError, match=r"migration 1 \(first\) differs from the one that laid this database"):
        migrate(path, [FIRST._replace(sql=FIRST.sql + " "), SECOND])
    assert look(path, "select number from schema_migration") == [(1,)]


def test_a_program_goes_on_beside_a_schema_that_was_expanded(path: str) -> None:
    migrate(path, [FIRST, SECOND])
    assert migrate(path, [FIRST]) == []


def test_a_program_older_than_the_oldest_allowed_is_refused(path: str) -> None:
    migrate(path)
    newest = len(migrations())
    later = Migration(newest + 1, "later", f"-- phase: contract\n-- oldest: {newest + 1}\ndrop table usage_delta;")
    assert migrate(path, [*migrations(), later]) == ["later"]
    with pytest.raises(
        TooNew, match=rf"it needs schema {newest + 1}, this program knows {newest}\): start that version"
    ):
        migrate(path)


def test_data_stays_through_a_migration(path: str) -> None:
    run(Sqlite(Path(path)), lambda db: db.write(put("a")))
    later = Migration(len(migrations()) + 1, "later", "create table later (n integer) strict;")
    assert migrate(path, [*migrations(), later]) == ["later"]
    assert run(Sqlite(Path(path)), names) == ["a"]


def test_a_file_that_is_no_database_is_refused(path: str) -> None:
    Path(path).write_bytes(b"not a database at all, but long enough to be looked at" * 100)
    with pytest.raises(Damaged):
        migrate(path)
