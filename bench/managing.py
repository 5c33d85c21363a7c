"""What managing images costs, and how it grows: `python -m bench.managing`, which is a part of `make bench`.

One after the other: collection, history and rollback, retention, finding, pages; their tables go on one page, and how
each cost grows into one picture.
"""

import argparse
import contextlib
import io
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from bench import collect, history, pages, retention, search
from bench.curves import draw

_ROOT = Path(__file__).resolve().parent.parent
_RESULTS = _ROOT / "bench" / "results"
_REFERENCE = _ROOT / "docs" / "reference"
_NAME = "performance-managing"
_NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")


class Part(NamedTuple):
    """One bench: its heading, its program, and the arguments of a quick run."""

    title: str
    run: Callable[[Sequence[str]], int]
    quick: tuple[str, ...]


PARTS = (
    Part("Collection", collect.main, ("--quick",)),
    Part("History and rollback", history.main, ("--most", "10000")),
    Part("Retention", retention.main, ("--tags", "1000", "--tags", "10000")),
    Part("Tags, details and search", search.main, ("--tags", "10000")),
    Part("Pages of the console", pages.main, ("--tags", "10000", "--rounds", "5")),
)
Points = dict[str, list[tuple[float, float]]]


def tables(text: str) -> list[list[list[str]]]:
    """The Markdown tables of a text: rows of cells, the heading first."""
    found: list[list[list[str]]] = []
    inside = False
    for line in text.splitlines():
        if not line.startswith("|"):
            inside = False
            continue
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not inside:
            found.append([])
        inside = True
        if not all(set(cell) <= set("-:") for cell in cells):
            found[-1].append(cells)
    return found


def growth(title: str, table: list[list[str]]) -> Points:
    """The points of a table that shows a time by a size: in its first column, in the words of its rows, or in the
    heading of its columns; none where it shows none."""
    head, *rows = table
    found: Points = {}
    sized = [(n, _number(cell)) for n, cell in enumerate(head) if cell.startswith("ms, ")]
    if sized:
        for row in rows:
            found[row[0]] = [(size, _number(row[n])) for n, size in sized]
    elif head == ["what", "ms"]:
        for what, took in rows:
            if _NUMBER.search(what):
                found.setdefault(re.sub(r"\s+", " ", _NUMBER.sub("", what)).strip(" ,"), []).append(
                    (_number(what), _number(took))
                )
    else:
        seconds = next((n for n, cell in enumerate(head) if cell == "seconds" or cell.endswith(", s")), None)
        if seconds is not None:
            found[title] = [(_number(row[0]), 1000 * _number(row[seconds])) for row in rows]
    return {name: points for name, points in found.items() if len(points) > 1}


def _number(text: str) -> float:
    found = _NUMBER.search(text)
    if found is None:
        raise RuntimeError(f"no number in {text!r}")
    return max(float(found.group().replace(",", "")), 0.001)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all, print, and write the page and the picture; 1 when one of them failed."""
    parser = argparse.ArgumentParser(prog="python -m bench.managing", description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="small sizes")
    parser.add_argument("--publish", action="store_true", help=f"write docs/reference/{_NAME}.md and its picture")
    given = parser.parse_args(arguments)
    sections = [
        "# What managing images costs",
        "Made by `python -m bench.managing`; see [performance](performance.md#what-managing-costs).",
        f"![How each cost grows]({_NAME}.svg)",
    ]
    curves: Points = {}
    for part in PARTS:
        print(f"{part.title} ...", flush=True)
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            if part.run(part.quick if given.quick else ()):
                return 1
        text = said.getvalue().strip()
        print(f"\n{text}\n", flush=True)
        sections += [f"## {part.title}", text]
        for table in tables(text):
            curves.update(growth(part.title, table))
    _RESULTS.mkdir(parents=True, exist_ok=True)
    for place in (_RESULTS, *([_REFERENCE] if given.publish else [])):
        (place / f"{_NAME}.md").write_text("\n\n".join(sections) + "\n")
        (place / f"{_NAME}.svg").write_text(draw(curves, "How costs grow with size, milliseconds"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
