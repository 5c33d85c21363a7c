"""One server under test: started in a session of its own, asked until it answers, and ended with its whole tree."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from bench import processes
from bench.connection import Broken, Connection

READY_SECONDS = 30.0
STOP_SECONDS = 20.0
_POLL_SECONDS = 0.002


class Kind(Enum):
    """What a server is compared as."""

    HOLDFAST = "holdfast"
    DISTRIBUTION = "distribution"
    ZOT = "zot"
    STATIC = "static files"


@dataclass(frozen=True, slots=True)
class Launch:
    """A command line and what is added to its environment."""

    argv: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=dict)


Recipe = Callable[[Path, int], Launch]
"""Writes a server's configuration under a directory, for a port of 127.0.0.1, and says how to start it."""


@dataclass
class Server:
    """A registry (or nginx) on a directory of its own; `session` is its process group and session while it runs."""

    name: str
    kind: Kind
    version: str
    recipe: Recipe
    root: Path
    basic: bool = False
    port: int = 0
    authorization: str = ""
    _process: subprocess.Popen[bytes] | None = None

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def session(self) -> int:
        if self._process is None:
            raise RuntimeError(f"{self.name} is not running")
        return self._process.pid

    def start(self) -> float:
        """Start and wait for the first answer on /v2/; returns the seconds from spawn to that answer."""
        self.data.mkdir(parents=True, exist_ok=True)
        self.port = self.port or free_port()
        launch = self.recipe(self.root, self.port)
        with (self.root / "stdout").open("ab") as out, (self.root / "stderr").open("ab") as err:
            began = time.perf_counter()
            self._process = subprocess.Popen(
                launch.argv,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env={**os.environ, **launch.environment},
                start_new_session=True,
            )
        try:
            self._await_answer(began + READY_SECONDS)
        except BaseException:
            self.stop()
            raise
        return time.perf_counter() - began

    def restart(self) -> float:
        """Stop and start on the same directory and port; returns the seconds of the start alone."""
        self.stop()
        return self.start()

    def stop(self) -> None:
        """SIGTERM to the server, then SIGKILL to whatever of its group is left; does nothing when not running."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            print(f"  {self.name} did not end within {STOP_SECONDS:.0f} s of SIGTERM: killed")
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(STOP_SECONDS)

    def connect(self) -> Connection:
        return Connection(self.port, self.authorization)

    def usage(self) -> processes.Memory:
        return processes.memory(self.session)

    def cpu(self) -> float:
        return processes.cpu_seconds(self.session)

    def _await_answer(self, deadline: float) -> None:
        while time.perf_counter() < deadline:
            if self._process is None or self._process.poll() is not None:
                raise RuntimeError(f"{self.name} ended before it answered: {self.complaint()}")
            try:
                connection = Connection(self.port)
                status = connection.ask(connection.request("GET", "/v2/")).status
                connection.close()
            except (OSError, Broken):
                time.sleep(_POLL_SECONDS)
                continue
            if status in {200, 401} or self.kind is Kind.STATIC:
                return
            time.sleep(_POLL_SECONDS)
        raise RuntimeError(f"{self.name} did not answer within {READY_SECONDS:.0f} s: {self.complaint()}")

    def complaint(self) -> str:
        """The end of what the server printed, on one line."""
        text = "".join((self.root / name).read_text(errors="replace")[-600:] for name in ("stdout", "stderr"))
        return " ".join(text.split())[-400:] or "it printed nothing"


def free_port() -> int:
    """A port of 127.0.0.1 that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
