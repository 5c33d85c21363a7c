"""The guard: a database that was restored from an older copy deletes nothing until it is adopted."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest
from tests import backends
from tests.databases import lay_file
from tests.object_servers import bucket
from tests.registry.upload.nodes import PUSH, SETTINGS, Clock, Cluster, Counted, Node, once, run

from holdfast.blobs.errors import Full, Unavailable
from holdfast.blobs.local import LocalBlobs
from holdfast.oci.digest import Digest
from holdfast.registry.sweep.guard import EVERY, MARK, Guard, Restored
from holdfast.registry.sweep.litter import Litter
from holdfast.registry.upload.intake import Chunk

T = TypeVar("T")
DAY = 24 * 3600 * 1_000_000
PLACES = ("files", "bucket", "postgresql and bucket")


async def push(node: Node, data: bytes) -> Digest:
    digest = Digest.of(data)
    await node.uploads.put(PUSH, digest, Chunk(once(data)))
    return digest


async def replaced(node: Node, data: bytes) -> None:
    """Push what is there already: the second object is doomed at once."""
    await push(node, data)
    await push(node, data)


class House:
    """An installation whose database can be put back: a SQLite file, or a database of PostgreSQL."""

    def __init__(self, root: Path, place: str) -> None:
        self.root = root
        self.place = place
        self.clock = Clock()
        self.bucket = bucket() if "bucket" in place else None
        self.url = backends.laid_database_url() if place.startswith("postgresql") else None
        if self.url is None:
            lay_file(str(root / "holdfast.db"))

    def run(self, scenario: Callable[[Cluster, Node], Awaitable[T]]) -> T:
        async def main() -> T:
            store = LocalBlobs(str(self.root / "store")) if self.bucket is None else self.bucket.store()
            cluster = Cluster(self.root, Counted(store, appends=False), self.clock, sealing=False, url=self.url)
            await cluster.blobs.open("tests")
            try:
                return await scenario(cluster, await cluster.node())
            finally:
                await cluster.close()

        return asyncio.run(main())

    def copy(self) -> object:
        """A copy of the database, taken while nobody uses it."""
        if self.url is None:
            shutil.copyfile(self.root / "holdfast.db", self.root / "copy.db")
            return None
        server, name = backends.postgres_server(), self.url.rpartition("/")[2]
        server.execute(f"create database {name}_copy owner holdfast template {name}")
        return None

    def put_back(self) -> None:
        """Restore the copy."""
        if self.url is None:
            for path in self.root.glob("holdfast.db*"):
                path.unlink()
            shutil.copyfile(self.root / "copy.db", self.root / "holdfast.db")
        else:
            self.url += "_copy"


@pytest.mark.parametrize("place", PLACES)
def test_a_restored_database_deletes_nothing_until_it_is_adopted(tmp_path: Path, place: str) -> None:
    house = House(tmp_path, place)
    old, new = b"old" * 50_000, b"new" * 50_000

    async def before(cluster: Cluster, node: Node) -> None:
        await push(node, old)
        await node.sweep.run()

    house.run(before)
    house.copy()

    async def going_on(cluster: Cluster, node: Node) -> set[str]:
        await push(node, new)
        await replaced(node, b"again" * 20_000)
        assert (await node.sweep.run()).objects == 1
        return await cluster.keys()

    there = house.run(going_on)
    assert len(there) == 3
    house.put_back()

    async def after(cluster: Cluster, node: Node) -> None:
        assert await node.read(Digest.of(old)) == old
        await replaced(node, b"twice" * 20_000)
        cluster.clock.now += 3 * DAY
        kept = await cluster.keys()
        litter = Litter(node.db, node.objects.blobs, SETTINGS)
        for work in (node.sweep.run, litter.run):
            with pytest.raises(Restored, match="verify --adopt"):
                await work()
        assert await cluster.keys() == kept >= there
        await Guard(node.db, node.objects.blobs).adopt()
        assert (await node.sweep.run()).objects == 1
        assert (await litter.run()).deleted == 2
        assert await node.read(Digest.of(old)) == old
        assert await node.read(Digest.of(b"twice" * 20_000)) == b"twice" * 20_000

    house.run(after)


def test_a_copy_from_before_the_guard_is_noticed(tmp_path: Path) -> None:
    house = House(tmp_path, "files")
    house.copy()

    async def sweep(cluster: Cluster, node: Node) -> None:
        await node.sweep.run()

    house.run(sweep)
    house.put_back()
    with pytest.raises(Restored):
        house.run(sweep)


def test_a_copy_that_is_put_back_before_anything_was_deleted_goes_on(tmp_path: Path) -> None:
    house = House(tmp_path, "files")

    async def sweep(cluster: Cluster, node: Node) -> None:
        await node.sweep.run()

    house.run(sweep)
    house.copy()
    house.run(sweep)
    house.put_back()
    house.run(sweep)
    house.clock.now += EVERY
    house.run(sweep)
    house.put_back()
    with pytest.raises(Restored):
        house.run(sweep)


@pytest.mark.parametrize("place", PLACES)
def test_a_crash_between_database_and_store_is_no_restore(tmp_path: Path, place: str) -> None:
    async def scenario(cluster: Cluster) -> None:
        node = await cluster.node()
        guard = Guard(node.db, node.objects.blobs)
        broken = Guard(node.db, Broken(cluster))  # type: ignore[arg-type]
        for _ in range(2):
            for _ in range(3):
                with pytest.raises(Unavailable):
                    await broken.move()
            await guard.check()
            await guard.move()
        assert await guard.check() == await cluster.blobs.mark(MARK)

    run(tmp_path, place, scenario)


class Broken:
    """A store that cannot be written."""

    def __init__(self, cluster: Cluster, error: type[Exception] = Unavailable) -> None:
        self.mark = cluster.blobs.mark
        self._error = error

    async def set_mark(self, name: str, text: str) -> None:
        raise self._error


def test_a_full_disk_does_not_keep_the_sweeper_from_making_room(tmp_path: Path) -> None:
    async def scenario(cluster: Cluster) -> None:
        node = await cluster.node()
        await node.sweep.run()
        mark = await cluster.blobs.mark(MARK)
        await replaced(node, b"again" * 20_000)
        broken = Broken(cluster, Full)
        cluster.blobs.set_mark = broken.set_mark  # type: ignore[attr-defined]
        assert (await node.sweep.run()).objects == 1
        assert await cluster.blobs.mark(MARK) == mark
        del cluster.blobs.set_mark
        await Guard(node.db, node.objects.blobs).move()
        assert await cluster.blobs.mark(MARK) != mark

    run(tmp_path, "files", scenario)


@pytest.mark.parametrize("place", PLACES)
def test_nodes_that_move_it_at_the_same_time_do_not_alarm_each_other(tmp_path: Path, place: str) -> None:
    async def scenario(cluster: Cluster) -> None:
        guards = [Guard(node.db, node.objects.blobs) for node in [await cluster.node() for _ in range(3)]]
        for _ in range(5):
            await asyncio.gather(*(guard.move() for guard in guards))
        stale = await cluster.blobs.mark(MARK)
        assert stale is not None
        for _ in range(20):
            await guards[0].move()
        await cluster.blobs.set_mark(MARK, stale)  # by a node that stood still meanwhile
        await guards[1].move()
        await guards[2].check()

    run(tmp_path, place, scenario)


def test_a_first_move_between_two_looks_is_no_restore(tmp_path: Path) -> None:
    async def scenario(cluster: Cluster) -> None:
        node = await cluster.node()
        guard = Guard(node.db, node.objects.blobs)

        class Slow:
            """A store whose first answer is overtaken by a move."""

            asked = 0

            async def mark(self, name: str) -> str | None:
                self.asked += 1
                found: str | None = await cluster.blobs.mark(name)
                if self.asked == 1:
                    await guard.move()
                return found

        slow = Slow()
        assert await Guard(node.db, slow).check() == await cluster.blobs.mark(MARK)  # type: ignore[arg-type]
        assert slow.asked == 2

    run(tmp_path, "memory", scenario)


def test_the_texts_that_are_remembered_stay_few(tmp_path: Path) -> None:
    async def scenario(cluster: Cluster) -> None:
        node = await cluster.node()
        broken = Guard(node.db, Broken(cluster))  # type: ignore[arg-type]
        guard = Guard(node.db, node.objects.blobs)
        await guard.move()
        for _ in range(250):
            cluster.clock.now += 1
            with pytest.raises(Unavailable):
                await broken.move()
        assert await guard.check() is not None, "what stands in the store is never forgotten"

    run(tmp_path, "memory", scenario)
