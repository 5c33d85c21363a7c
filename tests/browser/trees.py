"""What a screen reader finds on a page, kept as text beside the tests: the roles and names of everything in `main`.

A page that says something else is a change that somebody means; `HOLDFAST_WRITE_TREES=1` writes the files anew. What
differs from run to run is written as a sign: numbers as #, digests and ids as their kind, times as `ago`.
"""

from __future__ import annotations

import difflib
import os
import re
from pathlib import Path

from playwright.sync_api import Page
from tests.browser.page import settled

_KEPT = Path(__file__).parent / "trees"
_SIGNS = (
    (re.compile(r"127\.0\.0\.1:\d+"), "HOST"),
    (re.compile(r"\bsha(256|512)[:-][0-9a-f]{6,}"), "DIGEST"),
    (re.compile(r"\d{4}-\d\d-\d\d( \d\d:\d\d(:\d\d)?)?( UTC)?"), "DAY"),
    (re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z"), "DAY"),
    (re.compile(r"[0-9a-f]{8,}-[0-9a-f]+"), "ID"),
    (re.compile(r"(?:in )?\d+ (?:s|min|h|d|mo|y)\b(?: ago)?|\bnow\b"), "AGO"),
    (re.compile(r"[+\N{MINUS SIGN}]?\d[\d,]*(?:\.\d+)? (?:B|[KMGT]iB)\b"), "SIZE"),
    (re.compile(r"\d[\d,.]*"), "#"),
)
_BOUND = 300
_LONG = 160


def tree_of(page: Page) -> str:
    """The tree of a page's `main`, without what differs from run to run; rows that are the same but for that, once."""
    settled(page)
    found = page.locator("main").aria_snapshot()
    for pattern, sign in _SIGNS:
        found = pattern.sub(sign, found)
    lines: list[str] = []
    for line in found.splitlines():
        told = line.lstrip()
        if told.startswith("- /url") or (told.startswith("- option") and "[selected]" not in told):
            continue  # which kinds of jobs there were to choose from depends on what ran meanwhile
        kept = line if len(line) <= _LONG else f"{line[:_LONG]}..."
        if not lines or kept != lines[-1]:
            lines.append(kept)
    if len(lines) > _BOUND:
        lines = [*lines[:_BOUND], "..."]
    return "\n".join(lines) + "\n"


def same_tree(page: Page, name: str) -> None:
    """Fail with the difference unless the page's tree is the one that is kept under this name."""
    file, found = _KEPT / f"{name}.txt", tree_of(page)
    if os.environ.get("HOLDFAST_WRITE_TREES"):
        file.parent.mkdir(exist_ok=True)
        file.write_text(found, encoding="utf-8")
        return
    assert file.exists(), f"no tree is kept of {name}: HOLDFAST_WRITE_TREES=1 writes it"
    kept = file.read_text(encoding="utf-8")
    difference = "\n".join(
        difflib.unified_diff(kept.splitlines(), found.splitlines(), "kept", "found", lineterm="", n=2)
    )
    assert not difference, f"{name} is another page to a screen reader (HOLDFAST_WRITE_TREES=1 keeps it):\n{difference}"
