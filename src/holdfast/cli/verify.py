"""`holdfast verify`: is everything there that was acknowledged, and does it still hash?"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import click

from holdfast.app.config import Loaded
from holdfast.cli.settings_flags import DATABASE_FLAGS, settings_flags
from holdfast.cli.sizes import size_text

if TYPE_CHECKING:
    from holdfast.registry.verify.model import Outcome, Progress

_LINE_EVERY = 5.0
_BAR_AFTER = 0.5

_EXAMPLES = """\b
Examples:
  holdfast verify --data /srv/registry             every row, every small blob, every object's size
  holdfast verify --data /srv/registry --deep      read and hash every object too
  holdfast verify --data /srv/registry --repair    mend what can be mended
  holdfast verify --json                           for a program
  holdfast verify --database postgresql://db.example.com/holdfast --storage s3://bucket/holdfast
\b
Ends with status 0 when nothing is wrong (any more), 1 when damage is left, 2 when it could not run.
"""


@click.command(epilog=_EXAMPLES)
@settings_flags(
    *DATABASE_FLAGS,
    "storage.url",
    "encryption.key_file",
    "encryption.vault_url",
    "encryption.vault_key",
    "encryption.vault_token_file",
    "window",
    "lease",
    "collect.grace",
    "uploads.expire",
    "manifests.sparse_indexes",
)
@click.option("--deep", is_flag=True, help="Read and hash every object, compare every index of the database.")
@click.option("--repair", is_flag=True, help="Mend what can be mended; without it nothing is changed.")
@click.option("--force", is_flag=True, help="With --repair: delete litter above 5 % too. With --adopt: always.")
@click.option("--adopt", is_flag=True, help="Let sweeping go on with a database that was restored from an older copy.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def verify(loaded: Loaded, *, deep: bool, repair: bool, force: bool, adopt: bool, as_json: bool) -> None:
    """Check that every tag resolves, every byte hashes, every part is there, and nothing is left over.

    Works on database and store themselves, whether servers run or not. Give it the settings that they have.
    """
    from holdfast.app.verify import CouldNotRun, run
    from holdfast.registry.verify.model import Options

    began = time.monotonic()
    display = _make_display()
    try:
        outcome = run(loaded.settings, Options(deep, repair, force, adopt), display.show)
    except CouldNotRun as error:
        display.close()
        if as_json:
            click.echo(json.dumps({"clean": False, "error": str(error)}, indent=2))
        click.echo(f"holdfast: cannot verify: {error}", err=True)
        sys.exit(2)
    display.close()
    if as_json:
        click.echo(json.dumps(_document(outcome, time.monotonic() - began), indent=2))
    else:
        _print(outcome)
    sys.exit(1 if outcome.left else 0)


def _document(outcome: Outcome, seconds: float) -> dict[str, Any]:
    """The outcome for programs. Classes of damage and field names stay as they are; fields may be added."""
    return {
        "clean": outcome.left == 0,
        "options": outcome.options._asdict(),
        "seconds": round(seconds, 3),
        "checked": dict(outcome.checked),
        "classes": {
            str(damage): {"found": count, "repaired": outcome.repaired[damage]}
            for damage, count in outcome.found.items()
        },
        "total": outcome.total,
        "left": outcome.left,
        "findings": [
            {
                "class": str(each.damage),
                "repository": each.repository,
                "reference": each.reference,
                "reason": each.reason,
                "repair": each.repair,
                "repaired": each.repaired,
            }
            for each in outcome.findings
        ],
        "notes": outcome.notes,
    }


def _print(outcome: Outcome) -> None:
    for each in outcome.findings:
        place = f"{each.repository} " if each.repository is not None and each.repository != each.reference else ""
        mark = "repaired" if each.repaired else "DAMAGE  "
        click.echo(f"{mark}  {each.damage}  {place}{each.reference}: {each.reason}")
        if not each.repaired:
            click.echo(f"          -> repair: {each.repair}")
    if outcome.total > len(outcome.findings):
        click.echo(f"... and {outcome.total - len(outcome.findings)} more")
    for note in outcome.notes:
        click.echo(f"note: {note}")
    click.echo("checked: " + ", ".join(f"{count} {name}" for name, count in outcome.checked.items()))
    if not outcome.total:
        click.echo("nothing is wrong")
    else:
        click.echo(f"{outcome.total} found, {outcome.total - outcome.left} repaired, {outcome.left} left")


class Lines:
    """Progress for logs: a line every few seconds, nothing at all for short work. `clock` counts seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._stage = ""
        self._began = self._last = clock()

    def show(self, progress: Progress) -> None:
        """Take note of how far the work is."""
        now = self._clock()
        if progress.stage != self._stage:
            self._stage, self._began = progress.stage, now
        if now - self._last >= _LINE_EVERY:
            self._last = now
            click.echo(f"holdfast: verify: {describe(progress, now - self._began)}", err=True)

    def close(self) -> None:
        """Nothing is left on the screen."""


class Bar:
    """Progress for people: a bar on the terminal, once the work has taken more than `after` seconds."""

    def __init__(self, after: float = _BAR_AFTER) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as Bars

        self._bars = Bars(
            TextColumn("verify: {task.description}"), BarColumn(), console=Console(stderr=True), transient=True
        )
        self._task = self._bars.add_task("", total=None)
        self._after = after
        self._shown = False
        self._stage = ""
        self._began = self._start = time.monotonic()

    def show(self, progress: Progress) -> None:
        """Take note of how far the work is."""
        now = time.monotonic()
        if progress.stage != self._stage:
            self._stage, self._began = progress.stage, now
        if not self._shown and now - self._start >= self._after:
            self._shown = True
            self._bars.start()
        self._bars.update(
            self._task,
            completed=progress.done,
            total=max(progress.total, progress.done),
            description=describe(progress, now - self._began),
        )

    def close(self) -> None:
        """Leave the screen as it was."""
        if self._shown:
            self._bars.stop()


def _make_display() -> Lines | Bar:
    return Bar() if sys.stderr.isatty() else Lines()


class Measured(Protocol):
    """How far a stage is. `unit`: B for bytes, else empty."""

    @property
    def stage(self) -> str: ...  # noqa: D102
    @property
    def done(self) -> int: ...  # noqa: D102
    @property
    def total(self) -> int: ...  # noqa: D102
    @property
    def unit(self) -> str: ...  # noqa: D102


def describe(progress: Measured, seconds: float) -> str:
    """How far, how fast, and how long yet, in words."""
    done, total = progress.done, max(progress.total, progress.done)
    text = f"{progress.stage} {_amount(done, progress.unit)} of {_amount(total, progress.unit)}"
    if seconds <= 0 or not done:
        return text
    rate = done / seconds
    return f"{text}, {_amount(round(rate), progress.unit)}/s, {_duration((total - done) / rate)} left"


def _amount(count: int, unit: str) -> str:
    return size_text(count) if unit == "B" else str(count)


def _duration(seconds: float) -> str:
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    return f"{whole // 60} min" if whole < 3600 else f"{whole // 3600} h {whole % 3600 // 60} min"
