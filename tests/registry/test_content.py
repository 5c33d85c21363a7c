"""Content is stored once, whoever brings it; what is damaged or awaited takes the next good bytes."""

from __future__ import annotations

import asyncio

import pytest
from tests.registry.house import GRACE, House, Place, image, index, pieces, staged

from holdfast.oci.digest import Digest
from holdfast.registry.errors import BlobUnknown, DigestMismatch, ManifestUnknown, SizeMismatch
from holdfast.registry.upload.intake import Chunk

LARGE = b"x" * 50_000


async def keys(house: House) -> set[str]:
    pages = house.blobs.keys()
    return {key async for page in pages for key in page}


def test_small_content_stays_in_the_database_and_large_goes_to_the_store(place: Place) -> None:
    async def scenario(house: House) -> None:
        for size in (0, 1, 16384, 16385, 2_000_000):
            data = b"y" * size
            digest = await house.blob(data)
            assert await house.read(digest) == data if size <= 1 << 20 else True
            inline = house.sql("select length(bytes) from body where content_id = ?", house.id_of(data))
            assert (inline == [size]) == (size <= 16384)
            assert (house.key_of(data) is None) == (size <= 16384)

    place.run(scenario)


def test_the_same_bytes_are_kept_once_and_the_losers_object_is_doomed(place: Place) -> None:
    async def scenario(house: House) -> None:
        await house.blob(LARGE, "one")
        kept = house.key_of(LARGE)
        await house.blob(LARGE, "two")
        await house.chunked(LARGE, "three")
        assert house.key_of(LARGE) == kept
        others = await keys(house) - {kept}
        assert len(others) == 2
        assert house.doomed() == dict.fromkeys(others, house.clock.now)
        for repo in ("one", "two", "three"):
            assert await house.read(Digest.of(LARGE), repo) == LARGE
        await house.sweep.run()
        assert await keys(house) == {kept}
        assert house.sql("select count(*) from content") == [1]

    place.run(scenario)


def test_pushes_of_the_same_bytes_at_once_are_one_content(place: Place) -> None:
    async def scenario(house: House) -> None:
        await asyncio.gather(*(house.blob(LARGE, f"r{number}") for number in range(8)))
        assert house.sql("select count(*) from content") == [1]
        assert house.sql("select count(*) from link") == [8]
        assert set(house.doomed()) == await keys(house) - {house.key_of(LARGE)}

    place.run(scenario)


def test_it_is_seen_where_it_was_pushed_and_nowhere_else(place: Place) -> None:
    async def scenario(house: House) -> None:
        data = await house.image("v1", repo="one")
        with pytest.raises(ManifestUnknown):
            await house.get("v1", "two")
        with pytest.raises(ManifestUnknown):
            await house.get(Digest.of(data), "two")
        await house.blob(b"another", "two")
        with pytest.raises(BlobUnknown):
            await house.read(Digest.of(b"layer of app"), "two")
        with pytest.raises(BlobUnknown):
            await house.pulls.blob_head(house.may_pull("two"), Digest.of(b"layer of app"))

    place.run(scenario)


@pytest.mark.parametrize("data", [b"small", LARGE], ids=["inline", "object"])
@pytest.mark.parametrize("how", ["blob", "chunked"])
def test_a_push_repairs_damaged_content(place: Place, data: bytes, how: str) -> None:
    async def scenario(house: House) -> None:
        digest = await house.blob(data)
        old = house.key_of(data)
        house.sql("update content set state = 1 where digest = ?", digest)
        house.sql("update body set bytes = x'00' where content_id = ?", house.id_of(data))
        with pytest.raises(BlobUnknown):
            await house.read(digest)
        with pytest.raises(BlobUnknown):
            await house.pulls.blob_head(house.may_pull(), digest)
        await getattr(house, how)(data, "other")
        assert house.state(data) == 0
        for repo in ("team/app", "other"):
            assert await house.read(digest, repo) == data
        assert list(house.doomed()) == ([old] if old is not None else [])
        assert house.key_of(data) != old or old is None
        assert house.journal().count("content.repaired") == 1

    place.run(scenario)


def test_damaged_inline_content_may_come_back_as_an_object(place: Place) -> None:
    data = b"z" * 1000

    async def damage(house: House) -> None:
        await house.blob(data)
        house.sql("update content set state = 1")

    async def repair(house: House) -> None:
        await house.blob(data)
        assert house.key_of(data) is not None
        assert house.sql("select * from body") == []
        assert await house.read(Digest.of(data)) == data

    place.run(damage)
    place.run(repair, inline_limit=10)


