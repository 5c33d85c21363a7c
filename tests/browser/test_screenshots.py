"""The pictures of the README: they can be taken anew at any time, and the README shows those that are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.browser.page import chromium
from tests.browser.screenshots import PICTURES, PLACE, take

ROOT = Path(__file__).resolve().parents[2]
LARGEST = 300_000
"""Bytes of a picture: the README is read over slow lines, too."""


@pytest.mark.walk
def test_they_can_be_taken(tmp_path: Path) -> None:
    taken = take(tmp_path, chromium())
    assert [path.stem for path in taken] == [each.name for each in PICTURES]
    for path in taken:
        assert path.read_bytes().startswith(b"\x89PNG")
        assert path.stat().st_size <= LARGEST


def test_the_readme_shows_what_is_there() -> None:
    shown = set(re.findall(r"docs/screenshots/([a-z-]+)\.png", (ROOT / "README.md").read_text()))
    there = {path.stem for path in PLACE.glob("*.png")}
    assert shown <= there
    assert there == {each.name for each in PICTURES}
