"""What a mover refuses, before anything is touched, and what it finds wrong."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import apsw
import pytest
from tests.backends import database_url, laid_database_url, sql
from tests.faults import oracle
from tests.faults.client import Caller, Ledger, Pushing
from tests.moving.homes import House, cluster, files, holdfast, master_key, move, served
from tests.moving.test_move import push_image
from tests.ports import free_port

from holdfast.app.datadir import DataDirectory
from holdfast.db.migrate import migrate, migrations

OTHER = "another installation"


@pytest.fixture
def old(tmp_path: Path) -> House:
    """A house of files that nobody serves from."""
    return lived_in(files(tmp_path / "old"))


def lived_in(house: House) -> House:
    """The house, with two images in it."""
    with served(house) as server, Caller(server.port) as caller:
        pushing = Pushing(caller, Ledger())
        for number in (1, 2):
            push_image(pushing, number)
    return house


def refused(old: House, new: House, *flags: str) -> str:
    """Why it does not move; the old house takes writes all the same."""
    error = move(old, new, *flags, status=1)["error"]
    takes_writes(old)
    assert isinstance(error, str)
    return error


def takes_writes(house: House) -> None:
    assert "read-only since" not in holdfast(house, "read-only", "status")


def without_key(house: House) -> House:
    """The same house, moved to without a word about its key."""
    kept = {name: value for name, value in house.environment.items() if "ENCRYPTION" not in name}
    return replace(house, environment=kept)


def test_a_wrong_master_key(old: House, tmp_path: Path) -> None:
    new = cluster(tmp_path / "new", master_key(tmp_path / "wrong"))
    assert "does not open the keys of this installation" in refused(old, new)
    assert sql(new.environment["HOLDFAST_DATABASE"], "select count(*) from pg_class where relname = 'tag'") == [(0,)]


def test_a_key_file_that_holds_the_old_key_too(old: House, tmp_path: Path) -> None:
    """The first line is the new house's; the second opens what came."""
    both = master_key(tmp_path / "both")
    both.write_text(both.read_text() + (old.data / "master.key").read_text())
    new = cluster(tmp_path / "new", both)
    move(old, new)
    with served(new) as server, Caller(server.port) as caller:
        assert caller.ask("GET", "/v2/team/app/manifests/v1").status == 200


def test_a_database_with_rows(old: House, tmp_path: Path) -> None:
    url = laid_database_url()
    sql(url, "insert into setting (path, name, value) values ('', 'a', 'b')")
    assert "it has rows in setting" in refused(old, House(tmp_path / "new", {}, ("--to-database", url)))


def test_a_database_of_something_else(old: House, tmp_path: Path) -> None:
    url = database_url()
    sql(url, "create table mine (id int)")
    assert "not empty" in refused(old, House(tmp_path / "new", {}, ("--to-database", url)))


def test_a_house_of_another_installation(old: House, tmp_path: Path) -> None:
    other = lived_in(files(tmp_path / "other"))
    taken = House(tmp_path / "new", {}, ("--to-data", str(other.data), "--to-encryption-key-file", key_of(old)))
    assert OTHER in refused(old, taken)


def test_a_store_of_another_installation(old: House, tmp_path: Path) -> None:
    other = without_key(cluster(tmp_path / "other", master_key(tmp_path / "key")))
    move(old, other)
    second = lived_in(files(tmp_path / "second"))
    taken = replace(other, there=("--to-database", database_url(), *other.there[2:]))
    assert OTHER in refused(second, taken)


def test_a_house_that_is_served(old: House, tmp_path: Path) -> None:
    with served(files(tmp_path / "other")) as server:
        new = House(tmp_path / "new", {}, ("--to-data", str(server.data)))
        assert "is being served already" in refused(old, new)


@pytest.mark.parametrize("flags", [(), ("--to-database", "none"), ("--to-storage", "none")])
def test_nowhere_to_go(old: House, flags: tuple[str, ...]) -> None:
    assert "say where to" in refused(old, House(old.root, {}, flags))


def test_where_it_is_already(old: House) -> None:
    assert "the same" in refused(old, House(old.root, {}, ("--to-data", str(old.data))))


def test_no_database_and_no_bucket(old: House) -> None:
    for flags in (("--to-database", "mysql://a/b"), ("--to-storage", "ftp://a/b")):
        assert f"what {flags[0]} says" in refused(old, House(old.root, {}, flags))


