"""Progress of work in stages, on standard error: a bar on a terminal, lines for logs."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import click

from holdfast.cli.verify import Measured, describe

_LINE_EVERY = 5.0


def show_stages(word: str) -> Lines | Bar:
    """What shows the stages of the work called `word`."""
    return Bar(word) if sys.stderr.isatty() else Lines(word)


class Lines:
    """Progress for logs: a line when a stage begins and every few seconds. `clock` counts seconds."""

    def __init__(self, word: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._word = word
        self._clock = clock
        self._stage = ""
        self._began = self._last = clock()

    def show(self, progress: Measured) -> None:
        """Take note of how far the work is."""
        now = self._clock()
        begins = progress.stage != self._stage
        if begins:
            self._stage, self._began = progress.stage, now
        if begins or now - self._last >= _LINE_EVERY:
            self._last = now
            text = describe(progress, now - self._began) if progress.total else progress.stage
            click.echo(f"holdfast: {self._word}: {text}", err=True)

    def close(self) -> None:
        """Nothing is left on the screen."""


class Bar:
    """Progress for people: a bar on the terminal."""

    def __init__(self, word: str) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as Bars

        self._bars = Bars(
            TextColumn(f"{word}: {{task.description}}"), BarColumn(), console=Console(stderr=True), transient=True
        )
        self._task = self._bars.add_task("", total=None)
        self._stage = ""
        self._began = time.monotonic()
        self._bars.start()

    def show(self, progress: Measured) -> None:
        """Take note of how far the work is."""
        now = time.monotonic()
        if progress.stage != self._stage:
            self._stage, self._began = progress.stage, now
        self._bars.update(
            self._task,
            completed=progress.done,
            total=max(progress.total, progress.done) or None,
            description=describe(progress, now - self._began) if progress.total else progress.stage,
        )

    def close(self) -> None:
        """Leave the screen as it was."""
        self._bars.stop()
