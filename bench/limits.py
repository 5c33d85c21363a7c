"""What the machine can do: the limits against which a push and a pull are read."""

import hashlib
import re
import shutil
import sqlite3
import subprocess
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from bench.content import MIB

_FILE = 256 * MIB


@dataclass(frozen=True, slots=True)
class Limit:
    """One figure of the machine itself."""

    title: str
    value: float
    unit: str


def measure(directory: Path, seconds: float) -> list[Limit]:
    """Every limit whose tool is there; each takes about `seconds`."""
    found = [
        _dd(directory, "conv=fsync"),
        _dd(directory, "conv=fsync", "oflag=direct"),
        _openssl(seconds),
        _hashlib(),
        _commits(directory, seconds),
    ]
    return [limit for limit in found if limit is not None]


def _dd(directory: Path, *options: str) -> Limit | None:
    """Sequential writing of 256 MiB with the fsync at its end; the median of three."""
    file = directory / "dd"
    command = ["dd", "if=/dev/zero", f"of={file}", "bs=1M", f"count={_FILE // MIB}", *options]
    taken = []
    for _ in range(3):
        began = time.perf_counter()
        done = subprocess.run(command, capture_output=True, check=False, timeout=300)
        taken.append(time.perf_counter() - began)
        file.unlink(missing_ok=True)
        if done.returncode:
            return None  # O_DIRECT is refused by tmpfs and some network file systems
    return Limit(f"dd {' '.join(options)}", _FILE / sorted(taken)[1] / 1e6, "MB/s")


def _openssl(seconds: float) -> Limit | None:
    if shutil.which("openssl") is None:
        return None
    whole = max(1, round(seconds))
    command = ["openssl", "speed", "-mr", "-seconds", str(whole), "-bytes", str(MIB), "-evp", "sha256"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    value = parse_speed(done.stdout)
    return Limit("openssl speed sha256", value / 1e6, "MB/s") if value else None


def parse_speed(text: str) -> float:
    """Bytes per second from `openssl speed -mr`, or 0.0."""
    found = re.search(r"^\+F:\d+:[\w-]+:([\d.]+)", text, re.MULTILINE)
    return float(found.group(1)) if found else 0.0


def _hashlib() -> Limit:
    block = bytes(MIB)
    began = time.perf_counter()
    hasher = hashlib.sha256()
    for _ in range(128):
        hasher.update(block)
    return Limit("hashlib sha256", 128 * MIB / (time.perf_counter() - began) / 1e6, "MB/s")


def _commits(directory: Path, seconds: float) -> Limit:
    """Durable commits of one 4 KiB row by one writer: SQLite, WAL, synchronous FULL."""
    file = directory / "commits.db"
    row = bytes(4096)
    with closing(sqlite3.connect(file, isolation_level=None)) as database:
        database.execute("pragma journal_mode = wal")
        database.execute("pragma synchronous = full")
        database.execute("create table row(bytes blob)")
        count = 0
        began = now = time.perf_counter()
        while now < began + seconds:
            database.execute("insert into row values (?)", (row,))
            count += 1
            now = time.perf_counter()
    for left in directory.glob("commits.db*"):
        left.unlink()
    return Limit("SQLite commits, WAL and FULL, one writer", count / (now - began), "/s")
