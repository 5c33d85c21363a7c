"""Answers that are lost: of the database after a commit or before it, of the store after an object was made."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from tests.registry.upload.nodes import PLACES, PUSH, SETTINGS, Cluster, Node, run

from holdfast.blobs import errors as blob_errors
from holdfast.db.errors import Unavailable
from holdfast.db.port import Unit
from holdfast.oci.digest import Digest
from holdfast.registry.errors import ContentUnavailable, UploadOutOfOrder
from holdfast.registry.sweep.litter import Litter

A, B, C = b"a" * 1000, b"b" * 70_000, b"c" * 500
WHOLE = A + B + C
DIGEST = Digest.of(WHOLE)


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class Losing:
    """While entered, every unit of `node` ends with an answer that is lost; `commits`: after it was committed."""

    def __init__(self, node: Node, *, commits: bool) -> None:
        self._db: Any = node.db
        self._commits = commits

    def __enter__(self) -> None:
        real = self._db.write

        async def write(work: Callable[[Unit], Awaitable[Any]], **options: bool) -> Any:
            if self._commits:
                await real(work, **options)
            raise Unavailable

        self._db.write = write

    def __exit__(self, *error: object) -> None:
        del self._db.write


async def litter_only(cluster: Cluster, node: Node, count: int) -> None:
    """There are so many objects without a row, and they go when they are old."""
    known, doomed = await cluster.known(node), await cluster.doomed(node)
    assert known <= await cluster.keys()
    assert len(await cluster.keys() - known - doomed) == count
    cluster.clock.now += SETTINGS.upload_expire + SETTINGS.grace + 1
    await node.sweep.run()
    swept = await Litter(node.db, node.objects.blobs, SETTINGS).run()
    assert swept.deleted == count
    assert await cluster.keys() == await cluster.known(node) | await cluster.doomed(node)


@pytest.mark.parametrize("commits", [True, False], ids=["committed", "not committed"])
def test_the_answer_to_a_chunk_is_lost(tmp_path: Path, place: str, commits: bool) -> None:
    async def scenario(cluster: Cluster) -> None:
        one, two = await cluster.node(), await cluster.node()
        token = await one.start()
        await one.append(token, A, 0)
        with Losing(one, commits=commits), pytest.raises(Unavailable):
            await one.append(token, B, len(A))
        if commits:
            with pytest.raises(UploadOutOfOrder) as refused:
                await two.append(token, B, len(A))
            assert refused.value.received == await two.status(token) == len(A + B)
        else:
            assert await two.append(token, B, len(A)) == len(A + B)
        await two.finish(token, DIGEST, C, len(A + B))
        assert await one.read(DIGEST) == WHOLE
        assert cluster.blobs.read_bytes <= len(WHOLE) + 3 * 16 + 16
        await litter_only(cluster, one, 0 if commits else 1)

    run(tmp_path, place, scenario)


@pytest.mark.parametrize("commits", [True, False], ids=["committed", "not committed"])
@pytest.mark.parametrize("rest", [C, b""], ids=["with the last chunk", "without"])
def test_the_answer_to_a_closing_request_is_lost(tmp_path: Path, place: str, commits: bool, rest: bytes) -> None:
    async def scenario(cluster: Cluster) -> None:
        one, two = await cluster.node(), await cluster.node()
        token = await one.start()
        await one.append(token, A)
        await one.append(token, B)
        if not rest:
            await one.append(token, C)
        with Losing(one, commits=commits), pytest.raises(Unavailable):
            await one.finish(token, DIGEST, rest)
        await two.finish(token, DIGEST, rest)
        await two.finish(token, DIGEST, b"")
        assert await one.read(DIGEST) == WHOLE
        await litter_only(cluster, one, 1 if rest and not commits else 0)

    run(tmp_path, place, scenario)


def test_the_answer_to_a_cancel_is_lost(tmp_path: Path, place: str) -> None:
    async def scenario(cluster: Cluster) -> None:
        one, two = await cluster.node(), await cluster.node()
        for commits in (True, False):
            token = await one.start()
            await one.append(token, A)
            with Losing(one, commits=commits), pytest.raises(Unavailable):
                await one.uploads.cancel(PUSH, token)
            if not commits:
                await two.uploads.cancel(PUSH, token)
        await two.sweep.run()
        assert await cluster.keys() == set()

    run(tmp_path, place, scenario)


def test_an_object_that_was_made_and_not_acknowledged_is_litter(tmp_path: Path) -> None:
    async def scenario(cluster: Cluster) -> None:
        node = await cluster.node()
        token = await node.start()
        await node.append(token, A)
        inner: Any = cluster.blobs.inner
        real = inner.create

        def create(*args: Any, **options: Any) -> Any:
            writer = real(*args, **options)
            finish = writer.finish

            async def lost() -> None:
                await finish()
                raise blob_errors.Unavailable

            writer.finish = lost
            return writer

        inner.create = create
        with pytest.raises(ContentUnavailable):
            await node.append(token, B)
        del inner.create
        assert await node.status(token) == len(A)
        await node.append(token, B)
        await node.finish(token, DIGEST, C)
        assert await node.read(DIGEST) == WHOLE
        await litter_only(cluster, node, 1)

    run(tmp_path, "memory", scenario)
