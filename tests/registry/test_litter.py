"""The sweep of litter: old objects without a row go, everything else stays, much at once only by force."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.registry.upload.nodes import PLACES, PUSH, SETTINGS, Cluster, Node, once, run

from holdfast.blobs.errors import Unavailable
from holdfast.blobs.key import new_key
from holdfast.db.query import Query
from holdfast.oci.digest import Digest
from holdfast.registry.sweep.litter import Cleared, Litter, TooMuch
from holdfast.registry.upload.intake import Chunk

OLD = SETTINGS.upload_expire + SETTINGS.grace


class Said(NamedTuple):
    kind: str
    data: str


JOURNAL = Query("select kind, data from journal order by id", Said)


def litter(node: Node) -> Litter:
    return Litter(node.db, node.objects.blobs, SETTINGS, request="job-1")


async def stray(cluster: Cluster, issued: int) -> str:
    key = new_key(issued)
    await cluster.blobs.put(key, [b"left behind"], "sha256")
    return key


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_only_old_objects_without_a_row_go(tmp_path: Path, place: str) -> None:
    async def scenario(cluster: Cluster) -> None:
        node = await cluster.node()
        whole, parts = b"whole" * 1000, b"parts" * 1000
        await node.uploads.put(PUSH, Digest.of(whole), Chunk(once(whole)))
        token = await node.start()
        await node.append(token, parts)
        await node.append(token, parts)
        await node.finish(token, Digest.of(parts * 2))
        cluster.clock.now += OLD
        session = await node.start()
        await node.append(session, parts)
        await node.uploads.put(PUSH, Digest.of(whole), Chunk(once(whole)))  # a second object, doomed
        old, young = await stray(cluster, cluster.clock.now - OLD - 1), await stray(cluster, cluster.clock.now - OLD)
        before = await cluster.keys()
        seen: list[int] = []

        async def report(listed: int) -> None:
            seen.append(listed)

        assert await litter(node).run(report) == Cleared(7, 1, 1)
        assert seen == [7]
        assert await cluster.keys() == before - {old}
        assert young in await cluster.keys()
        assert await litter(node).run() == Cleared(6, 0, 0)
        said = [row for row in await node.db.all(JOURNAL) if row.kind == "litter.deleted"]
        assert [row.data for row in said] == [f'{{"names":["{old}"]}}']
        assert await node.read(Digest.of(whole)) == whole
        assert await node.read(Digest.of(parts * 2)) == parts * 2

    run(tmp_path, place, scenario)


def test_much_of_a_store_is_not_deleted(tmp_path: Path) -> None:
    async def scenario(cluster: Cluster) -> None:
        node = await cluster.node()
        keys = {await stray(cluster, 1) for _ in range(101)}
        with pytest.raises(TooMuch, match="101 of 101 objects have no row"):
            await litter(node).run()
        assert await cluster.keys() == keys
        young = {await stray(cluster, cluster.clock.now) for _ in range(101 * 19)}
        assert await litter(node).run() == Cleared(101 * 20, 101, 101)
        assert await cluster.keys() == young

    run(tmp_path, "memory", scenario)


def test_a_list_that_fails_deletes_nothing(tmp_path: Path) -> None:
    async def scenario(cluster: Cluster) -> None:
        node = await cluster.node()
        keys = {await stray(cluster, 1) for _ in range(10)}
        inner = cluster.blobs.inner

        async def breaking() -> AsyncIterator[list[str]]:
            async for page in inner.keys():
                yield page
            raise Unavailable

        cluster.blobs.keys = breaking  # type: ignore[attr-defined]
        with pytest.raises(Unavailable):
            await litter(node).run()
        assert await cluster.keys() == keys

    run(tmp_path, "memory", scenario)


def test_two_sweeps_at_once_do_no_harm(tmp_path: Path, place: str) -> None:
    async def scenario(cluster: Cluster) -> None:
        one, two = await cluster.node(), await cluster.node()
        keys = {await stray(cluster, 1) for _ in range(20)}
        swept = await asyncio.gather(litter(one).run(), litter(two).run())
        assert all(each.deleted <= len(keys) for each in swept)
        assert await cluster.keys() == set()
        assert await cluster.doomed(one) == set()

    run(tmp_path, place, scenario)
