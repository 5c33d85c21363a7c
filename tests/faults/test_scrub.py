"""Bytes that rot on the disk of a running server: the scrub finds exactly them, and a push heals them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.clients import images
from tests.clients.wire import Wire
from tests.management.api import Asker
from tests.pairs import Pair
from tests.serving import Credentials, Server, running_server

from holdfast.app.datadir import DataDirectory
from holdfast.db.query import Command
from holdfast.db.sqlite import SqliteDatabase
from holdfast.jobs.model import JobState, NewJob
from holdfast.jobs.service import Jobs, enqueue

PASSWORD = "Rotten-Password-4711"
PATIENCE = 60.0
TYPE = "application/octet-stream"
AGAIN = Command("update scrub set began_at = 0, ended_at = 0 where ended_at is not null")


@pytest.fixture(params=[Pair.EMBEDDED, Pair.SEALED], ids=str)
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    env = {"HOLDFAST_ADMIN_PASSWORD": PASSWORD, "HOLDFAST_SCRUB_RATE": "1GiB"}
    with running_server(tmp_path, env=env, pair=request.param) as running:
        running.known_admin = Credentials("admin", PASSWORD)
        yield running


def scrub(server: Server) -> None:
    """A whole round, by the server's own worker."""

    async def ask() -> None:
        db = SqliteDatabase(DataDirectory(server.data).database)
        try:
            await db.write(lambda unit: unit.run(AGAIN))
            id = await db.write(lambda unit: enqueue(unit, NewJob("scrub")))
            assert id is not None
            ends = time.monotonic() + PATIENCE
            while (await Jobs(db).show(id)).state not in (JobState.DONE, JobState.FAILED):
                assert time.monotonic() < ends
                await asyncio.sleep(0.05)
            assert (await Jobs(db).show(id)).state is JobState.DONE
        finally:
            await db.close()

    asyncio.run(ask())


def test_what_rots_is_found_and_healed(server: Server) -> None:
    wire, admin = Wire(server), Asker.named(server, "admin", PASSWORD)
    layers = [images.Blob(TYPE, bytes([number]) * (40_000 + number)) for number in range(6)]
    for layer in layers:
        wire.push_blob("rotting/app", layer)
    scrub(server)
    assert admin.do(200, "GET", "/damage")["items"] == []
    files = sorted((path for path in Path(DataDirectory(server.data).store).rglob("*") if path.is_file()), key=str)
    rotten = [path for path in files if path.stat().st_size in sizes(layers[1]) | sizes(layers[4])]
    assert len(rotten) == 2
    for path in rotten:
        data = bytearray(path.read_bytes())
        data[20_000] ^= 0x10
        path.chmod(0o600)
        path.write_bytes(data)
    scrub(server)
    found = admin.do(200, "GET", "/damage")["items"]
    assert {each["digest"] for each in found} == {layers[1].digest, layers[4].digest}
    assert all(each["repositories"] == ["rotting/app"] for each in found)
    assert admin.do(200, "GET", "/storage")["scrub"]["damaged"] == 2
    wire.expect(404, "GET", f"/v2/rotting/app/blobs/{layers[1].digest}")
    for layer in layers:
        wire.push_blob("rotting/app", layer)
    assert admin.do(200, "GET", "/damage")["items"] == []
    answer = wire.expect(200, "GET", f"/v2/rotting/app/blobs/{layers[1].digest}")
    assert answer.body == layers[1].data
    scrub(server)
    assert admin.do(200, "GET", "/damage")["items"] == []
    admin.close()


def sizes(layer: images.Blob) -> set[int]:
    """How long its file is, in clear or in one sealed frame."""
    return {len(layer.data), len(layer.data) + 16}
