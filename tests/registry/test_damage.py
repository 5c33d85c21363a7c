"""Bytes that are gone or no longer hash: never served as good, marked once; a store that is away is no damage."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from tests.registry.house import House, Place

from holdfast.blobs.local import LocalBlobs
from holdfast.oci.digest import Digest
from holdfast.registry.errors import BlobUnknown, ContentUnavailable, ManifestUnknown

LARGE = bytes(range(256)) * 200
LONG = b"0123456789abcdef" * 100_000
"""Longer than what is read in one piece."""


def damages(house: House) -> list[str]:
    """The digests that were recorded as damaged."""
    rows = house.sql("select data from journal where kind = 'content.damaged' order by id")
    return [json.loads(row)["digest"] for row in rows]


def test_inline_bytes_that_no_longer_hash_are_marked(place: Place) -> None:
    async def scenario(house: House) -> None:
        data = await house.image("v1")
        digest = Digest.of(b"layer of app")
        house.sql("update body set bytes = x'00' where content_id = ?", house.id_of(digest))
        for _ in range(2):
            with pytest.raises(BlobUnknown):
                await house.read(digest)
            with pytest.raises(BlobUnknown):
                await house.pulls.blob_head(house.may_pull(), digest)
        assert house.state(digest) == 1
        assert damages(house) == [digest]
        assert (await house.get("v1")).data == data

    place.run(scenario)


@pytest.mark.parametrize("by", ["tag", "digest"])
def test_a_manifest_that_no_longer_hashes_is_marked(place: Place, by: str) -> None:
    async def scenario(house: House) -> None:
        data = await house.image("v1")
        digest = Digest.of(data)
        broken = data.replace(b"layers", b"LAYERS")
        house.sql("update body set bytes = ? where content_id = ?", broken, house.id_of(data))
        for _ in range(2):
            with pytest.raises(ManifestUnknown):
                await house.get("v1" if by == "tag" else digest)
        for reference in ("v1", digest):
            with pytest.raises(ManifestUnknown):
                await house.get(reference)
        assert damages(house) == [digest]
        await house.manifest(data, "v1")
        assert (await house.get("v1")).data == data
        assert house.state(data) == 0

    place.run(scenario)


def local(place: Place, tmp_path: Path) -> Path:
    """Let the place keep its objects in files; gives their root."""
    root = tmp_path / "store"

    async def reopen(_house: House) -> None:
        return None

    place.blobs = LocalBlobs(str(root), threads=2)
    place.run(reopen)
    return root


def file_of(house: House, root: Path, data: bytes) -> Path:
    key = house.key_of(data)
    assert key is not None
    return root / "objects" / key[-2:] / key


async def streamed(house: House, data: bytes) -> bytes:
    permit = house.may_pull()
    found = await house.pulls.blob(permit, Digest.of(data))
    pieces = await house.pulls.stream(permit, found, 0, found.size)
    return b"".join([piece async for piece in pieces])


@pytest.mark.parametrize("damage", ["missing", "short", "empty", "long"])
@pytest.mark.parametrize("data", [LARGE, LONG], ids=["read", "streamed"])
def test_an_object_that_is_missing_or_of_another_length_is_marked(
    place: Place, tmp_path: Path, data: bytes, damage: str
) -> None:
    root = local(place, tmp_path)

    async def scenario(house: House) -> None:
        digest = await house.blob(data)
        path = file_of(house, root, data)
        content = {"short": data[:-1], "empty": b"", "long": data + b"x", "missing": None}[damage]
        path.unlink()
        if content is not None:
            path.write_bytes(content)
        whole = streamed if data is LONG else None
        for _ in range(2):
            if damage == "long" and whole is None:
                assert await house.read(digest) == data
                return
            with pytest.raises(BlobUnknown):
                await (whole(house, data) if whole is not None else house.read(digest))
        assert damages(house) == [digest]
        await house.blob(data)
        assert house.state(data) == 0
        assert (await whole(house, data) if whole is not None else await house.read(digest)) == data

    place.run(scenario)


def test_a_store_that_is_away_is_no_damage(place: Place, tmp_path: Path) -> None:
    root = local(place, tmp_path)

    async def scenario(house: House) -> None:
        small = await house.blob(b"small")
        for data in (LARGE, LONG):
            await house.blob(data)
        shutil.move(root, tmp_path / "elsewhere")
        root.mkdir()
        for _ in range(2):
            with pytest.raises(ContentUnavailable):
                await house.read(Digest.of(LARGE))
            with pytest.raises(ContentUnavailable):
                await streamed(house, LONG)
        assert await house.read(small) == b"small", "what needs no object goes on"
        with pytest.raises(ContentUnavailable):
            await house.blob(LARGE + b"new")
        assert damages(house) == []
        root.rmdir()
        shutil.move(tmp_path / "elsewhere", root)
        assert await house.read(Digest.of(LARGE)) == LARGE
        assert await streamed(house, LONG) == LONG
        await house.blob(LARGE + b"new")

    place.run(scenario)


def test_a_reader_of_an_object_that_a_repair_replaced_goes_on_with_the_new_one(place: Place, tmp_path: Path) -> None:
    """A slow reader that still holds the old key finds it gone; the content has good bytes under another."""
    root = local(place, tmp_path)

    async def scenario(house: House) -> None:
        digest = await house.blob(LARGE)
        permit = house.may_pull()
        found = await house.pulls.blob(permit, digest)
        file_of(house, root, LARGE).unlink()
        with pytest.raises(BlobUnknown):
            await house.read(digest)
        await house.blob(LARGE)
        for _ in range(2):
            assert await house.pulls.read(permit, found, 0, 10) == LARGE[:10]
            rest = await house.pulls.stream(permit, found, 10, found.size)
            assert b"".join([piece async for piece in rest]) == LARGE[10:]
        assert await house.read(digest) == LARGE
        assert house.state(LARGE) == 0

    place.run(scenario)