def test_a_manifest_repairs_itself_whichever_way_its_bytes_come(place: Place) -> None:
    """HEAD says that it is there exactly when GET gives it."""

    async def scenario(house: House) -> None:
        data = await house.image("v1", annotations={"long": "a" * 20_000})
        digest = Digest.of(data)
        house.sql("update content set state = 1 where digest = ?", digest)
        with pytest.raises(ManifestUnknown):
            await house.get("v1")
        await house.blob(data)
        for reference in (digest, "v1"):
            found = await house.get(reference) if await head(house, reference) else None
            assert found is None or found.data == data
        await house.manifest(data, "v1")
        assert (await house.get("v1")).data == data
        assert await head(house, "v1")
        assert await head(house, digest)
        assert await house.read(digest) == data

    async def head(house: House, reference: str) -> bool:
        try:
            parsed = Digest.parse(reference) if ":" in reference else reference
            await house.pulls.manifest_head(house.may_pull(), parsed)  # type: ignore[arg-type]
        except ManifestUnknown:
            with pytest.raises(ManifestUnknown):
                await house.get(reference)
            return False
        return True

    place.run(scenario)


def test_a_manifest_that_came_as_a_blob_moves_into_the_database(place: Place) -> None:
    async def scenario(house: House) -> None:
        for data in (b"{}", b"layer"):
            await house.blob(data)
        data = image(b"{}", b"layer", annotations={"long": "a" * 20_000})
        digest = await house.blob(data)
        old = house.key_of(data)
        assert old is not None
        with pytest.raises(ManifestUnknown):
            await house.get(digest)
        await house.manifest(data, "v1")
        assert (await house.get("v1")).data == data
        assert house.key_of(data) is None
        assert house.doomed() == {old: house.clock.now + GRACE}
        assert await house.read(digest) == data
        await house.sweep.run()
        assert await house.blobs.size(old) is not None, "somebody may be reading it"
        house.clock.move(GRACE)
        await house.sweep.run()
        assert await house.blobs.size(old) is None
        assert (await house.get(digest)).data == data

    place.run(scenario)


def test_awaited_content_is_filled_by_its_push(place: Place) -> None:
    async def scenario(house: House) -> None:
        subject = image(b"{}", b"subject")
        await house.image(name="signature", subject=subject)
        assert house.state(subject) == 2
        for call in (house.get(Digest.of(subject)), house.read(Digest.of(subject))):
            with pytest.raises((ManifestUnknown, BlobUnknown)):
                await call
        for data in (b"{}", b"subject"):
            await house.blob(data)
        await house.manifest(subject, "v1")
        assert house.state(subject) == 0
        assert (await house.get("v1")).size == len(subject)

    place.run(scenario)


def test_awaited_content_is_no_child_and_no_blob(place: Place) -> None:
    async def scenario(house: House) -> None:
        awaited = b"awaited" * 10
        await house.image(name="signature", subject=awaited)
        await house.blob(awaited, "other")
        with pytest.raises(BlobUnknown):
            await house.read(Digest.of(awaited))
        assert await house.read(Digest.of(awaited), "other") == awaited

    place.run(scenario)


@pytest.mark.parametrize("data", [b"small", LARGE], ids=["inline", "object"])
def test_what_does_not_hash_or_fit_leaves_nothing(place: Place, data: bytes) -> None:
    async def scenario(house: House) -> None:
        wrong = Digest.of(b"something else")
        with pytest.raises(DigestMismatch):
            await house.uploads.put(house.may_push(), wrong, Chunk(pieces(data)))
        for length in (len(data) - 1, len(data) + 1):
            with pytest.raises(SizeMismatch):
                await house.uploads.put(house.may_push(), Digest.of(data), Chunk(pieces(data), None, length))
        with pytest.raises(DigestMismatch):
            await house.manifest(image(b"{}", b""), digest=wrong)
        assert house.sql("select count(*) from content") == [0]
        assert house.sql("select count(*) from repository") == [0]
        assert await keys(house) == set()
        assert await staged(house.blobs) == []

    place.run(scenario)


@pytest.mark.parametrize("algorithm", ["sha256", "sha384", "sha512"])
def test_every_algorithm(place: Place, algorithm: str) -> None:
    async def scenario(house: House) -> None:
        for data in (b"small", LARGE):
            digest = Digest.of(data, algorithm)
            await house.uploads.put(house.may_push(), digest, Chunk(pieces(data)))
            assert await house.read(digest) == data
        child = index()
        digest = Digest.of(child, algorithm)
        await house.manifest(child, "v1", digest=digest)
        assert (await house.get("v1")).digest == digest
        assert (await house.get(digest)).data == child

    place.run(scenario)
