"""What a client is, where it lies on this machine, and how programs are run to bring it. Standard library only.

Promises: everything of ours is under `.tools/`; what was brought is remembered in one file, written whole or not at
all, so that a later run knows the version without running the client.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / ".tools"
BIN, SID, STAMPS = TOOLS / "bin", TOOLS / "sid", TOOLS / "installed.json"
APT_SECONDS = 900
NICE = ["nice", "-n", "10"]


@dataclass(frozen=True)
class Client:
    """One program: where it comes from (`source`: package or module), what it is called there, and its version."""

    name: str
    kind: str
    source: str
    program: str
    version: str = ""


class Unavailable(Exception):
    """This client cannot be had here; the text says why."""


def run(command: Sequence[str], *, seconds: float, env: Mapping[str, str] | None = None, cwd: Path = ROOT) -> str:
    """Run a command and give its standard output; raise Unavailable with the end of what it said."""
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
            cwd=cwd,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        raise Unavailable(f"{command[0]} took longer than {seconds:.0f} s") from None
    except OSError as error:
        raise Unavailable(f"{command[0]}: {error.strerror}") from None
    if done.returncode != 0:
        said = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        name = Path(command[len(NICE)] if list(command[: len(NICE)]) == NICE else command[0]).name
        raise Unavailable(f"{name} said: {' / '.join(said[-2:])[:300] or done.returncode}")
    return done.stdout


def polite(*command: str) -> list[str]:
    """Give the command at a low priority where `nice` exists."""
    return [*NICE, *command] if shutil.which(NICE[0]) else list(command)


def stamps() -> dict[str, str]:
    """Give `program -> version` of what an earlier run put under `.tools/`."""
    try:
        found: dict[str, str] = json.loads(STAMPS.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found


def stamp(client: Client, version: str) -> None:
    """Remember that this version of the client is under `.tools/` whole."""
    TOOLS.mkdir(exist_ok=True)
    fresh = STAMPS.with_suffix(".new")
    fresh.write_text(json.dumps({**stamps(), client.name: version}, indent=1, sort_keys=True), encoding="utf-8")
    fresh.replace(STAMPS)


def located(client: Client) -> Path | None:
    """Give where the client's program is, or None."""
    if client.kind == "debian":
        if client.program.startswith("/"):
            return Path(client.program) if Path(client.program).exists() else None
        found = shutil.which(client.program, path="/usr/sbin:/usr/bin:/sbin:/bin")
        return Path(found) if found else None
    path = (SID if client.kind == "sid" else BIN) / client.program
    return path if path.exists() else None


def present(client: Client) -> str | None:
    """Give the version that is here already, or None when it must be installed (again)."""
    if located(client) is None:
        return None
    if client.kind == "debian":
        with contextlib.suppress(Unavailable):
            status = run(["dpkg-query", "-W", "-f", "${db:Status-Status} ${Version}", client.source], seconds=60)
            state, _, version = status.partition(" ")
            return version if state == "installed" else None
        return None
    version = stamps().get(client.name, "")
    return version if version and version == (client.version or version) else None


def advice(client: Client) -> str:
    """Say how a person can get the client."""
    if client.kind == "debian":
        return f"as root: apt-get install --no-install-recommends {client.source}"
    if client.kind == "sid":
        return f"run `make tools` on Debian 12 or newer, or put {Path(client.program).name} on PATH"
    if client.kind == "npm":
        return f"with npm installed: npm install -g {client.source}@{client.version}"
    if client.kind == "script":
        return "with npm installed: `make tools`"
    if client.kind == "own":
        return f"with Go installed: go build -C {client.source} -o ../../.tools/bin/{client.program}"
    return f"with Go installed: go install {client.source}@{client.version}"


def place(client: Client) -> str:
    """Give where the client is, from the project's root where it is under it."""
    path = located(client)
    return str(path.relative_to(ROOT) if path and path.is_relative_to(ROOT) else path)
