"""A verb that goes on, started as its users do; its output is read line by line, with a bound on every wait."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

SECONDS = 60.0


class Running:
    """A verb that runs. What it says is read beside it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self._out: queue.Queue[str | None] = queue.Queue()
        self._err: queue.Queue[str | None] = queue.Queue()
        assert process.stdout is not None
        assert process.stderr is not None
        streams = ((process.stdout, self._out), (process.stderr, self._err))
        self._readers = [threading.Thread(target=_read, args=each, daemon=True) for each in streams]
        for reader in self._readers:
            reader.start()

    def line(self) -> str:
        """The next line of its output; fails when there is none."""
        return _next(self._out)

    def said(self, text: str) -> str:
        """The next line of its errors that has `text`."""
        while text not in (found := _next(self._err)):
            pass
        return found

    def rest(self) -> list[str]:
        """What it still says, to its end."""
        return list(iter(lambda: self._out.get(timeout=SECONDS), None))

    def close(self) -> None:
        """End it, if it has not ended, and what reads it."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for reader in self._readers:
            reader.join(SECONDS)

    def end(self, number: signal.Signals = signal.SIGINT) -> int:
        """Send it a signal, and give the status that it ends with."""
        self.process.send_signal(number)
        return self.process.wait(SECONDS)


def _read(stream: IO[str], lines: queue.Queue[str | None]) -> None:
    with stream:
        for line in stream:
            lines.put(line.rstrip("\n"))
    lines.put(None)


def _next(lines: queue.Queue[str | None]) -> str:
    found = lines.get(timeout=SECONDS)
    assert found is not None, "it ended"
    return found


@contextmanager
def running(place: Path, *words: str, **environment: str) -> Iterator[Running]:
    """Run `holdfast WORDS` inside the block."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HOLDFAST_", "MAKE"))}
    process = subprocess.Popen(
        [sys.executable, "-m", "holdfast", *words],
        cwd=place,
        env={**kept, "PYTHONUNBUFFERED": "1", **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    verb = Running(process)
    try:
        yield verb
    finally:
        verb.close()
