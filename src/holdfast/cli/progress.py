"""Following a job of the registry until it ends: a bar on a terminal, a line now and then elsewhere.

Promises: it ends when the job does; what stops the looking (Ctrl-C, a registry that goes away for long) leaves the job
as it is, and its number is said. An answer that does not come is asked for again for a while.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import click

from holdfast.cli.client import Problem, Unreachable
from holdfast.cli.output import NO_ANSWER, REFUSED, Api, plain

LOOK = 0.5
"""Seconds between two looks at a job."""
PATIENCE = 60.0
"""Seconds for which a registry may not answer."""
_FIRST_LOOK = 0.05
_LINE_EVERY = 5.0
_OPEN = ("waiting", "running")
Job = Mapping[str, Any]


def follow(api: Api, job: Job, title: str = "") -> dict[str, Any]:
    """The job (as the API gave it) once it is done, shown on the way on standard error under `title`.

    Ends the program: status 1 with its error when the job failed or was cancelled, 3 when nobody answers any more.
    """
    name = title or str(job["kind"])
    display = _display(name)
    try:
        ended = _until_ended(api, job, display)
    except KeyboardInterrupt:
        display.close()
        click.echo(f"holdfast: job {job['id']} goes on: `holdfast jobs follow {job['id']}` shows it again", err=True)
        sys.exit(130)
    except Unreachable as error:
        display.close()
        click.echo(f"holdfast: {plain(error)}; job {job['id']} goes on without us", err=True)
        sys.exit(NO_ANSWER)
    display.close()
    if ended["state"] != "done":
        said = f": {plain(ended['error'])}" if ended["error"] else ""
        click.echo(f"holdfast: {name}: job {ended['id']} {_WORDS[ended['state']]}{said}", err=True)
        sys.exit(REFUSED)
    return ended


_WORDS = {"failed": "failed", "cancelled": "was cancelled"}


def _until_ended(api: Api, job: Job, display: _Display) -> dict[str, Any]:
    pause = _FIRST_LOOK
    found = dict(job)
    silent_since: float | None = None
    while found["state"] in _OPEN:
        display.show(found)
        time.sleep(pause)
        pause = min(LOOK, pause * 2)
        try:
            found = api.client.get(f"/jobs/{job['id']}")
            silent_since = None
        except (Unreachable, Problem) as error:
            if isinstance(error, Problem) and error.status < 500 and error.status != 429:
                raise
            silent_since = silent_since or time.monotonic()
            if time.monotonic() - silent_since > PATIENCE:
                raise
    display.show(found)
    return found


def describe(job: Job) -> str:
    """How far a job is, in words."""
    progress = job["progress"]
    if job["state"] == "waiting":
        return f"waits; {plain(job['error'])}" if job["error"] else "waits for its turn"
    if progress is None:
        return str(job["state"])
    said = f"{progress['done']:,}"
    if progress["total"] is not None:
        said += f" of {progress['total']:,}"
    if progress["rate"] is not None:
        said += f", {progress['rate']:,.0f}/s"
    if progress["seconds_left"] is not None and job["state"] == "running":
        said += f", {progress['seconds_left']:,.0f} s left"
    return said


class _Display(Protocol):
    """What shows a job on the way."""

    def show(self, job: Job) -> None:
        """The job as it is now."""

    def close(self) -> None:
        """Nothing more comes."""


class Lines:
    """For logs: a line every few seconds, nothing at all for short work. `clock` counts seconds."""

    def __init__(self, title: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._title = title
        self._clock = clock
        self._last = clock()

    def show(self, job: Job) -> None:
        """A line, when the last one is some time ago."""
        now = self._clock()
        if now - self._last >= _LINE_EVERY:
            self._last = now
            click.echo(f"holdfast: {self._title}: {describe(job)}", err=True)

    def close(self) -> None:
        """Nothing: lines stay."""


class Bar:
    """For people: a bar on the terminal, which goes when the job is done."""

    def __init__(self, title: str) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[said]}"),
            console=Console(stderr=True),
            transient=True,
        )
        self._task = self._bars.add_task(title, total=None, said="")
        self._bars.start()

    def show(self, job: Job) -> None:
        """Move the bar."""
        progress = job["progress"] or {"done": 0, "total": None}
        self._bars.update(self._task, completed=progress["done"], total=progress["total"], said=describe(job))

    def close(self) -> None:
        """Take the bar away."""
        self._bars.stop()


def _display(title: str) -> _Display:
    return Bar(title) if sys.stderr.isatty() else Lines(title)
