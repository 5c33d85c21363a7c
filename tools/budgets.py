"""Print the size of files and functions against the budgets of the house; fail where a hard limit is passed.

Budgets (docs: CONTRIBUTING.md): files median <= 120 lines, soft 300, hard 500; functions 95th percentile <= 45 lines,
hard 80. A file counts all of its lines; a function counts from `def` to its last line, nested ones also by themselves.
"""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent
TREES = ("src", "tests", "bench", "tools")
FILE_MEDIAN, FILE_SOFT, FILE_HARD = 120, 300, 500
FUNCTION_P95, FUNCTION_HARD = 45, 80


@dataclass(frozen=True, slots=True)
class Piece:
    """A file or a function, where it is, and its length in lines."""

    place: str
    lines: int


def files_of(tree: Path) -> list[Piece]:
    """Every Python file below `tree` that has something in it."""
    pieces = (Piece(str(path.relative_to(ROOT)), len(path.read_text().splitlines())) for path in _sources(tree))
    return [piece for piece in pieces if piece.lines]


def functions_of(tree: Path) -> list[Piece]:
    """Every function and method below `tree`."""
    return [piece for path in _sources(tree) for piece in _functions(path)]


def _sources(tree: Path) -> list[Path]:
    return sorted(tree.rglob("*.py"))


def _functions(path: Path) -> Iterator[Piece]:
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            yield Piece(f"{path.relative_to(ROOT)}:{node.lineno} {node.name}", lines)


def _percentile(pieces: list[Piece], share: float) -> int:
    lengths = sorted(piece.lines for piece in pieces)
    return lengths[min(len(lengths) - 1, int(len(lengths) * share))]


def _report(name: str, files: list[Piece], functions: list[Piece]) -> None:
    middle = int(median(piece.lines for piece in files))
    longest = max(files, key=lambda piece: piece.lines)
    soft = [piece for piece in files if piece.lines > FILE_SOFT]
    print(
        f"{name:<6} {len(files):>4} files      median {middle:>4} (<= {FILE_MEDIAN}){_mark(middle, FILE_MEDIAN)}"
        f"   longest {longest.lines:>4} (<= {FILE_HARD}) {longest.place}"
    )
    if functions:
        p95 = _percentile(functions, 0.95)
        worst = max(functions, key=lambda piece: piece.lines)
        print(
            f"       {len(functions):>4} functions  p95    {p95:>4} (<= {FUNCTION_P95}) {_mark(p95, FUNCTION_P95)}"
            f"   longest {worst.lines:>4} (<= {FUNCTION_HARD})  {worst.place}"
        )
    for piece in soft:
        print(f"       over the soft limit of {FILE_SOFT}: {piece.place} has {piece.lines} lines")


def _mark(value: int, budget: int) -> str:
    return " OVER" if value > budget else ""


def _too_long(pieces: list[Piece], limit: int) -> list[str]:
    return [f"{each.place} has {each.lines} lines, {limit} allowed" for each in pieces if each.lines > limit]


def main() -> int:
    """Print the report; 1 when a hard limit is passed."""
    broken: list[str] = []
    for name in TREES:
        files, functions = files_of(ROOT / name), functions_of(ROOT / name)
        if files:
            _report(name, files, functions)
        broken += _too_long(files, FILE_HARD) + _too_long(functions, FUNCTION_HARD)
    for line in broken:
        print(f"budget: {line}", file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
