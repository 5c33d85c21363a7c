"""Nodes that are replaced one by one under load: nothing that was acknowledged is lost, and nobody is told a 5xx but
503."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.cluster.nodes import balanced, running_cluster
from tests.faults.load import acknowledged, pushers, wait_for
from tests.faults.oracle import check

_PUSHERS = 4


@pytest.mark.slow
def test_nodes_restart_one_by_one_under_load(tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    with running_cluster(tmp_path / "nodes") as cluster, balanced(tmp_path / "front", cluster.ports) as front:
        # Half of the clients ask one node alone, half of them whichever haproxy picks.
        with pushers([front, cluster.ports[0], front, cluster.ports[1]], _PUSHERS, seed=31) as threads:
            for node in cluster.nodes:
                wait_for(threads, 60)
                node.stop()
                wait_for(threads, 60)
                node.start()
            cluster.worker.stop()
            cluster.worker.start()
            wait_for(threads, 100)
        ledgers = [thread.ledger for thread in threads]
        told, interruptions = acknowledged(threads), sum(thread.interruptions for thread in threads)
        assert check(cluster.ports[0], ledgers) > 0
        assert not cluster.trouble()
        record_property("fault", f"a rolling restart: {told} requests acknowledged, {interruptions} told to come again")
