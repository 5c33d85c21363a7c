"""Power cuts on a real file system during concurrent pushes: every acknowledged push is there afterwards.

The data directory lies on an ext4 image whose power is cut by the EXT4_IOC_SHUTDOWN ioctl: what the kernel had not
written by then is gone, as with a real cut: twice, and among the slow tests HOLDFAST_POWER_CUTS times (default 6);
HOLDFAST_FAULT_SEED sets the randomness. `power cuts: N` stands in the summary.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.faults.client import Ledger
from tests.faults.load import pushers, wait_for
from tests.faults.oracle import check, verify
from tests.faults.volumes import Cut, volume
from tests.serving import pause, running_server

CUTS = int(os.environ.get("HOLDFAST_POWER_CUTS", "6"))
SEED = int(os.environ.get("HOLDFAST_FAULT_SEED", "1"))
_HOW = (Cut.NOLOGFLUSH, Cut.LOGFLUSH, Cut.NOLOGFLUSH, Cut.DEFAULT)
_PUSHERS = 4


@pytest.mark.parametrize("wanted", [pytest.param(2, id="few"), pytest.param(CUTS, id="many", marks=pytest.mark.slow)])
def test_acknowledged_pushes_survive_power_cuts(
    tmp_path: Path, wanted: int, record_property: Callable[[str, object], None]
) -> None:
    chance = random.Random(SEED)
    ledgers: list[Ledger] = []
    cuts = held = 0
    try:
        with (
            volume(tmp_path, tmp_path / "data", (1 + wanted // 10) << 30) as disk,
            running_server(tmp_path, "--open", "--storage-reserve", "0") as server,
        ):
            for number in range(wanted):
                with pushers(server.port, _PUSHERS, seed=SEED * 1000 + number) as threads:
                    wait_for(threads, chance.randrange(1, 400))
                    began = time.monotonic()
                    disk.cut_power(_HOW[number % len(_HOW)])
                    cuts += 1
                    # For a moment the server meets a dead disk.
                    pause(chance.random() / 5)
                    server.kill9()
                for thread in threads:
                    # A real cut ends the machine. Here an fsync that is under way while the file system goes down may
                    # return success and lie (the kernel finds its transaction ended, and does not ask how), so an
                    # answer that came after the cut began, which no client of a real machine gets, promises nothing.
                    thread.ledger.doubt(began)
                disk.restore_power()
                server.start()
                held += check(server.port, [thread.ledger for thread in threads])
                ledgers += [thread.ledger for thread in threads]
                verify(server.data, "--deep")
            check(server.port, ledgers)
    finally:
        record_property("fault", f"power cuts: {cuts}")
    record_property("fault", f"outcomes that held over power cuts: {held}")
    assert held > 0
