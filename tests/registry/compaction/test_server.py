"""Compaction as users meet it: a server on PostgreSQL and a bucket, a layer in many requests, and its own worker."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.backends import until
from tests.databases import Tables
from tests.faults.client import Caller, Ledger, Pushing, content
from tests.pairs import Pair
from tests.serving import running_server

REPO = "team/layers"
LAYER = content(7, 900_000)


@pytest.mark.parametrize("pair", [Pair.CLUSTER, Pair.SEALED])
def test_a_layer_of_many_chunks_becomes_one_object(tmp_path: Path, pair: Pair) -> None:
    with running_server(tmp_path, "--open", "--collect-grace", "0s", pair=pair) as server:
        tables = Tables(server.env.get("HOLDFAST_DATABASE", str(server.data / "holdfast.db")))
        try:
            with Caller(server.port) as caller:
                digest = Pushing(caller, Ledger()).chunks(REPO, LAYER)
                until(lambda: tables.sql("select count(*) from segment") == [0], "compaction")
                assert tables.sql("select count(*) from content where key is not null") == [1]
                answer = caller.ask("GET", f"/v2/{REPO}/blobs/{digest}")
                assert (answer.status, answer.body) == (200, LAYER)
            until(lambda: tables.sql("select state from job where kind = 'compact'") == [2], "the end of the job")
        finally:
            tables.close()
