"""Markdown as the tests of the documents read it: tables, fenced blocks, headings and links.

Knows what these pages use and no more: pipe tables without escaped pipes, fences of three backticks, `#` headings. A
fenced block under a comment `<!-- run: PROGRAM ... -->` is a session that the tests run, with those programs needed.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
HOW_TO = DOCS / "how-to"
REFERENCE = DOCS / "reference"

_RUN = re.compile(r"<!-- run:([a-z0-9 -]*)-->")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"`([^`]+)`")


class Block(NamedTuple):
    """A fenced block. `programs`: what it needs to be run, None when it is not to be run."""

    page: Path
    line: int
    language: str
    text: str
    programs: tuple[str, ...] | None

    @property
    def commands(self) -> list[str]:
        """Its lines, continued ones joined, without blank ones and comments."""
        lines = self.text.replace("\\\n", " ").splitlines()
        return [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]


def pages() -> list[Path]:
    """Every document of the project."""
    return sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])


def table(page: Path, header: str) -> list[dict[str, str]]:
    """The rows of all tables of a page whose first column is called `header`, as cells by column."""
    rows: list[dict[str, str]] = []
    columns: list[str] = []
    for line in page.read_text(encoding="utf-8").splitlines():
        if not line.startswith("|"):
            columns = []
        elif not columns:
            columns = _cells(line)
        elif columns[0] == header and not line.startswith("| ---"):
            cells = _cells(line)
            assert len(cells) == len(columns), f"{page.name}: {line}"
            rows.append(dict(zip(columns, cells, strict=True)))
    assert rows, f"{page.name} has no table with the column {header}"
    return rows


def section(page: Path, title: str) -> str:
    """The text below the heading `## TITLE`, up to the next one."""
    found = re.search(
        rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    assert found is not None, f"{page.name} has no section {title}"
    return found[1]


def code(text: str) -> list[str]:
    """What stands between backticks."""
    return _CODE.findall(text)


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page."""
    found: list[Block] = []
    lines = page.read_text(encoding="utf-8").splitlines()
    start: int | None = None
    for number, line in enumerate(lines):
        if not line.startswith("```"):
            continue
        if start is None:
            start = number
            continue
        marker = _RUN.fullmatch(lines[start - 1].strip()) if start else None
        programs = tuple(marker[1].split()) if marker else None
        text = "\n".join(lines[start + 1 : number]) + "\n"
        found.append(Block(page, start + 1, lines[start].removeprefix("```"), text, programs))
        start = None
    assert start is None, f"{page.name}: a block is not closed"
    return found


def prose(page: Path) -> str:
    """A page without its fenced blocks."""
    return re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def links(page: Path) -> list[str]:
    """Where the links of a page lead, as written."""
    return _LINK.findall(re.sub(r"`[^`]*`", "", prose(page)))


def anchors(page: Path) -> set[str]:
    """The anchors that the headings of a page give, as the common renderers make them."""
    titles = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]
