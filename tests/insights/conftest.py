"""The place in which tests of insights open their houses."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.registry.house import Place


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)
