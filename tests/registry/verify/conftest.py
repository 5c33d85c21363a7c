"""One data directory is laid for all tests; each works on a copy of its own."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.registry.verify.site import Site, lay


@pytest.fixture(scope="session")
def laid(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return lay(tmp_path_factory.mktemp("laid") / "data")


@pytest.fixture
def site(laid: Site, tmp_path: Path) -> Site:
    shutil.copytree(laid.data, tmp_path / "data")
    return Site(tmp_path / "data")
