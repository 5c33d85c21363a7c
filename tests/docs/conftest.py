"""A server for each page whose sessions are run, with an image in it, and an environment to run them in."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.clients import images
from tests.clients.programs import INSTALLED, SYSTEM, UNSTABLE, make_home, private_environment
from tests.clients.wire import Wire
from tests.docs.pages import Block
from tests.serving import Server, running_server

# Storage of the test's own: nothing of the machine's containers is touched.
_WRAPPED = {"podman": "--root {0}/root --runroot {0}/run --storage-driver vfs"}
_PLACES = (*INSTALLED, *UNSTABLE, *SYSTEM)


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody who types what a page says: `server` stands where the page's is, in a directory of his own."""

    server: Server
    home: Path

    def missing(self, block: Block) -> list[str]:
        """The programs that the block needs and this machine has not."""
        return [name for name in block.programs or () if not any((place / name).exists() for place in _PLACES)]

    def types(self, block: Block, stdin: int = subprocess.DEVNULL, more: Mapping[str, str] | None = None) -> str:
        """Run the block as one script that ends at the first failure; what it said. `more`: further environment."""
        script = block.text
        for written, meant in self._meanings().items():
            script = script.replace(written, meant)
        done = subprocess.run(
            ["/bin/bash", "-euo", "pipefail", "-c", script],
            cwd=self.home,
            env={**self._environment(), **(more or {})},
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        place = f"{block.page.name}:{block.line}"
        assert done.returncode == 0, f"{place} ended with status {done.returncode}:\n{script}\n{done.stdout[-4000:]}"
        return done.stdout

    def _meanings(self) -> dict[str, str]:
        return {
            "'what the first start printed'": shlex.quote(self.server.admin.password),
            "127.0.0.1:5000": self.server.host,
            "/srv/registry": str(self.server.data),
            "/srv/backup": str(self.home / "backup"),
            "/srv/restored": str(self.home / "restored"),
        }

    def _environment(self) -> dict[str, str]:
        wrappers = self.home / "bin"
        wrappers.mkdir(exist_ok=True)
        for name, flags in _WRAPPED.items():
            program = next((place / name for place in SYSTEM if (place / name).exists()), None)
            if program is not None:
                (wrappers / name).write_text(f'#!/bin/sh\nexec {program} {flags.format(self.home)} "$@"\n')
                (wrappers / name).chmod(0o755)
        ours = Path(sys.executable).parent
        path = os.pathsep.join(map(str, (wrappers, ours, *_PLACES)))
        return {**private_environment(self.home), "PATH": path, "PASSWORD": self.server.admin.password}


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    """Run a server that holds an image, and give somebody who reads a page beside it."""
    # A short name: podman's run root has a limit.
    short = tempfile.TemporaryDirectory(prefix="hf-", dir="/tmp", ignore_cleanup_errors=True)
    with short as directory, running_server(tmp_path) as server:
        Wire(server).push("team/seed", images.image("docs"), "1")
        yield Reader(server, make_home(Path(directory), server.host, None))
