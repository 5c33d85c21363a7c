"""The bench of retention: that it measures what it says."""

from __future__ import annotations

import asyncio
from pathlib import Path

from bench.retention import measure


def test_all_but_the_newest_would_go(tmp_path: Path) -> None:
    found = asyncio.run(measure(str(tmp_path / "holdfast.db"), 2000))
    assert (found.tags, found.drops) == (2000, 1900)
    assert found.rate > 0
