"""The schema on both engines: laid once, expanded beside older programs, contracted when none is left."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any, Protocol

import apsw
import asyncpg
import pytest
from tests import backends
from tests.ports import free_port

from holdfast.db.errors import DatabaseError, TooNew, TooOld, Unsafe
from holdfast.db.migrate import migrate, sqlite_standing
from holdfast.db.nodes import Pulse
from holdfast.db.port import Database
from holdfast.db.postgres import PostgresDatabase
from holdfast.db.postgres_schema import lay, migrate_postgres, standing_of
from holdfast.db.schema import migrate_up, prepare_schema, schema_standing
from holdfast.db.sqlite import SqliteDatabase
from holdfast.db.steps import Migration, Standing, migrations, newest_known


class Place(Protocol):
    """A database without a schema, and programs of different age that use it."""

    target: str
    engine: str

    def up(self, known: list[Migration], *, contract: bool = False) -> list[str]: ...

    def standing(self, known: list[Migration]) -> Standing | None: ...

    def sql(self, text: str) -> list[tuple[Any, ...]]: ...

    def open(self) -> Database: ...


class SqlitePlace:
    engine = "sqlite"

    def __init__(self, root: Path) -> None:
        self.target = str(root / "holdfast.db")

    def up(self, known: list[Migration], *, contract: bool = False) -> list[str]:
        return migrate(self.target, known, contract=contract)

    def standing(self, known: list[Migration]) -> Standing | None:
        return sqlite_standing(self.target, known)

    def sql(self, text: str) -> list[tuple[Any, ...]]:
        connection = apsw.Connection(self.target)
        try:
            return list(connection.execute(text))
        finally:
            connection.close()

    def open(self) -> Database:
        return SqliteDatabase(self.target)


class PostgresPlace:
    engine = "postgresql"

    def __init__(self) -> None:
        self.target = backends.database_url()

    def up(self, known: list[Migration], *, contract: bool = False) -> list[str]:
        return asyncio.run(migrate_postgres(self.target, known, contract=contract))

    def standing(self, known: list[Migration]) -> Standing | None:
        return asyncio.run(standing_of(self.target, known))

    def sql(self, text: str) -> list[tuple[Any, ...]]:
        return backends.sql(self.target, text)

    def open(self) -> Database:
        return PostgresDatabase(self.target)


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return SqlitePlace(tmp_path) if request.param == "sqlite" else PostgresPlace()


def later(place: Place, *texts: str) -> list[Migration]:
    """This program's steps and then these."""
    own = migrations(place.engine)
    return own + [Migration(own[-1].number + n, f"later_{n}", text) for n, text in enumerate(texts, 1)]


ADD = "create table extra (n bigint);"
TAKE = "-- phase: contract\n-- oldest: {oldest}\ndrop table extra;"


def test_a_server_lays_an_empty_database_and_leaves_it_as_it_is_afterwards(place: Place) -> None:
    assert asyncio.run(schema_standing(place.target)) is None
    assert asyncio.run(prepare_schema(place.target)) == [step.name for step in migrations(place.engine)]
    assert asyncio.run(prepare_schema(place.target)) == []
    assert asyncio.run(migrate_up(place.target)) == []
    standing = asyncio.run(schema_standing(place.target))
    assert standing == (newest_known(place.engine), 1, (), ())
    assert place.sql("select count(*) from policy") == [(1,)]


def test_both_engines_have_the_same_tables_and_columns(tmp_path: Path) -> None:
    sqlite, postgres = SqlitePlace(tmp_path), PostgresPlace()
    for place in (sqlite, postgres):
        asyncio.run(prepare_schema(place.target))
    ours = sqlite.sql(
        'select t.name, c.name, c."notnull" or c.pk > 0 from pragma_table_list t, pragma_table_info(t.name) c '
        "where t.schema = 'main' and t.name not like 'sqlite_%'"
    )
    theirs = postgres.sql(
        "select table_name, column_name, (is_nullable = 'NO')::int from information_schema.columns "
        "where table_schema = 'public'"
    )
    assert sorted(ours) == sorted(theirs)
    indexes = "select name from sqlite_schema where type = 'index' and name not like 'sqlite_%'"
    named = postgres.sql(
        "select indexname from pg_indexes where schemaname = 'public' and indexname not like '%_pkey' "
        "and indexname not like '%_key'"
    )
    assert sorted(sqlite.sql(indexes)) == sorted(named)


