"""The directory that backups of one installation go to: its layout, and what stands in it.

    DIR/store/                        every object that a backup here names; objects never change, so it only grows
    DIR/snapshots/20270131T120000Z/   one backup: holdfast.db (a SQLite file, whatever the engine) and backup.json

A snapshot is there when its backup.json is: it is written last. The master key is never here.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from holdfast.db.copies import sync

FORMAT = 1
_STAMP = re.compile(r"\d{8}T\d{6}Z(-\d+)?")
_BLOCK = 1 << 20


class BackupError(Exception):
    """A backup cannot be made or put back; the text says why and what to do."""


class Snapshot(NamedTuple):
    """One backup. Times in microseconds; `objects` and `bytes` (in clear): what it names; `damaged`: the digests that
    were missing or did not hash when it was made; `journal`: the last change that it knows."""

    name: str
    made_at: int
    installation: str
    program: str
    schema: int
    sha256: str
    repositories: int
    tags: int
    objects: int
    bytes: int
    damaged: tuple[str, ...]
    journal: int
    engine: str


class BackupDirectory:
    """Paths and snapshots below `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.store = str(root / "store")
        self._snapshots = root / "snapshots"

    def prepare(self) -> None:
        """Make the directory (0700). Raises `BackupError`."""
        try:
            self._snapshots.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.chmod(self.root, 0o700)
        except OSError as error:
            raise BackupError(f"{self.root} cannot be made: {error.strerror}") from error

    def snapshots(self) -> list[Snapshot]:
        """Every whole backup here, the oldest first. Raises `BackupError`."""
        if not self._snapshots.is_dir():
            raise BackupError(f"there is no backup in {self.root}")
        names = sorted(path.name for path in self._snapshots.iterdir() if _STAMP.fullmatch(path.name))
        return [self._read(name) for name in names if (self._snapshots / name / "backup.json").exists()]

    def find(self, name: str | None) -> Snapshot:
        """The backup called `name`, the newest without one. Raises `BackupError`."""
        found = self.snapshots()
        if name is None:
            if not found:
                raise BackupError(f"there is no backup in {self.root}")
            return found[-1]
        for each in found:
            if each.name == name:
                return each
        raise BackupError(f"{self.root} has no backup called {name[:64]}: {', '.join(each.name for each in found)}")

    def database(self, name: str) -> Path:
        """The copy of the database of a backup."""
        return self._snapshots / name / "holdfast.db"

    def begin(self, now: int) -> str:
        """Make room for a new backup; its name. What backups that did not end have left is removed."""
        for path in self._snapshots.iterdir():
            if _STAMP.fullmatch(path.name) and not (path / "backup.json").exists():
                shutil.rmtree(path)
        stamp = datetime.fromtimestamp(now // 1_000_000, UTC).strftime("%Y%m%dT%H%M%SZ")
        for number in range(1000):
            name = stamp if not number else f"{stamp}-{number}"
            try:
                (self._snapshots / name).mkdir(mode=0o700)
            except FileExistsError:
                continue
            sync(self._snapshots)
            return name
        raise BackupError("there is a backup of every name that this one could have")

    def finish(self, snapshot: Snapshot) -> None:
        """Say that the backup is whole, durably."""
        place = self._snapshots / snapshot.name
        text = json.dumps({"format": FORMAT, **snapshot._asdict()}, indent=2, sort_keys=True) + "\n"
        fresh = place / "backup.json.new"
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            os.write(descriptor, text.encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        fresh.rename(place / "backup.json")
        sync(place)

    def remove(self, name: str) -> None:
        """Remove a backup's database; objects that only it named stay until they are asked for (`prune`)."""
        place = self._snapshots / name
        (place / "backup.json").unlink(missing_ok=True)
        sync(place)
        shutil.rmtree(place)
        sync(self._snapshots)

    def _read(self, name: str) -> Snapshot:
        place = self._snapshots / name / "backup.json"
        try:
            found: Any = json.loads(place.read_text())
            if found.pop("format") != FORMAT:
                raise BackupError(f"{place} is of another program: use that one")
            found["damaged"] = tuple(found["damaged"])
            return Snapshot(**found)
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise BackupError(f"{place} cannot be read: it is no description of a backup") from error


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hex. Raises OSError."""
    running = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            running.update(block)
    return running.hexdigest()
