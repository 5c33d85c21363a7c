"""Nodes that die at random and a node without a disk: the others go on, and nothing that was acknowledged is lost.

HOLDFAST_KILL_ROUNDS sets how often (default 9; a fourth of them here, two nodes each time), HOLDFAST_FAULT_SEED the
randomness.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.cluster.nodes import running_cluster
from tests.faults.client import Caller, Ledger, Pushing, content, manifest_of
from tests.faults.load import acknowledged, pushers, wait_for
from tests.faults.oracle import check, verify
from tests.faults.volumes import volume

ROUNDS = max(int(os.environ.get("HOLDFAST_KILL_ROUNDS", "9")) // 4, 1)
SEED = int(os.environ.get("HOLDFAST_FAULT_SEED", "1"))
_PUSHERS = 5
_ROOM = 4 << 20


@pytest.mark.parametrize(
    "rounds", [pytest.param(1, id="once"), pytest.param(ROUNDS, id="often", marks=pytest.mark.slow)]
)
def test_nodes_and_the_worker_are_killed_at_random(
    tmp_path: Path, rounds: int, record_property: Callable[[str, object], None]
) -> None:
    chance = random.Random(SEED)
    held = told = 0
    with running_cluster(tmp_path, env={"HOLDFAST_COLLECT_GRACE": "1s"}) as cluster:
        for number in range(rounds):
            with pushers(cluster.ports, _PUSHERS, seed=SEED * 1000 + number) as threads:
                for node in chance.sample(cluster.nodes, 2):
                    wait_for(threads, chance.randrange(20, 120))
                    node.kill9()
                    cluster.worker.kill9()
                    wait_for(threads, 20)  # by the other nodes
                    node.start()
                    cluster.worker.start()
                wait_for(threads, 40)
            ledgers = [thread.ledger for thread in threads]
            told += acknowledged(threads)
            held += check(chance.choice(cluster.ports), ledgers)
        assert not cluster.trouble()
        verify(cluster.nodes[0].data, "--deep", env=cluster.env)
    record_property("fault", f"nodes killed: {2 * rounds} times, {told} requests acknowledged, {held} outcomes held")
    assert held > 0


def test_a_node_needs_no_disk(tmp_path: Path) -> None:
    """Its directory and its temporary files are on a disk that is full to the last block."""
    with (
        volume(tmp_path, tmp_path / "full", _ROOM) as disk,
        running_cluster(tmp_path / "nodes", count=2) as cluster,
    ):
        node = cluster.nodes[1]
        node.stop()
        node.data = disk.root / "data"
        node.env = {**node.env, "TMPDIR": str(disk.root)}
        disk.fill()
        node.start()
        ledger = Ledger()
        with Caller(node.port) as caller:
            pushing = Pushing(caller, ledger)
            config, layer = content(1, 900), content(2, _ROOM)
            pushing.post("full/disk", config)
            pushing.chunks("full/disk", layer)
            pushing.patch("full/disk", content(3, _ROOM))
            pushing.put("full/disk", content(4, 200_000))
            pushing.manifest("full/disk", manifest_of(config, [layer], 1), "latest")
        for port in cluster.ports:
            assert check(port, [ledger]) > 0
        verify(cluster.nodes[0].data, "--deep", env=cluster.env)
        node.stop()