def test_text_compares_bytewise_where_it_is_a_key(tmp_path: Path) -> None:
    place = PostgresPlace()
    asyncio.run(prepare_schema(place.target))
    loose = place.sql(
        """
        select c.relname, a.attname from pg_index i
        join pg_class c on c.oid = i.indrelid join pg_attribute a on a.attrelid = c.oid and a.attnum = any(i.indkey)
        join pg_collation o on o.oid = a.attcollation
        where c.relnamespace = 'public'::regnamespace and o.collname <> 'C'
        """
    )
    assert [row for row in loose if row[0] != "schema_migration"] == []


def test_an_older_program_goes_on_beside_an_expanded_schema_and_a_newer_one_says_what_is_pending(place: Place) -> None:
    known = later(place, ADD)
    place.up(migrations(place.engine))
    standing = place.standing(known)
    assert standing is not None
    assert [step.name for step in standing.expanding] == ["later_1"]
    assert place.up(known) == ["later_1"]
    assert place.up(migrations(place.engine)) == [], "the older program is content"
    assert place.standing(known) == (known[-1].number, 1, (), ())


def test_contracting_waits_for_its_command_and_then_for_older_nodes(place: Place) -> None:
    own = migrations(place.engine)
    newest = own[-1].number
    known = later(place, ADD, TAKE.format(oldest=newest + 1))
    place.up(own)

    async def beat() -> Pulse:
        db = place.open()
        try:
            pulse = Pulse(db, "serve", "the version before")
            await pulse.beat()
        finally:
            await db.close()
        return pulse

    asyncio.run(beat())
    assert place.up(known) == ["later_1"]
    standing = place.standing(known)
    assert standing is not None
    assert [step.name for step in standing.contracting] == ["later_2"]
    with pytest.raises(DatabaseError, match=r"takes away what 1 running node\(s\) still use"):
        place.up(known, contract=True)
    assert place.sql("select count(*) from extra") == [(0,)]
    assert place.sql("select oldest from compatibility") == [(1,)]
    place.sql("delete from node") if place.engine == "sqlite" else place.sql("delete from node returning id")
    assert place.up(known, contract=True) == ["later_2"]
    assert place.sql("select oldest from compatibility") == [(newest + 1,)]
    with pytest.raises(TooNew, match=rf"needs schema {newest + 1}, this program knows {newest}"):
        place.up(own)
    assert place.up(known[:-1]) == [], "the version between goes on"


def test_a_step_that_was_changed_is_refused(place: Place) -> None:
    own = migrations(place.engine)
    place.up(own)
    changed = [own[0]._replace(sql=own[0].sql + " "), *own[1:]]
    with pytest.raises(DatabaseError, match="differs from the one that laid this database"):
        place.up(changed)


# -- PostgreSQL alone -------------------------------------------------------------------------------------------------


def test_a_server_refuses_a_schema_that_lacks_steps_and_says_what_to_run() -> None:
    place = PostgresPlace()
    place.up(migrations("postgresql"))
    with pytest.raises(TooOld, match=r"lacks migrations of this Holdfast: \d+ \(later_1\)\. Run `holdfast migrate up`"):
        asyncio.run(lay(place.target, later(place, ADD)))


def test_a_database_that_holds_something_else_is_refused() -> None:
    url = backends.database_url()
    backends.postgres_server().execute("create table theirs (n int)", database=url.rpartition("/")[2])
    with pytest.raises(DatabaseError, match="not empty and holds no registry"):
        asyncio.run(prepare_schema(url))


def test_an_empty_database_gets_every_step_or_none() -> None:
    place = PostgresPlace()
    broken = later(place, "create table half (n bigint); select 1 / 0;")
    with pytest.raises(Exception, match="refused a statement"):
        asyncio.run(lay(place.target, broken))
    assert place.standing(broken) is None
    assert place.sql("select count(*) from information_schema.tables where table_schema = 'public'") == [(0,)]


LAY = "import asyncio, sys; from holdfast.db.schema import prepare_schema as go; print(asyncio.run(go(sys.argv[1])))"
UP = "import asyncio, sys; from holdfast.db.schema import migrate_up as go; print(asyncio.run(go(sys.argv[1])))"


