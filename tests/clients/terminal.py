"""A terminal in which what a page showed is pasted, as a person does: a shell of its own home, where clients ask.

Promises: the text is run word by word, by bash, which ends at the first line that fails; what a client asks for (a
password, a key) is typed when it asks; whatever a line writes below /etc is written in this terminal's own home.
"""

from __future__ import annotations

import json
import os
import pty
import re
import select
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.clients.programs import SYSTEM, private_environment

SECONDS = 120.0
_ASKS = re.compile(rb"password:? *\Z", re.IGNORECASE)
_PLACES = ("containers", "containerd", "docker")
_BEGIN = 'for each in "$@"; do mount --bind "$HOME/etc/$each" "/etc/$each"; done; exec bash -ec "$TEXT"'


@dataclass(slots=True)
class Terminal:
    """A shell of `home`; `env`: beside a private one. Its clients are those of `bin`, and the system's."""

    home: Path
    env: dict[str, str] = field(default_factory=dict)

    @property
    def etc(self) -> Path:
        """What is /etc to the clients, as far as they are told of registries there."""
        return self.home / "etc"

    def have(self, name: str, program: Path) -> None:
        """Put a client of a certain version on the path."""
        (self.home / "bin" / name).symlink_to(program)

    def paste(self, text: str, *, type: str = "", fails: bool = False) -> str:
        """Run the text; gives what was said. `type`: what is typed where something asks."""
        status, said = self._run(text, type)
        assert (status != 0) is fails, f"{text}\nended with status {status}:\n{said[-3000:]}"
        return said

    def _run(self, text: str, typed: str) -> tuple[int, str]:
        known = private_environment(self.home)
        environment = {**known, **self.env, "TEXT": text, "PATH": f"{self.home}/bin:{known['PATH']}"}
        ours, theirs = pty.openpty()
        places = [each for each in _PLACES if Path("/etc", each).is_dir()] if os.geteuid() == 0 else []
        apart = ["unshare", "--mount"] if places else []
        process = subprocess.Popen(
            [*apart, "bash", "-ec", _BEGIN, "bash", *places],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            cwd=self.home,
            env=environment,
            start_new_session=True,
        )
        os.close(theirs)
        try:
            if "--password-stdin" in text and "|" not in text:  # it takes the key without asking
                os.write(ours, f"{typed}\n\x04".encode())
            said = _converse(ours, typed)
            return process.wait(SECONDS), said
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
            os.close(ours)


def _converse(terminal: int, typed: str) -> str:
    """Read until the other side has ended, and answer what asks."""
    said, answered, end = b"", 0, time.monotonic() + SECONDS
    with suppress(OSError):  # the other side has ended
        while time.monotonic() < end:
            if not select.select([terminal], [], [], 1.0)[0]:
                continue
            more = os.read(terminal, 65536)
            if not more:
                break
            said += more
            if typed and _ASKS.search(said, answered):
                answered = len(said)
                os.write(terminal, f"{typed}\n".encode())
    return said.decode("utf-8", "replace")


def open_terminal(home: Path, *, mirror: str = "", env: Mapping[str, str] | None = None) -> Terminal:
    """A terminal with nothing configured but `mirror`, HOST:PORT, from where Docker Hub's images come without TLS."""
    for part in ("tmp", "run", "bin", ".docker", *(f"etc/{each}" for each in _PLACES)):
        (home / part).mkdir(parents=True)
    (home / ".docker" / "config.json").write_text("{}")
    policy = {"default": [{"type": "insecureAcceptAnything"}]}
    containers = home / "etc" / "containers"
    (containers / "policy.json").write_text(json.dumps(policy))
    if mirror:
        text = f'[[registry]]\nprefix = "docker.io"\nlocation = "{mirror}"\ninsecure = true\n'
        (containers / "registries.conf").write_text(text)
    storage = f'[storage]\ndriver = "vfs"\ngraphroot = "{home}/s"\nrunroot = "{home}/r"\n'
    (containers / "storage.conf").write_text(storage)
    sudo = home / "bin" / "sudo"
    sudo.write_text('#!/bin/sh\nexec "$@"\n')
    sudo.chmod(0o755)
    return Terminal(home, {"CONTAINERS_STORAGE_CONF": str(containers / "storage.conf"), **(env or {})})


def on_system(name: str) -> Path | None:
    """Where this release's own program is."""
    return next((place / name for place in SYSTEM if (place / name).exists()), None)
