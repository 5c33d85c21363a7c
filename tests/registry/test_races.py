"""What happens at the same moment on one PostgreSQL: units run side by side there, and each decision holds.

Each test lets the same things meet in many rounds, on two nodes, and looks at what was acknowledged afterwards.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import pytest
from tests import backends
from tests.registry.house import (
    SETTINGS,
    Clock,
    House,
    image,
    index,
    pieces,
)

from holdfast.blobs.memory import MemoryBlobs
from holdfast.oci.digest import Digest
from holdfast.oci.name import Tag
from holdfast.registry.errors import BlobsMissing, BlobUnknown, InUse, ManifestUnknown, UploadOutOfOrder, UploadUnknown
from holdfast.registry.upload.intake import Chunk

T = TypeVar("T")
ROUNDS = 12
LARGE = 40_000


def race(scenario: Callable[[House, House], Awaitable[None]]) -> None:
    """Run `scenario` with two nodes over one database and one store."""

    async def main() -> None:
        target, blobs, clock = backends.laid_database_url(), MemoryBlobs(), Clock()
        await blobs.open("tests")
        one, two = House(target, blobs, SETTINGS, clock), House(target, blobs, SETTINGS, clock)
        try:
            await scenario(one, two)
        finally:
            await one.close()
            await two.close()

    asyncio.run(main())


async def together(*work: Coroutine[Any, Any, T]) -> list[T | BaseException]:
    """Everything at once; what each returned or raised."""
    return await asyncio.gather(*work, return_exceptions=True)


def failed(results: list[Any], *allowed: type[BaseException]) -> list[BaseException]:
    """The errors among the results; any other than those allowed fails the test."""
    errors = [each for each in results if isinstance(each, BaseException)]
    for error in errors:
        if not isinstance(error, allowed):
            raise error
    return errors


def sound(house: House) -> None:
    """What must hold of the tables whatever happened."""
    assert (
        house.sql(
            "select t.name from tag t join repository r on r.id = t.repo_id left join link l on l.repo_id = t.repo_id "
            "and l.content_id = t.content_id where l.content_id is null or l.gone_at is not null"
        )
        == []
    ), "a tag points to a live manifest"
    assert (
        house.sql(
            "select e.keeper_id from edge e join link up on up.repo_id = e.repo_id and up.content_id = e.keeper_id "
            "join link down on down.repo_id = e.repo_id and down.content_id = e.kept_id "
            "where up.gone_at is null and up.kind > 0 and down.gone_at is not null and down.subject is null"
        )
        == []
    ), "what a live manifest names is live"
    assert (
        house.sql(
            "select l.content_id from link l where l.gone_at is null "
            "and not exists (select 1 from candidate k where k.repo_id = l.repo_id and k.content_id = l.content_id) "
            "and not exists (select 1 from tag t where t.repo_id = l.repo_id and t.content_id = l.content_id) "
            "and not exists (select 1 from edge e where e.repo_id = l.repo_id and e.kept_id = l.content_id)"
        )
        == []
    ), "what nothing roots is known to the collector"
    used = "select r.path, cast(sum(c.size) as bigint) from repository r join link l on l.repo_id = r.id "
    used += "join content c on c.id = l.content_id where l.gone_at is null group by r.path order by r.path"
    told = "select path, cast(sum(bytes) as bigint) from usage_delta group by path having sum(bytes) <> 0 order by path"
    assert house.sql(used) == house.sql(told), "usage is counted once"
    assert (
        house.sql("select content_id from body b left join content c on c.id = b.content_id where c.id is null") == []
    )


def test_pushes_of_one_blob() -> None:
    async def scenario(one: House, two: House) -> None:
        for number in range(ROUNDS):
            data = f"{number}".encode() * (LARGE if number % 2 else 1)
            repos = [f"race/{number}", f"race/{number}", f"race/{number}/other"] * 2
            results = await together(*[(one, two)[i % 2].blob(data, repo) for i, repo in enumerate(repos)])
            assert failed(results) == []
            for repo in set(repos):
                assert await one.read(Digest.of(data), repo) == data
        assert one.sql("select count(*) from content") == [ROUNDS]
        assert one.sql("select count(*) from repository") == [2 * ROUNDS]
        assert one.sql("select repositories from usage_delta where repositories <> 0") == [1] * (2 * ROUNDS)
        sound(one)

    race(scenario)


def test_pushes_of_one_manifest_under_one_tag() -> None:
    async def scenario(one: House, two: House) -> None:
        for number in range(ROUNDS):
            repo = f"race/{number % 3}"
            config = f'{{"n":{number}}}'.encode()
            await one.blob(config, repo)
            data = image(config)
            results = await together(*[house.manifest(data, "v1", repo=repo) for house in (one, two, one, two)])
            assert failed(results) == []
            assert (await two.get("v1", repo)).data == data
        assert len(one.journal()) == ROUNDS, "one change each"
        events = one.sql("select repo_id, seq, was_id, now_id from tag_event order by repo_id, seq")
        assert len(events) == ROUNDS
        sound(one)

    race(scenario)


def test_the_last_push_of_a_tag_wins_and_its_history_has_no_gap() -> None:
    async def scenario(one: House, two: House) -> None:
        config = b"{}"
        await one.blob(config)
        manifests = [image(config, note=str(number)) for number in range(8)]
        for _ in range(ROUNDS // 2):
            pushes = [(one, two)[i % 2].manifest(data, "latest") for i, data in enumerate(manifests)]
            assert failed(await together(*pushes)) == []
        events = one.sql("select was_id, now_id, at from tag_event order by seq")
        assert events[0][0] is None
        for before, after in itertools.pairwise(events):
            assert after[0] == before[1], "each event begins where the one before ended"
            assert after[2] > before[2], "time never stands still"
        assert one.sql("select content_id, was_id from tag") == [(events[-1][1], events[-1][0])]
        assert one.id_of((await one.get("latest")).data) == events[-1][1]
        sound(one)

    race(scenario)


def test_a_push_and_a_delete_of_one_blob() -> None:
    async def scenario(one: House, two: House) -> None:
        for number in range(ROUNDS * 2):
            data = f"blob {number % 4}".encode()
            digest = await one.blob(data)
            results = await together(
                two.blob(data), one.deletion.blob(one.may_delete(), digest), one.blob(data), two.blob(data)
            )
            assert failed(results) == []
            (gone,) = one.sql("select gone_at from link where content_id = ?", one.id_of(digest))
            if gone is None:
                assert await two.read(digest) == data
            else:
                with pytest.raises(BlobUnknown):
                    await two.read(digest)
            sound(one)

    race(scenario)


def test_a_manifest_and_the_delete_of_what_it_names() -> None:
    async def scenario(one: House, two: House) -> None:
        outcomes = set()
        for number in range(ROUNDS * 2):
            config = f'{{"n":{number}}}'.encode()
            digest = await one.blob(config)
            data = image(config)
            pushed, deleted = await together(
                one.manifest(data, f"v{number}"), two.deletion.blob(two.may_delete(), digest)
            )
            failed([pushed], BlobsMissing)
            failed([deleted], InUse)
            assert isinstance(pushed, BlobsMissing) != isinstance(deleted, InUse), "one of the two was first"
            outcomes.add(type(pushed))
            sound(one)
        assert outcomes

    race(scenario)


def test_an_index_and_the_delete_of_a_manifest_that_it_lists() -> None:
    async def scenario(one: House, two: House) -> None:
        for number in range(ROUNDS):
            child = await one.image(name=f"n{number}")
            data = index(child)
            pushed, deleted = await together(
                one.manifest(data, f"v{number}"), two.deletion.manifest(two.may_delete(), Digest.of(child))
            )
            failed([pushed], BlobsMissing)
            failed([deleted], InUse)
            assert isinstance(pushed, BlobsMissing) != isinstance(deleted, InUse)
            sound(one)

    race(scenario)


def test_a_tag_and_the_delete_of_its_manifest() -> None:
    async def scenario(one: House, two: House) -> None:
        for number in range(ROUNDS):
            data = await one.image("v1", name=f"n{number}")
            results = await together(
                two.manifest(data, "v1", "v2"),
                one.deletion.manifest(one.may_delete(), Digest.of(data)),
                two.deletion.tag(two.may_delete(), Tag("v1")),
            )
            failed(results, ManifestUnknown)
            sound(one)
        assert one.sql("select count(*) from tag_event e where e.was_id is null and e.now_id is null") == [0]

    race(scenario)


def test_a_mount_and_the_delete_at_its_source() -> None:
    async def scenario(one: House, two: House) -> None:
        for number in range(ROUNDS):
            data = f"mounted {number}".encode()
            digest = await one.blob(data, "source")
            target = f"target/{number}"
            mounted, deleted = await together(
                two.mounts.blob(two.may_push(target), two.may_pull("source"), digest),
                one.deletion.blob(one.may_delete("source"), digest),
            )
            assert failed([mounted, deleted]) == []
            if mounted:
                assert await one.read(digest, target) == data
            else:
                with pytest.raises(BlobUnknown):
                    await one.read(digest, target)
            sound(one)

    race(scenario)


@pytest.mark.parametrize("size", [10, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("first", [True, False], ids=["first chunk", "later chunk"])
def test_a_cancel_and_a_chunk(size: int, first: bool) -> None:
    async def scenario(one: House, two: House) -> None:
        for _ in range(ROUNDS):
            permit = one.may_push()
            token = (await one.uploads.start(permit, "sha256")).token
            if not first:
                await one.uploads.append(permit, token, Chunk(pieces(b"a" * size)))
            appended, cancelled = await together(
                two.uploads.append(permit, token, Chunk(pieces(b"b" * size))), one.uploads.cancel(permit, token)
            )
            failed([appended], UploadUnknown)
            assert failed([cancelled]) == []
            with pytest.raises(UploadUnknown):
                await two.uploads.status(permit, token)
        assert one.sql("select count(*) from upload where received <> -1") == [0]
        assert one.sql("select count(*) from upload_body") == [0], "their bytes came back"

    race(scenario)


def test_equal_chunks_of_which_one_is_applied() -> None:
    async def scenario(one: House, two: House) -> None:
        for number in range(ROUNDS):
            permit = one.may_push()
            token = (await one.uploads.start(permit, "sha256")).token
            was = 0
            for size in (10, 20):
                results = await together(
                    *[
                        house.uploads.append(permit, token, Chunk(pieces(b"x" * size), was, size))
                        for house in (one, two, one)
                    ]
                )
                errors = failed(results, UploadOutOfOrder)
                assert len(errors) == 2
                was += size
            data = b"x" * 30
            await two.uploads.finish(permit, token, Digest.of(data), Chunk(pieces()))
            assert await one.read(Digest.of(data)) == data, number
        sound(one)

    race(scenario)


def test_one_upload_closed_twice() -> None:
    async def scenario(one: House, two: House) -> None:
        for number in range(ROUNDS):
            permit = one.may_push()
            data = f"closed {number}".encode()
            token = (await one.uploads.start(permit, "sha256")).token
            await one.uploads.append(permit, token, Chunk(pieces(data)))
            results = await together(
                *[house.uploads.finish(permit, token, Digest.of(data), Chunk(pieces())) for house in (one, two, one)]
            )
            assert failed(results) == []
            assert await one.read(Digest.of(data)) == data
        assert one.sql("select count(*) from upload") == [0]
        sound(one)

    race(scenario)


def test_the_same_bytes_as_a_blob_and_as_a_manifest() -> None:
    async def scenario(one: House, two: House) -> None:
        for number in range(ROUNDS // 2):
            config = f'{{"n":{number}}}'.encode()
            await one.blob(config)
            data = image(config)
            results = await together(one.manifest(data, f"v{number}"), two.blob(data))
            assert failed(results) == []
            assert (await two.get(f"v{number}")).data == data
            assert one.sql("select kind from link where content_id = ?", one.id_of(data)) == [1]
            sound(one)

    race(scenario)


def test_first_pushes_into_one_repository() -> None:
    async def scenario(one: House, two: House) -> None:
        for number in range(ROUNDS):
            repo = f"new/{number}"
            config = f'{{"n":{number}}}'.encode()
            await one.blob(config, "elsewhere")
            results = await together(
                *[house.blob(f"{number}-{i}".encode(), repo) for i in range(3) for house in (one, two)],
                two.mounts.blob(two.may_push(repo), two.may_pull("elsewhere"), Digest.of(config)),
            )
            assert failed(results) == []
            await one.manifest(image(config), "v1", repo=repo)
        assert one.sql("select count(*) from repository") == [ROUNDS + 1]
        sound(one)

    race(scenario)


def test_pushes_that_repair_one_damage() -> None:
    async def scenario(one: House, two: House) -> None:
        for number in range(ROUNDS):
            data = f"{number}".encode() * LARGE
            digest = await one.blob(data)
            one.sql("update content set state = 1 where digest = ?", digest)
            assert failed(await together(*[house.blob(data) for house in (one, two, one, two)])) == []
            assert await two.read(digest) == data
            assert one.key_of(digest) not in one.doomed()
        assert one.journal() == ["content.repaired"] * ROUNDS

    race(scenario)
