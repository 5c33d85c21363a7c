"""Master keys that a process holds, and those in a file that changes."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.access.test_keyring import ONE, THREE, TWO, line

from holdfast.access.errors import WrongMasterKey
from holdfast.access.master import MasterKeyFile, MasterKeys, parse_master_keys

KEY = bytes(range(32))


def test_the_first_key_wraps_all_unwrap_and_rewrapping_moves_to_the_first() -> None:
    async def main() -> None:
        old, both, new = MasterKeys([ONE]), MasterKeys([TWO, ONE]), MasterKeys([TWO])
        wrapped = await old.wrap("a", KEY)
        assert await both.unwrap("a", wrapped) == KEY
        with pytest.raises(WrongMasterKey):
            await new.unwrap("a", wrapped)
        fresh = await both.rewrap("a", wrapped)
        assert await new.unwrap("a", fresh) == KEY
        with pytest.raises(WrongMasterKey):
            await new.rewrap("b", fresh)

    asyncio.run(main())


def test_a_mark_tells_keys_apart_and_gives_nothing_away() -> None:
    async def main() -> None:
        marks = [await MasterKeys(keys).mark() for keys in ([ONE], [ONE, TWO], [TWO], [TWO, ONE])]
        assert marks[0] == marks[1] != marks[2] == marks[3]
        assert all(len(mark) == 16 and mark not in line(ONE) for mark in marks)

    asyncio.run(main())


def test_a_key_that_is_put_into_the_file_is_used_without_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text(line(ONE))

    async def main() -> None:
        master = MasterKeyFile(path)
        wrapped = await master.wrap("a", KEY)
        path.write_text(line(TWO) + line(ONE))
        fresh = await master.rewrap("a", wrapped)
        assert await MasterKeys([TWO]).unwrap("a", fresh) == KEY
        assert await master.mark() == await MasterKeys([TWO]).mark()
        path.write_text("being edit")
        assert await master.unwrap("a", fresh) == await master.unwrap("a", wrapped) == KEY
        path.unlink()
        assert await master.unwrap("a", fresh) == KEY
        path.write_text(line(THREE))
        with pytest.raises(WrongMasterKey):
            await master.unwrap("a", fresh)

    asyncio.run(main())


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(WrongMasterKey, match="cannot be read"):
        MasterKeyFile(tmp_path / "none")
    (tmp_path / "empty").write_text("")
    with pytest.raises(WrongMasterKey, match="holds no key"):
        MasterKeyFile(tmp_path / "empty")


def test_the_source_of_a_bad_line_is_named() -> None:
    with pytest.raises(WrongMasterKey, match=r"^line 1 of HOLDFAST_ENCRYPTION_KEY is not base64 of 32 bytes$"):
        parse_master_keys("short", "HOLDFAST_ENCRYPTION_KEY")
