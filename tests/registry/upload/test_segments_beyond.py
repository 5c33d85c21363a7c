"""Sessions of many objects at their limits: a thousand chunks, other stores, keys that are not there or change."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.registry.upload.nodes import (
    DIGEST,
    FORGET_STATE,
    PLACES,
    PUSH,
    STAGED,
    A,
    B,
    C,
    Cluster,
    nothing_is_lost_or_left,
    run,
    three,
)

from holdfast.blobs.errors import BlobError
from holdfast.oci.digest import Digest
from holdfast.registry.errors import ContentUnavailable, UploadUnknown


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_a_thousand_chunks_over_nodes_that_come_and_go(tmp_path: Path, place: str) -> None:
    async def scenario(cluster: Cluster) -> None:
        nodes = list(await three(cluster))
        token = await nodes[0].start()
        chunks = [bytes([number % 256]) * 80 for number in range(1000)]
        at = 0
        for number, chunk in enumerate(chunks):
            if number == 500:
                await nodes[1].db.close()
                nodes[1] = await cluster.node()
            at = await nodes[number % 3].append(token, chunk, at)
        whole = b"".join(chunks)
        await nodes[0].finish(token, Digest.of(whole))
        assert cluster.blobs.read_calls == 0
        assert len(await cluster.keys()) == 1000
        assert await nodes[2].read(Digest.of(whole)) == whole
        assert cluster.blobs.read_bytes <= len(whole) + 1000 * 16

    run(tmp_path, place, scenario)


def test_a_thousand_chunks_without_states_are_read_once(tmp_path: Path) -> None:
    async def scenario(cluster: Cluster) -> None:
        nodes = await three(cluster)
        token = await nodes[0].start()
        whole = b""
        for number in range(1000):
            chunk = bytes([number % 256]) * 80
            await nodes[number % 3].append(token, chunk, len(whole))
            await nodes[0].db.write(lambda unit: unit.run(FORGET_STATE))
            whole += chunk
        await nodes[0].finish(token, Digest.of(whole))
        assert cluster.blobs.read_bytes == len(whole)

    run(tmp_path, "memory", scenario)


def test_nothing_that_is_stored_shows_what_was_sent(tmp_path: Path) -> None:
    async def scenario(cluster: Cluster) -> None:
        node = await cluster.node()
        token = await node.start()
        marker = b"a planted marker, never to be seen"
        await node.append(token, marker)
        await node.append(token, marker * 3000)
        await node.finish(token, Digest.of(marker * 3002), marker)
        for key in await cluster.keys():
            size = await cluster.blobs.inner.size(key)
            assert size is not None
            assert b"planted" not in await cluster.blobs.inner.read(key, 0, size)
        assert await node.read(Digest.of(marker * 3002)) == marker * 3002

    run(tmp_path, "memory sealed", scenario)


def test_a_session_whose_bytes_stayed_in_another_store_is_gone(tmp_path: Path) -> None:
    async def scenario(cluster: Cluster) -> None:
        before = await cluster.node()
        token = await before.start()
        await before.append(token, A)
        cluster.blobs.appends = False
        after = await cluster.node()
        for work in (after.append(token, B), after.finish(token, Digest.of(A)), after.finish(token, DIGEST, B + C)):
            with pytest.raises(UploadUnknown, match="are gone"):
                await work
        assert await cluster.keys() == set()
        await after.uploads.cancel(PUSH, token)

    run(tmp_path, "staged memory", scenario)


@pytest.mark.parametrize("first", [b"early", A], ids=["in the database", "in the store"])
def test_a_node_without_the_keys_takes_and_gives_nothing(tmp_path: Path, first: bytes) -> None:
    async def scenario(cluster: Cluster) -> None:
        node, without = await cluster.node(), await cluster.node(envelope=False)
        token = await node.start()
        await node.append(token, first)
        for work in (without.append(token, B), without.finish(token, Digest.of(first))):
            with pytest.raises((ContentUnavailable, BlobError)):
                await work
        await node.finish(token, Digest.of(first))
        with pytest.raises((ContentUnavailable, BlobError)):
            await without.read(Digest.of(first))
        assert await node.read(Digest.of(first)) == first, "it is not taken for damage"

    run(tmp_path, "memory sealed", scenario)


@pytest.mark.parametrize("place", [*STAGED, "memory", "files", "bucket"])
@pytest.mark.parametrize("first", [b"early", A], ids=["in the database", "in the store"])
@pytest.mark.parametrize("sealing", [True, False], ids=["on", "off"])
def test_encryption_may_be_switched_between_two_chunks(tmp_path: Path, place: str, first: bytes, sealing: bool) -> None:
    async def scenario(cluster: Cluster) -> None:
        before, after = await cluster.node(sealing=not sealing), await cluster.node(sealing=sealing)
        token = await before.start()
        await before.append(token, first)
        await after.append(token, B)
        await before.append(token, C)
        whole = first + B + C + A
        await after.finish(token, Digest.of(whole), A)
        assert await before.read(Digest.of(whole)) == whole
        assert await after.read(Digest.of(whole)) == whole
        await nothing_is_lost_or_left(cluster, after)

    run(tmp_path, place, scenario)
