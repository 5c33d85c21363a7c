#!/usr/bin/env python3
"""Bring the third-party script of the console from npm, for wheels and for `make run`: `package-lock.json` says which.

Promises: standard library only; npm checks what it fetches against the integrity of the lock file, and what is laid
into the package is checked again against the digests below; files that are right are left alone, so a second run is a
matter of milliseconds; nothing is laid by halves. None of it is in git. Without it the console works, by whole pages.

Usage: `tools/vendor.py` brings it or fails; with `--or-say` it says what is missing instead, and succeeds.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
SECONDS = 120
NPM = ("ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1", "--fetch-timeout=30000")


class Vendored(NamedTuple):
    """A file of a package: where it is there, its name here, and its digest."""

    source: str
    name: str
    sha256: str


FILES = (
    Vendored(
        "htmx.org/dist/htmx.min.js",
        "htmx.min.js",
        "d6fdc75f204e6bdefa99b69bf1e6d4ac69b8a364f77929f45c13476b4000f717",
    ),
    Vendored("htmx.org/LICENSE", "htmx.LICENSE", "d3d2456f76414f2456104660ebd65aff1c04cd7966b942bdabd63f3cdb316a38"),
)


class Unavailable(Exception):
    """The files cannot be had here; the text says why, and what to do."""


def place(root: Path = ROOT) -> Path:
    """Where the files are laid."""
    return root / "src/holdfast/web/assets/vendor"


def is_here(root: Path = ROOT) -> bool:
    """Whether every file is there and right."""
    return all(_right(place(root) / each.name, each) for each in FILES)


def bring(root: Path = ROOT) -> bool:
    """Lay the files that are missing or wrong; returns whether there were any. Raises `Unavailable`."""
    if is_here(root):
        return False
    installed = root / "node_modules"
    if all(_right(installed / each.source, each) for each in FILES):
        _lay(installed, root)  # somebody ran `npm ci` already, as the Containerfile does
        return True
    npm = shutil.which("npm")
    if npm is None:
        raise Unavailable("there is no npm on this machine; install Node.js with npm (Debian: apt-get install npm)")
    with tempfile.TemporaryDirectory(prefix="holdfast-npm-") as scratch:
        for name in ("package.json", "package-lock.json"):
            shutil.copy2(root / name, scratch)
        _run([npm, *NPM], Path(scratch))
        _lay(Path(scratch) / "node_modules", root)
    return True


def _run(command: list[str], where: Path) -> None:
    try:
        done = subprocess.run(
            command, cwd=where, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"npm ci could not be run: {error}") from None
    if done.returncode:
        said = " / ".join(line.strip() for line in done.stderr.splitlines() if "error" in line.lower())[:500]
        raise Unavailable(f"npm ci failed: {said or done.returncode}; is the registry that npm is set to reachable?")


def _lay(packages: Path, root: Path) -> None:
    place(root).mkdir(parents=True, exist_ok=True)
    for each in FILES:
        source, target = packages / each.source, place(root) / each.name
        if not _right(source, each):
            raise Unavailable(f"{each.source} is not the file that is known here: tools/vendor.py has its digest")
        fresh = target.with_suffix(".new")
        shutil.copyfile(source, fresh)
        fresh.replace(target)


def _right(path: Path, wanted: Vendored) -> bool:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest() == wanted.sha256
    except OSError:
        return False


def main(*, or_say: bool) -> int:
    """Bring the files; the exit status."""
    try:
        if bring():
            print(f"brought {', '.join(each.name for each in FILES)} for the console")
    except Unavailable as why:
        print(f"The console works without its script for now: {why}.", file=sys.stderr)
        return 0 if or_say else 1
    return 0


if __name__ == "__main__":
    sys.exit(main(or_say="--or-say" in sys.argv[1:]))
