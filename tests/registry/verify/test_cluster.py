"""`holdfast verify` on PostgreSQL and a bucket, in clear and encrypted, beside the server that uses them."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests import warm
from tests.backends import database_url
from tests.databases import Tables
from tests.faults.client import Caller, Ledger, Pushing, content, manifest_of
from tests.object_servers import bucket
from tests.pairs import Pair
from tests.serving import Server, running_server

REPO = "verify/cluster"
SMALL, LARGE, CHUNKED = content(1, 900), content(2, 200_000), content(3, 700_000)


@pytest.fixture(params=[Pair.CLUSTER, Pair.SEALED_CLUSTER])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    with running_server(tmp_path, "--open", "--no-jobs", pair=request.param) as running:
        push(running)
        yield running


def push(server: Server) -> None:
    """An image with a small config and a layer, and a layer that came in chunks; and a session that goes on."""
    with Caller(server.port) as caller:
        pushing = Pushing(caller, Ledger())
        pushing.put(REPO, SMALL)
        pushing.put(REPO, LARGE)
        pushing.chunks(REPO, CHUNKED)
        pushing.manifest(REPO, manifest_of(SMALL, [LARGE, CHUNKED], 4), "v1")


def holdfast(*words: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return warm.run(words, {**os.environ, **env}, timeout=120)


def verify(server: Server, *flags: str, status: int = 0) -> dict[str, Any]:
    done = holdfast("verify", "--json", "--data", str(server.data), *flags, env=dict(server.env))
    assert done.returncode == status, done.stdout + done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def damages(said: dict[str, Any]) -> set[str]:
    return {finding["class"] for finding in said["findings"]}


def test_damage_is_found_repaired_and_healed(server: Server) -> None:
    said = verify(server, "--deep")
    assert (said["total"], said["checked"]["tags"]) == (0, 1)
    assert said["notes"] == ["the files of PostgreSQL were not examined: that is for pg_amcheck"]
    tables = Tables(server.env["HOLDFAST_DATABASE"])
    try:
        tables.sql("update segment set size = size + 1 where n = 0")
        tables.sql("delete from tag_event")
        assert damages(verify(server, status=1)) == {"object-short", "tag-history"}
        assert verify(server, "--repair", status=1)["classes"]["tag-history"]["repaired"] == 1
    finally:
        tables.close()
    push(server)
    assert verify(server, "--deep")["clean"]


def test_a_database_and_a_bucket_that_do_not_belong_together_are_not_looked_at(server: Server) -> None:
    other = bucket()
    env = {**server.env, **other.environment}
    done = holdfast("verify", "--storage", other.url, "--data", str(server.data), env=env)
    assert done.returncode == 2
    assert "not there" in done.stderr
    assert not list((other.directory or Path()).rglob("holdfast-store")), "nor was the bucket marked"
    done = holdfast("verify", "--database", database_url(), "--data", str(server.data), env=dict(server.env))
    assert done.returncode == 2
    assert "holds no registry yet" in done.stderr
