"""Three nodes, one registry: what one acknowledged every other one shows, at once.

HOLDFAST_CLUSTER_PAIRS sets how many random pushes are read from another node in the slow test (default 10,000).
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from tests.cluster.nodes import Cluster
from tests.cluster.wire import Line
from tests.wire.content import OCI_MANIFEST, digest, image, noise

PAIRS = int(os.environ.get("HOLDFAST_CLUSTER_PAIRS", "10000"))
SEED = int(os.environ.get("HOLDFAST_FAULT_SEED", "1"))
CLIENTS = 12
CONFIG = noise(60, "agreement")


@asynccontextmanager
async def lines(cluster: Cluster) -> AsyncIterator[list[Line]]:
    """A connection to each node."""
    made = [Line(port) for port in cluster.ports]
    try:
        yield made
    finally:
        for line in made:
            await line.end()


async def push_blob(line: Line, repository: str, data: bytes) -> str:
    """Push a blob in one request; give its digest."""
    answer = await line.ask("POST", f"/v2/{repository}/blobs/uploads/?digest={digest(data)}", data)
    assert answer.status == 201, answer
    return digest(data)


async def push_manifest(line: Line, repository: str, data: bytes, reference: str) -> str:
    """Push a manifest; give its digest."""
    answer = await line.ask("PUT", f"/v2/{repository}/manifests/{reference}", data, Content_Type=OCI_MANIFEST)
    assert answer.status == 201, answer
    return digest(data)


async def shown(line: Line, repository: str, reference: str) -> str | None:
    """What a tag or digest shows at a node."""
    answer = await line.ask("GET", f"/v2/{repository}/manifests/{reference}")
    assert answer.status in (200, 404), answer
    return digest(answer.body) if answer.status == 200 else None


def tagged(number: int) -> bytes:
    """A manifest that no other number has."""
    return image(CONFIG, annotations={"number": str(number)})


def test_a_moved_tag_is_seen_by_every_node_at_once(cluster: Cluster) -> None:
    async def main() -> None:
        async with lines(cluster) as nodes:
            await push_blob(nodes[0], "cluster/tags", CONFIG)
            chance = random.Random(SEED)
            for number in range(150):
                wanted = await push_manifest(chance.choice(nodes), "cluster/tags", tagged(number), "moving")
                assert await asyncio.gather(*(shown(node, "cluster/tags", "moving") for node in nodes)) == [wanted] * 3
            answer = await chance.choice(nodes).ask("DELETE", "/v2/cluster/tags/manifests/moving")
            assert answer.status == 202
            assert await asyncio.gather(*(shown(node, "cluster/tags", "moving") for node in nodes)) == [None] * 3

    asyncio.run(main())


def test_the_last_write_of_a_tag_wins(cluster: Cluster) -> None:
    """Writers race at three nodes; each round ends with one of the writes, the same at every node."""

    async def main() -> None:
        async with lines(cluster) as nodes:
            await push_blob(nodes[0], "cluster/races", CONFIG)
            for turn in range(60):
                documents = [tagged(3 * turn + at) for at in range(len(nodes))]
                writes = zip(nodes, documents, strict=True)
                written = await asyncio.gather(
                    *(push_manifest(node, "cluster/races", document, "raced") for node, document in writes)
                )
                found = await asyncio.gather(*(shown(node, "cluster/races", "raced") for node in nodes))
                assert len(set(found)) == 1
                assert found[0] in written

    asyncio.run(main())


@pytest.mark.parametrize("pairs", [500, pytest.param(PAIRS, marks=pytest.mark.slow)])
def test_what_is_pushed_to_one_node_is_pulled_from_another(
    cluster: Cluster, pairs: int, record_property: Callable[[str, object], None]
) -> None:
    """Blobs, manifests by digest and by tag, deletions and lists: read elsewhere the moment after they were told."""
    numbers = iter(range(pairs))

    async def blob(chance: random.Random, here: Line, there: Line, number: int) -> None:
        data = b"%09d" % number + CONFIG[: chance.randrange(50)]
        name = await push_blob(here, f"cluster/pairs-{number % CLIENTS}", data)
        path = f"/v2/cluster/pairs-{number % CLIENTS}/blobs/{name}"
        if chance.random() < 0.1:
            gone = await here.ask("DELETE", path)
            assert gone.status == 202, gone
            assert (await there.ask("HEAD", path)).status == 404
        else:
            answer = await there.ask("GET", path)
            assert (answer.status, answer.body) == (200, data), answer

    async def manifest(chance: random.Random, here: Line, there: Line, number: int) -> None:
        repository = f"cluster/pairs-{number % CLIENTS}"
        data = tagged(number)
        reference = chance.choice((digest(data), f"t{number}", f"moving-{number}"))
        await push_manifest(here, repository, data, reference)
        answer = await there.ask("GET", f"/v2/{repository}/manifests/{reference}")
        assert (answer.status, answer.body) == (200, data), answer

    async def client(seed: int) -> None:
        chance = random.Random(f"{SEED}/{seed}")
        async with lines(cluster) as nodes:
            for number in numbers:
                here, there = chance.sample(nodes, 2)
                await chance.choice((blob, manifest))(chance, here, there, number)

    async def main() -> None:
        async with lines(cluster) as nodes:
            for number in range(CLIENTS):
                await push_blob(nodes[0], f"cluster/pairs-{number}", CONFIG)
        async with asyncio.TaskGroup() as group:
            for number in range(CLIENTS):
                group.create_task(client(number))

    began = time.monotonic()
    asyncio.run(main())
    record_property("fault", f"read elsewhere at once: {pairs} pushes in {time.monotonic() - began:.0f} s")
