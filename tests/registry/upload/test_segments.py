"""Sessions where nothing can be appended to: each request is an object, any node takes the next one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
from tests.registry.upload.nodes import (
    DIGEST,
    FORGET_STATE,
    INLINE,
    PLACES,
    PUSH,
    WHOLE,
    A,
    B,
    C,
    Cluster,
    Node,
    nothing_is_lost_or_left,
    once,
    run,
    three,
)

from holdfast.blobs.key import new_key
from holdfast.db.query import Command
from holdfast.oci.digest import Digest
from holdfast.registry.content import Offer, keep_content
from holdfast.registry.errors import DigestMismatch, SizeMismatch, UploadOutOfOrder, UploadUnknown
from holdfast.registry.model import Segment
from holdfast.registry.upload.intake import Chunk

DAMAGE = Command("update content set state = 1 where digest = :digest")


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_any_node_takes_the_next_chunk_and_reads_nothing(tmp_path: Path, place: str) -> None:
    async def scenario(cluster: Cluster) -> None:
        one, two, three_ = await three(cluster)
        token = await one.start()
        assert await one.append(token, A, 0) == len(A)
        assert await two.append(token, B, len(A)) == len(A + B)
        assert await one.status(token) == len(A + B)
        await three_.finish(token, DIGEST, C, len(A + B))
        assert cluster.blobs.read_calls == 0
        assert await two.read(DIGEST) == WHOLE
        assert len(await cluster.keys()) == 3
        await nothing_is_lost_or_left(cluster, one)

    run(tmp_path, place, scenario)


def test_a_gap_a_repeat_and_a_wrong_length_leave_the_session_as_it_was(tmp_path: Path, place: str) -> None:
    async def scenario(cluster: Cluster) -> None:
        one, two, _ = await three(cluster)
        token = await one.start()
        await one.append(token, A)
        for start in (0, len(A) - 1, len(A) + 1):
            with pytest.raises(UploadOutOfOrder) as refused:
                await two.append(token, B, start)
            assert refused.value.received == len(A)
        with pytest.raises(SizeMismatch):
            await two.uploads.append(PUSH, token, Chunk(once(B), len(A), len(B) + 1))
        assert await two.status(token) == len(A)
        assert len(await cluster.keys()) == 1
        await two.append(token, B, len(A))
        await one.finish(token, DIGEST, C)
        assert await one.read(DIGEST) == WHOLE

    run(tmp_path, place, scenario)


@pytest.mark.parametrize("said", [True, False])
def test_of_two_chunks_at_once_one_is_applied(tmp_path: Path, place: str, said: bool) -> None:
    async def scenario(cluster: Cluster) -> None:
        one, two, _ = await three(cluster)
        token = await one.start()
        await one.append(token, A)
        start = len(A) if said else None
        met = asyncio.Barrier(2)

        async def body(data: bytes) -> AsyncIterator[bytes]:
            yield data[:100]
            await met.wait()
            yield data[100:]

        async def send(node: Node, data: bytes) -> object:
            chunk = Chunk(body(data), start, len(data) if said else None)
            return (await node.uploads.append(PUSH, token, chunk))[1]

        outcomes = await asyncio.gather(send(one, B), send(two, B), return_exceptions=True)
        lost = [each for each in outcomes if isinstance(each, BaseException)]
        assert len(lost) == 1
        assert isinstance(lost[0], UploadOutOfOrder)
        assert lost[0].received == len(A + B)
        assert len(await cluster.keys()) == 2, "the loser's object is gone"
        await two.finish(token, DIGEST, C)
        assert await one.read(DIGEST) == WHOLE

    run(tmp_path, place, scenario)


@pytest.mark.parametrize("when", ["before the last chunk", "after it"])
def test_without_a_state_the_closing_request_reads_once(tmp_path: Path, place: str, when: str) -> None:
    async def scenario(cluster: Cluster) -> None:
        one, two, _ = await three(cluster)
        token = await one.start()
        await one.append(token, A)
        await one.append(token, B)
        await one.db.write(lambda unit: unit.run(FORGET_STATE))
        if when == "after it":
            await two.append(token, C)
            assert cluster.blobs.read_calls == 0
            await two.finish(token, DIGEST)
        else:
            await two.finish(token, DIGEST, C)
        assert cluster.blobs.read_calls == 3
        assert len(WHOLE) <= cluster.blobs.read_bytes <= len(WHOLE) + 200
        assert await two.read(DIGEST) == WHOLE

    run(tmp_path, place, scenario)


def test_a_wrong_digest_leaves_the_session_and_no_object(tmp_path: Path, place: str) -> None:
    async def scenario(cluster: Cluster) -> None:
        one, two, _ = await three(cluster)
        token = await one.start()
        await one.append(token, A)
        await one.append(token, B)
        for data in (C, b"", b"other"):
            with pytest.raises(DigestMismatch):
                await two.finish(token, Digest.of(b"something else"), data)
        assert await one.status(token) == len(A + B)
        assert len(await cluster.keys()) == 2
        await two.finish(token, DIGEST, C)
        assert await one.read(DIGEST) == WHOLE

    run(tmp_path, place, scenario)


def test_a_closing_request_may_be_repeated(tmp_path: Path, place: str) -> None:
    async def scenario(cluster: Cluster) -> None:
        one, two, _ = await three(cluster)
        token = await one.start()
        await one.append(token, A)
        await one.append(token, B)
        for node, data in ((one, C), (two, C), (one, b"")):
            await node.finish(token, DIGEST, data)
        with pytest.raises((DigestMismatch, UploadUnknown)):
            await one.finish(token, Digest.of(b"another"), b"")
        assert await two.read(DIGEST) == WHOLE
        await nothing_is_lost_or_left(cluster, one)

    run(tmp_path, place, scenario)


def test_two_closing_requests_at_once_are_both_answered(tmp_path: Path, place: str) -> None:
    async def scenario(cluster: Cluster) -> None:
        one, two, _ = await three(cluster)
        token = await one.start()
        await one.append(token, A)
        await one.append(token, B)
        met = asyncio.Barrier(2)

        async def body() -> AsyncIterator[bytes]:
            yield C[:100]
            await met.wait()
            yield C[100:]

        await asyncio.gather(*(node.uploads.finish(PUSH, token, DIGEST, Chunk(body())) for node in (one, two)))
        assert await two.read(DIGEST) == WHOLE
        assert len(await cluster.keys()) == 3
        await nothing_is_lost_or_left(cluster, one)

    run(tmp_path, place, scenario)


def test_two_closing_requests_for_different_blobs_give_one(tmp_path: Path, place: str) -> None:
    async def scenario(cluster: Cluster) -> None:
        one, two, _ = await three(cluster)
        token = await one.start()
        await one.append(token, A)
        await one.append(token, B)
        met = asyncio.Barrier(2)

        async def body(data: bytes) -> AsyncIterator[bytes]:
            yield data[:1]
            await met.wait()
            yield data[1:]

        async def close(node: Node, data: bytes) -> None:
            await node.uploads.finish(PUSH, token, Digest.of(A + B + data), Chunk(body(data)))

        outcomes = await asyncio.gather(close(one, b"one way"), close(two, b"another"), return_exceptions=True)
        assert sorted(isinstance(each, UploadUnknown) for each in outcomes) == [False, True]
        assert len(await cluster.keys()) == 3
        await nothing_is_lost_or_left(cluster, one)

    run(tmp_path, place, scenario)


def test_cancel_dooms_every_object_of_the_session(tmp_path: Path, place: str) -> None:
    async def scenario(cluster: Cluster) -> None:
        one, two, _ = await three(cluster)
        token = await one.start()
        await one.append(token, A)
        await one.append(token, B)
        await two.uploads.cancel(PUSH, token)
        assert await cluster.doomed(one) == await cluster.keys()
        for work in (one.append(token, C), one.finish(token, DIGEST, C), two.uploads.cancel(PUSH, token)):
            with pytest.raises(UploadUnknown):
                await work
        await two.sweep.run()
        assert await cluster.keys() == await cluster.doomed(one) == set()

    run(tmp_path, place, scenario)


def test_a_chunk_that_meets_a_cancel_leaves_nothing(tmp_path: Path, place: str) -> None:
    async def scenario(cluster: Cluster) -> None:
        one, two, _ = await three(cluster)
        token = await one.start()
        await one.append(token, A)

        async def body() -> AsyncIterator[bytes]:
            yield B[:100]
            await two.uploads.cancel(PUSH, token)
            yield B[100:]

        with pytest.raises(UploadUnknown):
            await one.uploads.append(PUSH, token, Chunk(body()))
        await one.sweep.run()
        assert await cluster.keys() == set()

    run(tmp_path, place, scenario)


def test_an_expired_session_goes_with_its_objects(tmp_path: Path, place: str) -> None:
    async def scenario(cluster: Cluster) -> None:
        one, two, _ = await three(cluster)
        token = await one.start()
        await one.append(token, A)
        await one.append(token, B)
        cluster.clock.now += 25 * 3600 * 1_000_000
        assert (await two.sweep.run()).uploads == 1
        assert await cluster.doomed(one) == await cluster.keys()
        with pytest.raises(UploadUnknown):
            await one.append(token, C)
        await two.sweep.run()
        assert await cluster.keys() == set()

    run(tmp_path, place, scenario)


def test_few_bytes_stay_in_the_database_until_they_are_more(tmp_path: Path, place: str) -> None:
    async def scenario(cluster: Cluster) -> None:
        one, two, _ = await three(cluster)
        token = await one.start()
        assert await one.append(token, b"x" * 10) == 10
        assert await two.append(token, b"y" * (INLINE - 10)) == INLINE
        assert await cluster.keys() == set()
        assert await one.append(token, b"z", INLINE) == INLINE + 1
        assert len(await cluster.keys()) == 1
        whole = b"x" * 10 + b"y" * (INLINE - 10) + b"z" + C
        await two.finish(token, Digest.of(whole), C)
        assert cluster.blobs.read_calls == 0
        assert await one.read(Digest.of(whole)) == whole

    run(tmp_path, place, scenario)


def test_a_small_session_that_is_closed_while_it_grows_leaves_no_litter(tmp_path: Path, place: str) -> None:
    async def scenario(cluster: Cluster) -> None:
        one, two, _ = await three(cluster)
        token = await one.start()
        await one.append(token, b"small")

        async def body() -> AsyncIterator[bytes]:
            await two.append(token, B)
            yield b" and whole"

        await one.uploads.finish(PUSH, token, Digest.of(b"small and whole"), Chunk(body()))
        assert await one.read(Digest.of(b"small and whole")) == b"small and whole"
        await nothing_is_lost_or_left(cluster, one)

    run(tmp_path, place, scenario)


@pytest.mark.parametrize("algorithm", ["sha384", "sha512"])
def test_a_session_hashes_with_the_algorithm_that_was_asked_for(tmp_path: Path, place: str, algorithm: str) -> None:
    async def scenario(cluster: Cluster) -> None:
        one, two, _ = await three(cluster)
        token = await one.start(algorithm)
        await one.append(token, A)
        await two.append(token, B)
        await one.finish(token, Digest.of(WHOLE, algorithm), C)
        assert cluster.blobs.read_calls == 0
        again = await one.start(algorithm)
        await one.append(again, A)
        await two.append(again, B)
        await one.finish(again, DIGEST, C)
        assert cluster.blobs.read_calls == 3, "for another algorithm the bytes are read, once"
        assert await two.read(Digest.of(WHOLE, algorithm)) == WHOLE
        assert await two.read(DIGEST) == WHOLE

    run(tmp_path, place, scenario)


def test_content_that_is_there_already_is_not_kept_twice(tmp_path: Path, place: str) -> None:
    async def scenario(cluster: Cluster) -> None:
        one, two, _ = await three(cluster)
        await one.uploads.put(PUSH, DIGEST, Chunk(once(WHOLE)))
        kept = await cluster.keys()
        token = await one.start()
        await one.append(token, A)
        await two.append(token, B)
        await one.finish(token, DIGEST, C)
        assert await cluster.known(one) == kept
        assert await cluster.doomed(one) == await cluster.keys() - kept
        await one.sweep.run()
        assert await cluster.keys() == kept
        assert await two.read(DIGEST) == WHOLE

    run(tmp_path, place, scenario)


@pytest.mark.parametrize("segments", [1, 3])
def test_damaged_content_is_repaired_by_the_next_upload(tmp_path: Path, place: str, segments: int) -> None:
    async def scenario(cluster: Cluster) -> None:
        one, two, _ = await three(cluster)
        if segments == 1:
            await one.uploads.put(PUSH, DIGEST, Chunk(once(WHOLE)))
        else:
            await upload(one)
        bad = await cluster.keys()
        await one.db.write(lambda unit: unit.run(DAMAGE, digest=DIGEST))
        await asyncio.gather(upload(one), upload(two))
        assert await two.read(DIGEST) == WHOLE
        assert bad <= await cluster.doomed(one)
        assert len(await cluster.known(one)) == 3
        await nothing_is_lost_or_left(cluster, one)

    run(tmp_path, place, scenario)


async def upload(node: Node) -> None:
    token = await node.start()
    await node.append(token, A)
    await node.append(token, B)
    await node.finish(token, DIGEST, C)


def test_of_two_repairs_in_one_moment_the_second_finds_it_done(tmp_path: Path) -> None:
    """On PostgreSQL units run side by side: both see the damage, and the second sees once more what the first did."""

    async def scenario(cluster: Cluster) -> None:
        one, two, _ = await three(cluster)
        await upload(one)
        await one.db.write(lambda unit: unit.run(DAMAGE, digest=DIGEST))
        bad = await cluster.known(one)
        offers = [Offer(DIGEST, 20, None, (Segment(new_key(at), 20),)) for at in (1, 2)]
        gate = await asyncpg.connect(cluster.url)
        await gate.execute("insert into orphan (content_id, due) select id, 0 from content")
        async with gate.transaction():
            await gate.execute("select 1 from orphan for update")
            repairs = [
                asyncio.create_task(one.db.write(lambda unit: keep_content(unit, PUSH, offers[0]))),
                asyncio.create_task(two.db.write(lambda unit: keep_content(unit, PUSH, offers[1]))),
            ]
            while await gate.fetchval("select count(*) from pg_locks where not granted") < len(repairs):
                await asyncio.wait(repairs, timeout=0.01)
        first, second = await asyncio.gather(*repairs)
        await gate.close()
        assert first == second
        known = await cluster.known(one)
        assert len(known) == 1
        assert await cluster.doomed(one) == bad | {key for offer in offers for key in offer.keys} - known

    run(tmp_path, "postgresql and bucket", scenario)


def test_an_object_that_may_be_litter_by_now_gets_no_row(tmp_path: Path, place: str) -> None:
    """A chunk that takes longer than any upload may is refused: the sweeper may have taken its object."""

    async def scenario(cluster: Cluster) -> None:
        one, two, _ = await three(cluster)
        token = await one.start()
        await one.append(token, A)

        async def slow() -> AsyncIterator[bytes]:
            yield B[:100]
            cluster.clock.now += 25 * 3600 * 1_000_000
            yield B[100:]

        before = await cluster.keys()
        with pytest.raises(UploadUnknown, match="too long"):
            await one.uploads.append(PUSH, token, Chunk(slow()))
        assert await cluster.keys() == before
        assert await cluster.known(two) == before

    run(tmp_path, place, scenario)
