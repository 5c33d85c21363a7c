"""Keys: one outside the database opens all inside it, and nothing else does."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.access.place import with_admin

from holdfast.access.errors import WrongMasterKey
from holdfast.access.keyring import ContentKeys, add_key, load_key, remove_key, replace_wrapping, wrapped_keys
from holdfast.access.master import MasterKeys, new_master_key, parse_master_keys
from holdfast.blobs.errors import Unavailable
from holdfast.db.port import Database
from holdfast.db.query import Command, Query

ONE, TWO, THREE = (bytes([number]) * 32 for number in (1, 2, 3))


class Wrapped(NamedTuple):
    wrapped: bytes


STORED = Query("select wrapped from secret where name = :name", Wrapped)
REPLACE = Command("update secret set wrapped = :wrapped where name = :name")


def line(key: bytes) -> str:
    return base64.b64encode(key).decode() + "\n"


async def stored(db: Database, name: str) -> bytes:
    row = await db.one(STORED, name=name)
    assert row is not None
    return row.wrapped


def test_a_key_is_made_once_and_found_again(tmp_path: Path) -> None:
    async def scenario(db: Database) -> None:
        key = await load_key(db, MasterKeys([ONE]), "a")
        assert len(key) == 32
        assert await load_key(db, MasterKeys([ONE]), "a") == key
        assert await load_key(db, MasterKeys([ONE]), "b") != key
        wrapped = await stored(db, "a")
        assert key not in wrapped
        assert ONE not in wrapped

    with_admin(tmp_path, scenario)


def test_a_wrong_master_key_opens_nothing(tmp_path: Path) -> None:
    async def scenario(db: Database) -> None:
        await load_key(db, MasterKeys([ONE]), "a")
        with pytest.raises(WrongMasterKey, match="put back the key file that belongs to this data"):
            await load_key(db, MasterKeys([TWO]), "a")

    with_admin(tmp_path, scenario)


def test_the_first_key_wraps_and_the_others_only_unwrap(tmp_path: Path) -> None:
    async def scenario(db: Database) -> None:
        key = await load_key(db, MasterKeys([ONE]), "a")
        assert await load_key(db, MasterKeys([TWO, ONE]), "a") == key
        made = await load_key(db, MasterKeys([TWO, ONE]), "b")
        assert await load_key(db, MasterKeys([TWO]), "b") == made
        with pytest.raises(WrongMasterKey):
            await load_key(db, MasterKeys([ONE, THREE]), "b")

    with_admin(tmp_path, scenario)


def test_rows_cannot_be_exchanged(tmp_path: Path) -> None:
    async def scenario(db: Database) -> None:
        for name in "ab":
            await load_key(db, MasterKeys([ONE]), name)
        other = await stored(db, "b")
        await db.write(lambda unit: unit.run(REPLACE, name="a", wrapped=other))
        with pytest.raises(WrongMasterKey):
            await load_key(db, MasterKeys([ONE]), "a")

    with_admin(tmp_path, scenario)


@pytest.mark.parametrize("damage", ["first", "last", "cut", "short", "empty"])
def test_a_damaged_row_is_refused(tmp_path: Path, damage: str) -> None:
    async def scenario(db: Database) -> None:
        await load_key(db, MasterKeys([ONE]), "a")
        good = await stored(db, "a")
        bad = {
            "first": bytes([good[0] ^ 1]) + good[1:],
            "last": good[:-1] + bytes([good[-1] ^ 1]),
            "cut": good[:-1],
            "short": good[:4],
            "empty": b"",
        }[damage]
        await db.write(lambda unit: unit.run(REPLACE, name="a", wrapped=bad))
        with pytest.raises(WrongMasterKey):
            await load_key(db, MasterKeys([ONE]), "a")

    with_admin(tmp_path, scenario)


def test_a_new_file_holds_one_key_of_its_own() -> None:
    (key,) = parse_master_keys(new_master_key())
    assert len(key) == 32
    assert parse_master_keys(new_master_key()) != (key,)


def test_lines_are_keys_in_their_order() -> None:
    assert parse_master_keys(line(ONE)) == (ONE,)
    assert parse_master_keys("\n" + line(TWO) + "\n  " + line(ONE).strip() + " \r\n\n") == (TWO, ONE)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("not base64!\n", 1),
        (line(ONE) + line(b"short"), 2),
        (line(ONE) + "\n" + line(ONE)[:-3] + "\n", 3),
        (line(ONE).strip() + " " + line(TWO), 1),
        ("ü" * 44, 1),
        ("# comment\n" + line(ONE), 1),
        (line(bytes(33)), 1),
    ],
)
def test_a_malformed_line_is_named(text: str, number: int) -> None:
    with pytest.raises(WrongMasterKey, match=f"^line {number} of the master key file is not base64 of 32 bytes$"):
        parse_master_keys(text)


@pytest.mark.parametrize("text", ["", "\n", "  \n\t\n"])
def test_a_file_without_a_key_is_refused(text: str) -> None:
    with pytest.raises(WrongMasterKey, match="holds no key"):
        parse_master_keys(text)


# -- content keys ---------------------------------------------------------------------------------------------------


def test_content_keys_are_generations_and_new_ones_are_met(tmp_path: Path) -> None:
    async def scenario(db: Database) -> None:
        master = MasterKeys([ONE])
        here, there = ContentKeys(db, master), ContentKeys(db, master)
        assert await here.load() == {}
        await here.make_first()
        await there.make_first()
        first = await here.load()
        assert list(first) == [1]
        assert await there.load() == first
        wrapped = await master.wrap("content-2", TWO)
        assert await db.write(lambda unit: add_key(unit, "content-2", wrapped))
        assert not await db.write(lambda unit: add_key(unit, "content-2", wrapped))
        assert await there.load_again() == {**first, 2: TWO}
        await there.make_first()
        await load_key(db, master, "upload-id")
        rows = await wrapped_keys(db)
        assert [(row.name, row.generation) for row in rows] == [("content-1", 1), ("content-2", 2), ("upload-id", None)]
        assert all(row.made_at for row in rows)
        await db.write(lambda unit: remove_key(unit, "content-1"))
        assert await here.load() == {2: TWO}

    with_admin(tmp_path, scenario)


def test_what_was_unwrapped_once_is_not_asked_for_again(tmp_path: Path) -> None:
    async def scenario(db: Database) -> None:
        keys = ContentKeys(db, MasterKeys([ONE]))
        await keys.make_first()
        found = await keys.load()
        (row,) = await wrapped_keys(db)
        other = await MasterKeys([TWO]).rewrap(row.name, await MasterKeys([TWO]).wrap(row.name, found[1]))
        assert await db.write(lambda unit: replace_wrapping(unit, row.name, row.wrapped, other))
        assert not await db.write(lambda unit: replace_wrapping(unit, row.name, row.wrapped, other))
        assert await keys.load_again() == found
        with pytest.raises(WrongMasterKey):
            await ContentKeys(db, MasterKeys([ONE])).load()
        with pytest.raises(Unavailable, match="cannot open a new key"):
            await ContentKeys(db, MasterKeys([ONE])).load_again()
        assert await ContentKeys(db, MasterKeys([THREE, TWO])).load() == found

    with_admin(tmp_path, scenario)


def test_a_key_of_another_length_is_refused(tmp_path: Path) -> None:
    async def scenario(db: Database) -> None:
        master = MasterKeys([ONE])
        short = await master.wrap("content-1", b"short")
        await db.write(lambda unit: add_key(unit, "content-1", short))
        with pytest.raises(WrongMasterKey, match="content-1 in the database is damaged"):
            await ContentKeys(db, master).load()

    with_admin(tmp_path, scenario)
