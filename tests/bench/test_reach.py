"""The bench of reads by digest: that every read is answered rightly, and takes no more statements than promised."""

from __future__ import annotations

import asyncio
from pathlib import Path

from bench.reach import measure


def test_a_base_layer_takes_five_statements_at_most(tmp_path: Path) -> None:
    found = {read.title: read.statements for read in asyncio.run(measure(str(tmp_path / "holdfast.db"), 2000))}
    *bounded, unbounded = found.values()
    assert bounded[0] == 1
    assert max(bounded) <= 7, "the read itself, the window that holds there, and five"
    assert unbounded > 7, "very much is wanted, and very much else is above: all of it is walked"
