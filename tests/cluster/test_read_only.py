"""`holdfast read-only on`: from the moment it returns no node takes a write, and every node says why."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.cluster.nodes import Cluster, running_cluster
from tests.faults.load import acknowledged, pushers, wait_for
from tests.faults.oracle import check
from tests.wire.client import Answer, connected
from tests.wire.content import OCI_MANIFEST, digest, image, noise
from tests.wire.repository import Repository

REASON = "moving house until 18:00"
CONFIG = noise(60, "read-only")
LAYER = noise(200_000, "read-only")


def writes(repository: Repository, location: str) -> list[Answer]:
    """One of every kind of write."""
    ask, path = repository.connection.ask, repository.path
    kind = {"Content-Type": OCI_MANIFEST}
    return [
        ask("POST", f"{path}/blobs/uploads/?digest={digest(b'new')}", b"new"),
        ask("POST", f"{path}/blobs/uploads/?digest={digest(LAYER + b'.')}", LAYER + b"."),
        ask("POST", f"{path}/blobs/uploads/?mount={digest(LAYER)}&from={repository.name}"),
        ask("PATCH", location, LAYER[1000:]),
        ask("PUT", f"{location}?digest={digest(LAYER)}", LAYER[1000:]),
        ask("DELETE", location),
        ask("PUT", f"{path}/manifests/v2", image(CONFIG), kind),
        ask("DELETE", f"{path}/manifests/v1"),
        ask("DELETE", f"{path}/blobs/{digest(LAYER)}"),
    ]


def test_every_node_refuses_and_says_why(cluster: Cluster) -> None:
    first = cluster.ports[0]
    with connected(first) as connection:
        repository = Repository(connection, "cluster/read-only")
        repository.blob(CONFIG)
        repository.blob(LAYER)
        repository.manifest(image(CONFIG, [LAYER]), "v1")
        location = repository.begun(LAYER[:1000])
    try:
        cluster.holdfast("read-only", "on", "--reason", REASON)
        for port in cluster.ports:
            with connected(port) as connection:
                repository = Repository(connection, "cluster/read-only")
                for answer in writes(repository, location):
                    assert answer.status == 503, str(answer)
                    assert REASON in answer.json["errors"][0]["message"]
                    assert int(answer["retry-after"]) > 0
                assert repository.expect(200, "GET", "manifests/v1").body == image(CONFIG, [LAYER])
                assert repository.expect(200, "GET", f"blobs/{digest(LAYER)}").body == LAYER
                assert repository.expect(204, "GET", location)["range"] == "0-999"
        assert json.loads(cluster.holdfast("nodes", "--json"))["read_only"]
    finally:
        cluster.holdfast("read-only", "off")
    for port in cluster.ports:
        with connected(port) as connection:
            repository = Repository(connection, "cluster/read-only")
            repository.manifest(image(CONFIG, annotations={"port": str(port)}), "v2")
    with connected(first) as connection:
        repository = Repository(connection, "cluster/read-only")
        repository.expect(201, "PUT", f"{location}?digest={digest(LAYER)}", LAYER[1000:])


@pytest.mark.slow
def test_nothing_is_written_once_the_switch_has_returned(tmp_path: Path) -> None:
    with running_cluster(tmp_path) as cluster:
        with pushers(cluster.ports, 4, seed=77) as threads:
            wait_for(threads, 60)
            cluster.holdfast("read-only", "on", "--reason", REASON)
            # What was committed before is still being answered; each thread has one request at most.
            told = acknowledged(threads)
            refused = sum(thread.interruptions for thread in threads)
            for _ in range(2000):
                if sum(thread.interruptions for thread in threads) >= refused + 100:
                    break
                threads[0].join(0.01)
            assert acknowledged(threads) <= told + len(threads)
            cluster.holdfast("read-only", "off")
            wait_for(threads, 60)
        for port in cluster.ports:
            assert check(port, [thread.ledger for thread in threads]) > 0
        assert not cluster.trouble()