@pytest.mark.parametrize("program", [LAY, UP], ids=["serve", "migrate"])
def test_several_at_once_lay_it_once(program: str) -> None:
    url = backends.database_url()
    running = [
        subprocess.Popen(
            [sys.executable, "-c", program, url], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    ends = [process.communicate(timeout=60) for process in running]
    assert [process.returncode for process in running] == [0] * 4, ends
    wanted = ["[]"] * 3 + [str([step.name for step in migrations("postgresql")])]
    assert sorted(out.strip() for out, _ in ends) == sorted(wanted)


KILLED = """
import asyncio, sys
from holdfast.db.postgres_schema import migrate_postgres
from holdfast.db.steps import Migration, migrations

own = migrations("postgresql")
step = Migration(own[-1].number + 1, "killed", "create table half (n bigint); select pg_sleep(60);")
asyncio.run(migrate_postgres(sys.argv[1], [*own, step]))
"""


def test_kill_9_inside_a_step_is_harmless() -> None:
    place = PostgresPlace()
    place.up(migrations("postgresql"))
    process = subprocess.Popen([sys.executable, "-c", KILLED, place.target])
    server = backends.postgres_server()
    sleeping = "select count(*) from pg_stat_activity where datname = $1 and wait_event = 'PgSleep'"
    name = place.target.rpartition("/")[2]
    try:
        backends.until(lambda: server.execute(sleeping, name) == [(1,)], "the step")
    finally:
        process.kill()
        process.wait()
    server.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = $1", name)
    assert place.up(later(place, "create table half (n bigint);")) == ["later_1"]
    assert place.sql("select count(*) from half") == [(0,)]


@pytest.mark.parametrize("setting", ["fsync", "full_page_writes", "synchronous_commit"])
def test_a_server_that_may_lose_commits_is_refused(setting: str) -> None:
    url = backends.database_url()
    server = backends.postgres_server()
    before = server.execute("select current_setting($1)", setting)[0][0]
    try:
        server.execute(f"alter system set {setting} = off")
        server.execute("select pg_reload_conf()")
        backends.until(lambda: server.execute("select current_setting($1)", setting) == [("off",)], "the change")
        with pytest.raises(Unsafe, match=f"{setting} is off on the database server"):
            asyncio.run(prepare_schema(url))
        with pytest.raises(Unsafe, match=f"{setting} is off"):
            asyncio.run(PostgresDatabase(url).open())
    finally:
        server.execute(f"alter system reset {setting}")
        server.execute("select pg_reload_conf()")
        backends.until(lambda: server.execute("select current_setting($1)", setting) == [(before,)], "the way back")


def test_an_unknown_user_and_a_missing_database_are_told_apart_from_silence() -> None:
    server = backends.postgres_server()
    for url in (server.url("nothing_here"), server.url("postgres", "nobody_here")):
        with pytest.raises(DatabaseError, match="refuses this user"):
            asyncio.run(prepare_schema(url))
    with pytest.raises(DatabaseError, match="does not answer"):
        asyncio.run(prepare_schema(f"postgresql://holdfast@127.0.0.1:{free_port()}/x"))
    assert isinstance(asyncpg.PostgresError(), Exception)


# -- SQLite alone -----------------------------------------------------------------------------------------------------


def test_a_file_is_copied_before_it_is_changed_and_the_last_copy_stays(tmp_path: Path) -> None:
    place = SqlitePlace(tmp_path)
    own = migrations()
    place.up(own[:1])
    assert list(tmp_path.glob("*.before-*")) == [], "an empty database needs no copy"
    place.sql("insert into setting values ('', 'a', 'x')")
    place.up(own)
    copy = tmp_path / f"holdfast.db.before-{own[1].number:04}"
    assert copy.stat().st_mode & 0o777 == 0o600
    again = SqlitePlace(tmp_path)
    again.target = str(copy)
    assert again.sql("select value from setting") == [("x",)]
    assert again.sql("select max(number) from schema_migration") == [(1,)]
    assert again.sql("pragma integrity_check") == [("ok",)]
    place.up(later(place, ADD))
    assert [path.name for path in tmp_path.glob("*.before-*")] == [f"holdfast.db.before-{own[-1].number + 1:04}"]
