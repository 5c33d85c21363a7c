"""Nodes whose clocks differ by minutes: one clock decides, that of the database.

The clocks are moved by libfaketime (Debian: faketime), in the node alone.
"""

from __future__ import annotations

import contextlib
import re
import time
import urllib.request
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest
from tests.cluster.nodes import Cluster, running_cluster
from tests.faults.load import pushers, wait_for
from tests.faults.oracle import check
from tests.pairs import Pair
from tests.wire.client import connected
from tests.wire.content import digest, image, noise
from tests.wire.repository import Repository

MINUTES = {1: 7, 2: -7}
"""By how much the clock of a node is wrong; that of node 0 is right."""
DATA = noise(3 << 20, "clocks")
CONFIG = noise(60, "clocks")


def library() -> str:
    """The library that moves a process's clock; skips the test when it is nowhere."""
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    if not found:
        pytest.skip("libfaketime is not on this machine: install the package faketime")
    return str(found[0])


@contextlib.contextmanager
def astray(place: Path) -> Iterator[Cluster]:
    """Three nodes, two of which have wrong clocks; content in clear, so that they sign URLs of it."""
    moved = {"LD_PRELOAD": library(), "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    with running_cluster(place, "--storage-redirect", "auto", pair=Pair.CLUSTER) as cluster:
        for number, minutes in MINUTES.items():
            node = cluster.nodes[number]
            node.stop()
            node.env = {**node.env, **moved, "FAKETIME": f"{minutes:+d}m"}
            node.start()
            off = clock_of(node.port) - time.time()
            assert abs(off - 60 * minutes) < 30, f"the clock of node {number} is {off:.0f} s off"
        yield cluster


def clock_of(port: int) -> float:
    """What a node takes for the time."""
    with connected(port) as connection:
        return parsedate_to_datetime(connection.ask("GET", "/v2/")["date"]).timestamp()


@pytest.mark.slow
def test_nodes_whose_clocks_are_wrong_work_together(tmp_path: Path) -> None:
    with astray(tmp_path) as cluster, contextlib.ExitStack() as stack:
        nodes = [Repository(stack.enter_context(connected(port)), "cluster/clocks") for port in cluster.ports]
        # An upload wanders from the clock that is ahead to the one that is behind, and back.
        location = nodes[1].session()
        step = len(DATA) // 6
        for turn, node in enumerate((nodes[2], nodes[1], nodes[0]) * 2):
            node.expect(202, "PATCH", location, DATA[turn * step : (turn + 1) * step])
        nodes[2].expect(201, "PUT", f"{location}?digest={digest(DATA)}")
        for number, node in enumerate(nodes):
            node.blob(CONFIG)
            node.manifest(image(CONFIG, [DATA], annotations={"node": str(number)}), "latest")
            for other in nodes:
                assert other.expect(200, "GET", "manifests/latest").json["annotations"] == {"node": str(number)}
                pulled(other, DATA)
        with pushers(cluster.ports, 3, seed=51) as threads:
            wait_for(threads, 150)
        for port in cluster.ports:
            assert check(port, [thread.ledger for thread in threads]) > 0
        seen = cluster.holdfast("nodes")
        assert len(re.findall(r"\bserve\b.*\balive$", seen, re.MULTILINE)) == len(nodes), seen
        assert "not alive" not in seen
        assert not cluster.trouble()


def pulled(node: Repository, data: bytes) -> None:
    """A node gives the blob, or the address where it is."""
    answer = node.connection.ask("GET", f"{node.path}/blobs/{digest(data)}")
    if answer.status == 307:
        with urllib.request.urlopen(answer["location"], timeout=30) as found:
            assert found.read() == data
    else:
        assert (answer.status, answer.body) == (200, data)
