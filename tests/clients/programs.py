"""The real clients on this machine, each run with a state of its own.

Promises: a client's home, credentials and caches live in one private directory and die with the test; nothing of the
developer's own configuration is read; a client that is missing skips the test with the way to get it; a client that
fails raises with everything it said.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from base64 import b64encode
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import pytest
from tests.serving import Credentials

ROOT = Path(__file__).resolve().parents[2]
INSTALLED = (ROOT / ".tools" / "bin",)
UNSTABLE = tuple(ROOT / ".tools" / "sid" / part for part in ("usr/bin", "usr/sbin", "usr/libexec/docker/cli-plugins"))
SYSTEM = tuple(Path(part) for part in ("/usr/sbin", "/usr/bin", "/sbin", "/bin"))
SECONDS = 120.0


def find(name: str, *places: Path) -> Path:
    """Give the program's path from these directories, else from PATH; skip the test when it is nowhere."""
    for place in places:
        if (place / name).exists():
            return place / name
    found = None if places == SYSTEM else shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not on this machine: run `make tools`")
    return Path(found)


@dataclass(frozen=True, slots=True)
class Finished:
    """What a client said and how it ended."""

    command: str
    status: int
    out: str
    err: str

    @property
    def said(self) -> str:
        """Give both streams."""
        return self.out + self.err

    @property
    def lines(self) -> list[str]:
        """Give the lines of standard output that are not empty."""
        return [line.strip() for line in self.out.splitlines() if line.strip()]


@dataclass(slots=True)
class Client:
    """One program with arguments that every call gets, an environment, and a private home."""

    path: Path
    home: Path
    always: tuple[str, ...] = ()
    env: dict[str, str] = field(default_factory=dict)

    def __call__(self, *args: str | Path, fails: bool = False, stdin: bytes = b"", cwd: Path | None = None) -> Finished:
        """Run the client; raise AssertionError unless it succeeds (or fails, with `fails`)."""
        done = self.run(*args, stdin=stdin, cwd=cwd)
        wrong = done.status == 0 if fails else done.status != 0
        if wrong:
            raise AssertionError(f"{done.command}\nended with status {done.status}:\n{done.said[-4000:]}")
        return done

    def run(self, *args: str | Path, stdin: bytes = b"", cwd: Path | None = None) -> Finished:
        """Run the client and give how it ended, whatever it was."""
        command = [str(self.path), *self.always, *(str(part) for part in args)]
        done = subprocess.run(
            command,
            input=stdin,
            capture_output=True,
            timeout=SECONDS,
            check=False,
            cwd=cwd or self.home,
            env={**private_environment(self.home), **self.env},
        )
        out, err = done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")
        return Finished(" ".join(command), done.returncode, out, err)


def private_environment(home: Path) -> dict[str, str]:
    """Give an environment in which every client keeps its state under `home`."""
    return {
        "PATH": ":".join(str(place) for place in (*INSTALLED, *SYSTEM)),
        "LANG": "C.UTF-8",
        "HOME": str(home),
        "TMPDIR": str(home / "tmp"),
        "XDG_CONFIG_HOME": str(home / ".config"),
        "XDG_DATA_HOME": str(home / ".local"),
        "XDG_CACHE_HOME": str(home / ".cache"),
        "XDG_RUNTIME_DIR": str(home / "run"),
        "DOCKER_CONFIG": str(home / ".docker"),
        "REGISTRY_AUTH_FILE": str(home / ".docker" / "config.json"),
        "NO_PROXY": "*",
    }


def make_home(home: Path, registry: str, who: Credentials | None) -> Path:
    """Make a client's home that knows `host:port` as a plain-http registry; logged in there unless `who` is None."""
    for part in ("tmp", "run", ".config/containers", ".docker"):
        (home / part).mkdir(parents=True, exist_ok=True)
    auths = {registry: {"auth": b64encode(who.pair.encode()).decode()}} if who else {}
    (home / ".docker" / "config.json").write_text(json.dumps({"auths": auths}), encoding="utf-8")
    containers = home / ".config" / "containers"
    policy = {"default": [{"type": "insecureAcceptAnything"}]}
    (containers / "policy.json").write_text(json.dumps(policy), encoding="utf-8")
    insecure = f'[[registry]]\nlocation = "{registry}"\ninsecure = true\n'
    (containers / "registries.conf").write_text(insecure, encoding="utf-8")
    return home


class Workshop(Protocol):
    """Make a client by name: `workshop("crane", ...)` with a home of its own, logged in unless told not to be.

    `always` are arguments of every call, `env` its environment beside the private one. `unstable` looks among the
    packages of Debian's unstable suite, `system` only among this release's packages.
    """

    def __call__(
        self, name: str, *always: str, unstable: bool = False, system: bool = False, login: bool = True, **env: str
    ) -> Client:
        """Give the client; skip the test when it is not on this machine."""