def test_where_no_registry_is(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    error = move(files(tmp_path / "old"), files(tmp_path / "new"), status=1)["error"]
    assert "there is no registry" in error


def test_twice_to_the_same_place(old: House, tmp_path: Path) -> None:
    """The second time says that it is done; once the old house was opened again by hand, it is refused."""
    new = files(tmp_path / "new")
    move(old, new)
    assert move(old, new)["finished_before"] is True
    assert "give up" in holdfast(old, "migrate-storage", "--help").lower()
    aborted = move(old, new, "--abort", status=1)
    assert "holds the whole installation already" in aborted["error"]
    holdfast(old, "read-only", "off")
    assert "they are two now" in refused(old, new)


def test_an_interrupted_house_cannot_be_served(old: House, tmp_path: Path) -> None:
    """A new house that is not finished refuses to start, and says why."""
    damage(old)
    new = files(tmp_path / "new")
    move(old, new, status=1)
    said = holdfast(new, "serve", "--listen", f"127.0.0.1:{free_port()}", status=1)
    assert said == ""
    assert "it is being filled by" in holdfast(new, "read-only", "status")


# -- older versions ---------------------------------------------------------------------------------------------------


def of_the_first_version(root: Path) -> House:
    """What the first version of the program has left: its schema, an installation, a repository, a store."""
    house = files(root)
    house.data.mkdir(parents=True)
    migrate(str(house.data / "holdfast.db"), migrations()[:1])
    connection = apsw.Connection(str(house.data / "holdfast.db"))
    connection.execute("insert into installation values (1, 'the-first', 1)")
    connection.execute("insert into repository (path, born, last_at) values ('team/old', 1, 1)")
    connection.close()
    master_key(house.data / "master.key")
    return house


def test_an_installation_of_the_first_version_moves(tmp_path: Path) -> None:
    old = of_the_first_version(tmp_path / "old")
    new = without_key(cluster(tmp_path / "new", master_key(tmp_path / "key")))
    assert move(old, new)["tables"]["repository"] == 1
    url = new.there[1]
    assert sql(url, "select path from repository") == [("team/old",)]
    assert sql(url, "select uuid from installation") == [("the-first",)]


@pytest.mark.parametrize("migrated", [False, True], ids=["not migrated", "migrated"])
def test_a_server_of_the_first_version_is_refused(migrated: bool, tmp_path: Path) -> None:
    """It knows no read-only mode, so it would go on writing."""
    old = of_the_first_version(tmp_path / "old")
    if migrated:
        migrate(str(old.data / "holdfast.db"))
    directory = DataDirectory(old.data)
    directory.lock()
    try:
        error = move(old, files(tmp_path / "new"), status=1)["error"]
    finally:
        directory.leave()
    assert "is of an older version" in error


# -- damage -----------------------------------------------------------------------------------------------------------


def objects_of(house: House) -> list[Path]:
    """The files of a house's objects."""
    return sorted(path for path in (house.data / "store" / "objects").rglob("*") if path.is_file())


def damage(house: House) -> Path:
    """Turn a bit over in one object."""
    path = objects_of(house)[0]
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("sealed", [False, True], ids=["clear", "sealed"])
@pytest.mark.parametrize("gone", [False, True], ids=["flipped", "gone"])
def test_a_damaged_object_is_named(sealed: bool, gone: bool, tmp_path: Path) -> None:
    key = master_key(tmp_path / "key") if sealed else None
    old, new = lived_in(files(tmp_path / "old", key)), files(tmp_path / "new", key)
    path = damage(old)
    if gone:
        os.unlink(path)
    said = move(old, new, status=1)
    takes_writes(old)
    (damaged,) = said["damaged"]
    assert damaged["key"] == path.name
    assert ("not in the store" if gone else "do not hash") in damaged["reason"]
    assert "--skip-damaged" in said["error"]
    # Going on without it: the rest comes, and what is damaged is known to be.
    moved = move(old, new, "--skip-damaged")
    assert [each["digest"] for each in moved["damaged"]] == [damaged["digest"]]
    with served(new) as server, Caller(server.port) as caller:
        address = f"/v2/team/app/blobs/{damaged['digest']}"
        assert caller.ask("GET", address).status == 404
        ledger = Ledger()
        push_image(Pushing(caller, ledger), 1)
        push_image(Pushing(caller, ledger), 2)
        assert caller.ask("GET", address).status == 200
        oracle.check(server.port, [ledger])


def test_damage_that_is_mended_moves(old: House, tmp_path: Path) -> None:
    new = files(tmp_path / "new")
    path = damage(old)
    move(old, new, status=1)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    assert move(old, new)["damaged"] == []


def key_of(house: House) -> str:
    return str(house.data / "master.key")
