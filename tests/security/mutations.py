"""Removes one check of rights after another from a copy of the program, and asks the tests whether they notice.

    python -m tests.security.mutations [--only TEXT] [--list] [--jobs N]

A check is an `if` that raises a refusal, or a call of a function that does (`check_permit`, `require_...`, `prove`).
For each, the authorisation matrix is run against the program without it, then the tests of revocation and of the
room; a check that nobody misses is printed, and the program ends with 1. It takes some seconds a check.
"""

from __future__ import annotations

import argparse
import ast
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "holdfast"
ROOMS = ("access", "registry", "distribution/surface.py", "api/caller.py", "api/frame.py", "management", "console")
_REFUSALS = ("refuse", "Denied", "Unknown", "InsufficientScope", "Unauthenticated", "BlobsMissing", "StalePermit")
_CALLS = ("check_permit", "prove", "require_", "admit")
_NOT_RIGHTS = ("access/master", "access/keyring", "access/installation")
_SECONDS = 300


class Mutant(NamedTuple):
    """One check taken out: where it stood, what it said, and the file without it."""

    path: Path
    line: int
    said: str
    text: str

    @property
    def place(self) -> str:
        """`access/permits.py:36`."""
        return f"{self.path.relative_to(SOURCE)}:{self.line}"


def mutants() -> Iterator[Mutant]:
    """Every check of the rooms that decide or enforce."""
    for room in ROOMS:
        paths = [SOURCE / room] if room.endswith(".py") else sorted((SOURCE / room).rglob("*.py"))
        for path in paths:
            if not str(path.relative_to(SOURCE)).startswith(_NOT_RIGHTS):
                yield from _of(path)


def _of(path: Path) -> Iterator[Mutant]:
    text = path.read_text()
    lines = text.splitlines(keepends=True)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.If) and _refuses(node):
            said = ast.unparse(node.test)
            at = node.test
            assert at.end_lineno is not None
            assert at.end_col_offset is not None
            changed = list(lines)
            head = lines[at.lineno - 1].encode()[: at.col_offset].decode()
            tail = lines[at.end_lineno - 1].encode()[at.end_col_offset :].decode()
            changed[at.lineno - 1 : at.end_lineno] = [f"{head}False{tail}"]
            yield Mutant(path, node.lineno, f"if {said}", "".join(changed))
        elif isinstance(node, ast.Expr) and (called := _called(node.value)) is not None:
            assert node.end_lineno is not None
            indent = " " * node.col_offset
            changed = [*lines[: node.lineno - 1], f"{indent}pass\n", *lines[node.end_lineno :]]
            yield Mutant(path, node.lineno, called, "".join(changed))


def _refuses(node: ast.If) -> bool:
    return (
        len(node.body) == 1
        and isinstance(node.body[0], ast.Raise)
        and any(word in ast.unparse(node.body[0]) for word in _REFUSALS)
    )


def _called(value: ast.expr) -> str | None:
    call = value.value if isinstance(value, ast.Await) else value
    if not isinstance(call, ast.Call):
        return None
    name = ast.unparse(call.func).rpartition(".")[2].lstrip("_")
    return ast.unparse(call) if name.startswith(_CALLS) else None


def killers(mutant: Mutant) -> list[list[str]]:
    """The tests that should notice, the likeliest first."""
    place = str(mutant.path.relative_to(SOURCE))
    matrix, managing = "tests/security/test_matrix.py", "tests/security/test_matrix_management.py"
    surface = place.startswith(("registry", "distribution", "access/permits", "access/service"))
    first = [matrix, managing] if surface else [managing, matrix]
    room = "tests/" + "/".join(place.split("/")[:2]).removesuffix(".py")
    rest = ["tests/security/test_revocation.py"]
    for near in (room, f"tests/{place.split('/', maxsplit=1)[0]}"):
        if (ROOT / near).exists():
            rest.append(near)
            break
    return [[first[0]], [first[1]], *([each] for each in rest)]


def noticed_by(mutant: Mutant) -> str | None:
    """The tests that failed without the check, None when all were content."""
    with tempfile.TemporaryDirectory(prefix="holdfast-mutant-") as place:
        copy = Path(place) / "src" / "holdfast"
        shutil.copytree(SOURCE, copy, ignore=shutil.ignore_patterns("__pycache__"))
        (copy / mutant.path.relative_to(SOURCE)).write_text(mutant.text)
        for tests in killers(mutant):
            command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
            environment = {**os.environ, "PYTHONPATH": str(copy.parent), "PYTHONDONTWRITEBYTECODE": "1"}
            try:
                done = subprocess.run(
                    command, cwd=ROOT, env=environment, capture_output=True, timeout=_SECONDS, check=False
                )
            except subprocess.TimeoutExpired:
                return f"{tests[0]} (it hung)"
            if done.returncode == 1:
                return tests[0]
            if done.returncode not in (0, 5):
                return f"{tests[0]} (it did not start)"
    return None


def main() -> int:
    """Run all, or those whose place or text holds `--only`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--jobs", type=int, default=2)
    asked = parser.parse_args()
    chosen = [mutant for mutant in mutants() if asked.only in f"{mutant.place} {mutant.said}"]
    if asked.list:
        for mutant in chosen:
            print(f"{mutant.place}: {mutant.said}")
        return 0
    missed = 0
    with ThreadPoolExecutor(asked.jobs) as pool:
        for mutant, noticed in zip(chosen, pool.map(noticed_by, chosen), strict=True):
            print(f"{mutant.place}: {mutant.said[:100]}: {noticed or 'NOBODY NOTICED'}", flush=True)
            missed += noticed is None
    print(f"{len(chosen)} checks were removed, one at a time; {len(chosen) - missed} were missed at once")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
