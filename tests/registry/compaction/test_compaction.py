"""Compaction: many objects become one, whoever reads, pushes or deletes meanwhile, and whatever crashes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.registry.upload.nodes import PLACES, PULL, PUSH, SETTINGS, Cluster, Node, once, run

from holdfast.blobs.errors import Unavailable
from holdfast.db.query import Command, Query
from holdfast.jobs.model import Later
from holdfast.oci.digest import Digest
from holdfast.registry.compaction.service import AT_ONCE, Broken
from holdfast.registry.sweep.litter import Litter
from holdfast.registry.upload.intake import Chunk


class Row(NamedTuple):
    digest: str


PARTS = [bytes([65 + number]) * (70_000 + number) for number in range(5)]
WHOLE = b"".join(PARTS)
DIGEST = Digest.of(WHOLE)
DAMAGED = Query("select digest from content where state = 1", Row)
DAMAGE = Command("update content set state = 1 where digest = :digest")
ROW = 1


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def upload(node: Node) -> None:
    token = await node.start()
    for part in PARTS[:-1]:
        await node.append(token, part)
    await node.finish(token, DIGEST, PARTS[-1])


async def emptied(node: Node, table: str) -> None:
    await node.db.write(lambda unit: unit.run(Command("delete from " + table)))


async def compacted(node: Node, meanwhile: Callable[[], Awaitable[None]] | None = None) -> bool:
    """Compact the content, with something happening at the first report."""
    first = [meanwhile]

    async def report(done: int, total: int) -> None:
        then, first[0] = first[0], None
        if then is not None:
            await then()

    return await node.compaction.compact(node.db, ROW, report)


def test_many_objects_become_one(tmp_path: Path, place: str) -> None:
    async def scenario(cluster: Cluster) -> None:
        node, other = await cluster.node(), await cluster.node()
        await upload(node)
        old = await cluster.known(node)
        assert len(old) == 5
        assert await other.compact() == [True]
        (key,) = await cluster.known(node)
        assert await cluster.doomed(node) == old
        assert await node.read(DIGEST) == WHOLE
        found = await node.pulls.blob(PULL, DIGEST)
        assert found.stored is not None
        assert found.stored.key == key
        assert (found.stored.wrapped is not None) == cluster.sealing
        await node.sweep.run()
        assert await cluster.keys() == old | {key}, "not before the grace has passed"
        cluster.clock.now += SETTINGS.grace
        assert (await node.sweep.run()).objects == 5
        assert await cluster.keys() == {key}
        assert await other.read(DIGEST) == WHOLE
        assert await compacted(other) is False

    run(tmp_path, place, scenario)


def test_one_object_asks_for_no_compaction(tmp_path: Path) -> None:
    async def scenario(cluster: Cluster) -> None:
        node = await cluster.node()
        await node.uploads.put(PUSH, DIGEST, Chunk(once(WHOLE)))
        token = await node.start()
        await node.append(token, WHOLE + b"more")
        await node.finish(token, Digest.of(WHOLE + b"more"))
        await upload(node)
        assert await node.compact() == [], "nor does content that is stored already"

    run(tmp_path, "memory", scenario)


@pytest.mark.parametrize("waits", ["before the first byte", "in the middle"])
def test_a_slow_reader_goes_on_in_the_new_object(tmp_path: Path, place: str, waits: str) -> None:
    async def scenario(cluster: Cluster) -> None:
        node, other = await cluster.node(), await cluster.node()
        await upload(node)
        found = await node.pulls.blob(PULL, DIGEST)
        assert found.stored is not None
        got = b""
        if waits == "in the middle":
            stream = await node.pulls.stream(PULL, found, 0, found.size)
            got += await anext(stream)
        await compacted(other)
        cluster.clock.now += SETTINGS.grace
        await other.sweep.run()
        assert len(await cluster.keys()) == 1
        if waits != "in the middle":
            stream = await node.pulls.stream(PULL, found, 0, found.size)
        async with aclosing(stream):
            async for piece in stream:
                got += piece
        assert got == WHOLE
        assert await node.pulls.read(PULL, found, 100_000, 200_000) == WHOLE[100_000:200_000]

    run(tmp_path, place, scenario)


def test_a_repair_in_the_middle_wins(tmp_path: Path, place: str) -> None:
    async def scenario(cluster: Cluster) -> None:
        node, other = await cluster.node(), await cluster.node()
        await upload(node)
        old = await cluster.known(node)

        async def repair() -> None:
            await other.db.write(lambda unit: unit.run(DAMAGE, digest=DIGEST))
            await upload(other)

        assert await compacted(node, repair) is False
        known = await cluster.known(node)
        assert len(known) == 5
        assert not known & old
        assert old <= await cluster.doomed(node)
        assert await cluster.keys() == known | old
        assert await node.read(DIGEST) == WHOLE
        assert await compacted(node) is True

    run(tmp_path, place, scenario)


def test_content_that_goes_in_the_middle_stays_gone(tmp_path: Path, place: str) -> None:
    async def scenario(cluster: Cluster) -> None:
        node = await cluster.node()
        await upload(node)
        old = await cluster.known(node)

        async def delete() -> None:
            for text in ("lease", "candidate", "link", "segment", "content"):
                await node.db.write(lambda unit, text=text: unit.run(Command(f"delete from {text}")))  # type: ignore[misc]

        assert await compacted(node, delete) is False
        assert await cluster.known(node) == set()
        assert await cluster.keys() == old

    run(tmp_path, place, scenario)


def test_two_at_once_make_one(tmp_path: Path, place: str) -> None:
    async def scenario(cluster: Cluster) -> None:
        one, two = await cluster.node(), await cluster.node()
        await upload(one)
        old = await cluster.known(one)
        assert sorted(await asyncio.gather(compacted(one), compacted(two))) == [False, True]
        (key,) = await cluster.known(one)
        assert await cluster.keys() == old | {key}
        assert await one.read(DIGEST) == WHOLE

    run(tmp_path, place, scenario)


def test_old_objects_that_are_gone_already_are_asked_for_in_the_new_one(tmp_path: Path) -> None:
    async def scenario(cluster: Cluster) -> None:
        one, two = await cluster.node(), await cluster.node()
        await upload(one)

        async def faster() -> None:
            await compacted(two)
            cluster.clock.now += SETTINGS.grace
            await two.sweep.run()

        assert await compacted(one, faster) is False
        assert len(await cluster.keys()) == 1
        assert await one.read(DIGEST) == WHOLE

    run(tmp_path, "memory", scenario)


@pytest.mark.parametrize("damage", ["missing", "short", "changed"])
def test_a_segment_that_is_lost_or_damaged_marks_the_content(tmp_path: Path, place: str, damage: str) -> None:
    async def scenario(cluster: Cluster) -> None:
        node = await cluster.node()
        await upload(node)
        old = sorted(await cluster.known(node))
        size = await cluster.blobs.inner.size(old[2])
        assert size is not None
        data = await cluster.blobs.inner.read(old[2], 0, size)
        await cluster.blobs.delete(old[2])
        if damage != "missing":
            changed = data[:-1] if damage == "short" else bytes([data[0] ^ 1]) + data[1:]
            await cluster.blobs.put(old[2], [changed], "sha256")
        there = await cluster.keys()
        with pytest.raises(Broken, match="push it again"):
            await compacted(node)
        assert await cluster.known(node) == set(old)
        assert await cluster.keys() == there
        assert await node.db.all(DAMAGED) == [(str(DIGEST),)]
        assert await compacted(node) is False, "there is nothing to do until it is pushed again"
        await upload(node)
        assert await compacted(node) is True
        assert await node.read(DIGEST) == WHOLE

    run(tmp_path, place, scenario)


def test_a_crash_leaves_litter_and_nothing_else(tmp_path: Path, place: str) -> None:
    """Everywhere where it can die: while it writes, and when the object is there and the database does not answer."""

    async def scenario(cluster: Cluster) -> None:
        node = await cluster.node()
        await upload(node)
        known = await cluster.known(node)

        async def dies() -> None:
            raise asyncio.CancelledError

        with pytest.raises(asyncio.CancelledError):
            await compacted(node, dies)
        assert await cluster.keys() == known

        real = node.db.write

        async def away(work: object, **_options: object) -> None:
            raise Unavailable

        node.db.write = away  # type: ignore[method-assign, assignment]
        with pytest.raises(Unavailable):
            await compacted(node)
        node.db.write = real  # type: ignore[method-assign]
        assert len(await cluster.keys()) == 6, "the outcome is unknown, so the object stays"
        assert await cluster.known(node) == known
        assert await compacted(node) is True
        cluster.clock.now += SETTINGS.upload_expire + SETTINGS.grace + 1
        await node.sweep.run()
        assert (await Litter(node.db, node.objects.blobs, SETTINGS).run()).deleted == 1
        assert await cluster.keys() == await cluster.known(node)
        assert await node.read(DIGEST) == WHOLE

    run(tmp_path, place, scenario)


def test_an_object_that_took_too_long_is_not_used(tmp_path: Path, place: str) -> None:
    async def scenario(cluster: Cluster) -> None:
        node = await cluster.node()
        await upload(node)
        known = await cluster.known(node)

        async def stand_still() -> None:
            cluster.clock.now += 25 * 3600 * 1_000_000

        assert await compacted(node, stand_still) is False
        assert await cluster.known(node) == await cluster.keys() == known

    run(tmp_path, place, scenario)


def test_some_at_a_time(tmp_path: Path) -> None:
    async def scenario(cluster: Cluster) -> None:
        node = await cluster.node()
        await upload(node)
        refused: list[Exception] = []

        async def deeper() -> None:
            try:
                await compacted(node, deeper)
            except Later as error:
                refused.append(error)

        assert AT_ONCE > 1
        await compacted(node, deeper)
        assert len(refused) == 1
        assert await node.read(DIGEST) == WHOLE

    run(tmp_path, "memory", scenario)


def test_what_was_missed_is_found(tmp_path: Path, place: str) -> None:
    async def scenario(cluster: Cluster) -> None:
        node = await cluster.node()
        await upload(node)
        await node.db.write(lambda unit: unit.run(Command("delete from job")))
        assert await node.compaction.missed(node.db, 0) == ROW
        assert await node.compaction.missed(node.db, ROW) is None
        assert await node.compaction.missed(node.db, 0) == ROW
        assert await node.compact() == [True]
        assert await node.compaction.missed(node.db, 0) is None

    run(tmp_path, place, scenario)
