"""Verify looks into encrypted content, of one object and of several, and into nothing without the key."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests import warm
from tests.databases import Tables
from tests.faults.client import Caller, Ledger, Pushing, content, manifest_of
from tests.pairs import Pair
from tests.serving import Server, running_server

REPO = "verify/encrypted"
SMALL, LARGE, CHUNKED = content(1, 900), content(2, 200_000), content(3, 700_000)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with running_server(tmp_path, "--open", "--no-jobs", pair=Pair.SEALED) as running:
        push(running)
        yield running


def push(server: Server) -> dict[str, str]:
    """An image with a small config and a layer, and a layer that came in chunks; returns digests by name."""
    with Caller(server.port) as caller:
        pushing = Pushing(caller, Ledger())
        pushing.put(REPO, SMALL)
        pushing.put(REPO, LARGE)
        pushing.chunks(REPO, CHUNKED)
        document = manifest_of(SMALL, [LARGE, CHUNKED], 4)
        return {"manifest": pushing.manifest(REPO, document, "v1")}


def verify(server: Server, *flags: str, status: int = 0) -> dict[str, Any]:
    words = ["verify", "--json", "--data", str(server.data), *flags]
    done = warm.run(words, {**os.environ, **server.env}, timeout=120)
    assert done.returncode == status, done.stdout + done.stderr
    said: dict[str, Any] = json.loads(done.stdout) if status < 2 else {"error": done.stderr}
    return said


def damages(said: dict[str, Any]) -> set[str]:
    return {finding["class"] for finding in said["findings"]}


@pytest.fixture
def tables(server: Server) -> Iterator[Tables]:
    found = Tables(str(server.data / "holdfast.db"))
    yield found
    found.close()


def test_what_is_whole_is_clean(server: Server, tables: Tables) -> None:
    assert tables.sql("select count(*) from segment")[0] > 1, "a layer of several objects is among it"
    for flags in ((), ("--deep",), ("--deep", "--repair")):
        said = verify(server, *flags)
        assert said["clean"] is True
        assert said["checked"]["manifests"] == 1


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ("update body set bytes = (select bytes from body order by content_id limit 1)", "inline-corrupt"),
        ("update content set wrapped_key = (select wrapped_key from content order by id limit 1)", "object-corrupt"),
    ],
)
def test_what_was_exchanged_is_found_and_marked(server: Server, tables: Tables, change: str, found: str) -> None:
    tables.sql(change)
    assert found in damages(verify(server, status=1))
    assert "content-damaged" in damages(verify(server, "--repair", status=1)), "until it is pushed again"
    with Caller(server.port) as caller:
        assert caller.ask("GET", f"/v2/{REPO}/manifests/v1").status == 404
    push(server)
    assert verify(server, "--deep")["clean"] is True


@pytest.mark.parametrize("which", [0, -1])
def test_damage_in_an_object_or_a_segment_is_found(server: Server, which: int) -> None:
    paths = sorted((server.data / "store" / "objects").rglob("*-*"), key=lambda path: path.stat().st_size)
    path = paths[which]
    data = bytearray(path.read_bytes())
    data[20] ^= 1
    path.write_bytes(data)
    assert verify(server)["clean"] is True, "only reading tells"
    assert damages(verify(server, "--deep", status=1)) == {"object-corrupt"}
    path.write_bytes(data[:-30])
    assert damages(verify(server, status=1)) == {"object-short"}
    path.unlink()
    assert damages(verify(server, status=1)) == {"object-missing"}


def test_what_an_older_content_key_encrypts_is_counted(server: Server, tables: Tables) -> None:
    (before,) = tables.sql("select wrapped_key from content order by id limit 1")
    warm.run(["rotate-keys", "--data", str(server.data)], {**os.environ, **server.env}).check_returncode()
    assert verify(server)["notes"] == []
    tables.sql("update content set wrapped_key = ? where id = (select min(id) from content)", before)
    said = verify(server, "--deep")
    assert said["clean"] is True
    assert said["notes"] == [
        "1 pieces of content are encrypted by older content keys (`holdfast rotate-keys --status`)"
    ]
    with Caller(server.port) as caller:
        assert caller.ask("GET", f"/v2/{REPO}/manifests/v1").status == 200


def test_without_the_key_nothing_is_judged(server: Server) -> None:
    key = server.data / "master.key"
    right = key.read_text()
    key.write_text("A" * 43 + "=\n")
    assert "the master key does not open" in verify(server, "--repair", status=2)["error"]
    key.write_text(right)
    assert verify(server)["clean"] is True
