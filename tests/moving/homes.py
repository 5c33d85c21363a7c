"""Houses that an installation lives in and moves to: files, or PostgreSQL and a bucket; and the mover as a process.

Promises: a house is empty when made; a server on it is a real process; the mover's output goes to files, it is ended
when the block is left.
"""

from __future__ import annotations

import contextlib
import json
import os
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests import warm
from tests.backends import database_url
from tests.object_servers import bucket
from tests.serving import Server, pause, running_server

SECONDS = 120.0


@dataclass(frozen=True)
class House:
    """A house: its directory, the environment that names the rest of it, and the flags that say how to move there."""

    root: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    there: Sequence[str] = ()

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def settings(self) -> dict[str, str]:
        """The environment of a process that works with it."""
        return {"HOLDFAST_DATA": str(self.data), **self.environment}


def files(root: Path, key: Path | None = None) -> House:
    """Files below `root`; with a `key`, encrypted."""
    sealed = {} if key is None else {"HOLDFAST_ENCRYPTION_KEY_FILE": str(key), "HOLDFAST_ENCRYPTION_CONTENT": "on"}
    return House(root, sealed, ("--to-data", str(root / "data")))


def cluster(root: Path, key: Path, *, sealed: bool = False) -> House:
    """PostgreSQL and a bucket of their own."""
    made = bucket()
    url = database_url()
    environment = {
        "HOLDFAST_DATABASE": url,
        "HOLDFAST_STORAGE": made.url,
        "HOLDFAST_ENCRYPTION_KEY_FILE": str(key),
        "HOLDFAST_ENCRYPTION_CONTENT": "on" if sealed else "off",
        # What clients read comes through the server, which is what is asked here.
        "HOLDFAST_STORAGE_REDIRECT": "off",
        **made.environment,
    }
    return House(root, environment, ("--to-database", url, "--to-storage", made.url))


def master_key(path: Path) -> Path:
    """A fresh master key file."""
    path.write_text(b64encode(os.urandom(32)).decode() + "\n")
    path.chmod(0o600)
    return path


@contextlib.contextmanager
def served(house: House, *flags: str) -> Iterator[Server]:
    """A server on the house."""
    house.root.mkdir(parents=True, exist_ok=True)
    with running_server(house.root, "--open", *flags, env=house.settings) as server:
        yield server


class Mover:
    """One run of `holdfast migrate-storage` from `old` to `new`."""

    def __init__(self, old: House, new: House, *flags: str) -> None:
        new.root.mkdir(parents=True, exist_ok=True)
        self._out, self._err = new.root / "mover.out", new.root / "mover.err"
        # Credentials of a bucket come from the environment, whichever house has it.
        environment = {**new.environment, **old.settings}
        given = {name: value for name, value in environment.items() if not name.startswith("HOLDFAST_")}
        key = new.environment.get("HOLDFAST_ENCRYPTION_KEY_FILE")
        words = [*new.there, *(["--to-encryption-key-file", key] if key is not None else []), *flags]
        for file in (self._out, self._err):
            file.write_bytes(b"")
        environment = {**without_settings(), **given, **old.settings}
        words = ["migrate-storage", "--json", *words]
        self.process = warm.begin(words, environment, new.root, self._out, self._err)

    def wait(self, status: int = 0) -> dict[str, Any]:
        """Wait for its end and give what it said."""
        assert self.process.wait(SECONDS) == status, f"{self.said}\n{self._out.read_text()}"
        assert "Traceback" not in self.said, self.said
        document: dict[str, Any] = json.loads(self._out.read_text())
        return document

    @property
    def said(self) -> str:
        """What it told on the way."""
        return self._err.read_text()

    def reaches(self, text: str) -> None:
        """Wait until it said this, or has ended."""
        for _ in range(int(SECONDS / 0.002)):
            if text in self.said or self.process.poll() is not None:
                return
            pause(0.002)
        raise AssertionError(f"the mover never said {text}: {self.said}")

    def kill(self) -> None:
        """End it at once, wherever it is."""
        self.process.kill()
        self.process.wait(SECONDS)


@contextlib.contextmanager
def moving(old: House, new: House, *flags: str) -> Iterator[Mover]:
    """A mover at work."""
    mover = Mover(old, new, *flags)
    try:
        yield mover
    finally:
        mover.kill()


def move(old: House, new: House, *flags: str, status: int = 0) -> dict[str, Any]:
    """Move, to the end, and give what was said."""
    with moving(old, new, *flags) as mover:
        return mover.wait(status)


def holdfast(house: House, *words: str, status: int = 0) -> str:
    """Run a verb on the house and give its output."""
    done = warm.run(words, {**without_settings(), **house.settings}, house.root, timeout=SECONDS)
    assert done.returncode == status, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def without_settings() -> dict[str, str]:
    """This process's environment, without settings of the program."""
    return {name: value for name, value in os.environ.items() if not name.startswith("HOLDFAST_")}
