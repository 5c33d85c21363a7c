"""`holdfast jobs`: what runs in the background, what waits, what failed, and how to try it again or end it."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import click

from holdfast.app.config import Loaded
from holdfast.cli.output import Api, client_verb, when
from holdfast.cli.settings_flags import settings_flags

if TYPE_CHECKING:
    from holdfast.db.port import Database
    from holdfast.jobs.model import Job
    from holdfast.jobs.service import Jobs

T = TypeVar("T")
_SECOND = 1_000_000
_STATES = ("waiting", "running", "done", "failed", "cancelled")
_SHOWN = ("waiting", "running", "failed")
_TIMES = ("run_at", "made_at", "started_at", "ended_at", "lease_until", "cancel_at")
_STYLES = {"running": "bold", "failed": "red", "waiting": "yellow", "done": "green", "cancelled": "dim"}
_DATABASE = ("data", "database.url", "database.prepared")

_GROUP_EXAMPLES = """\b
Examples:
  holdfast jobs list --data /srv/registry             what runs, waits and failed
  holdfast jobs show 17 --data /srv/registry          everything about job 17, its error too
  holdfast jobs retry 17 --data /srv/registry         let it run again
  holdfast jobs cancel 17 --data /srv/registry        end it
  holdfast jobs follow 17                             watch it from afar, as `holdfast login` allows
  holdfast jobs log 17                                what its runs said last, from afar too
"""
_LIST_EXAMPLES = """\b
Examples:
  holdfast jobs list --data /srv/registry
      ID  KIND    STATE    ATTEMPT  WHEN       PROGRESS
      17  sweep   failed   5 of 5   2 min ago  BlobError: ...
\b
  holdfast jobs list --all                        ended ones as well
  holdfast jobs list --state failed --json        for a program
  holdfast jobs list --database postgresql://db/holdfast
"""
_SHOW_EXAMPLES = """\b
Examples:
  holdfast jobs show 17 --data /srv/registry
  holdfast jobs show 17 --json
"""
_RETRY_EXAMPLES = """\b
Examples:
  holdfast jobs retry 17 18 --data /srv/registry
"""
_FOLLOW_EXAMPLES = """\b
Examples:
  holdfast jobs follow 17
  holdfast jobs follow 17 --json
"""
_LOG_EXAMPLES = """\b
Examples:
  holdfast jobs log 17
  holdfast jobs log 17 --json
"""
_CANCEL_EXAMPLES = """\b
Examples:
  holdfast jobs cancel 17 --data /srv/registry
"""


@click.group(epilog=_GROUP_EXAMPLES)
def jobs() -> None:
    """See and steer the work that goes on in the background.

    Jobs are kept in the database: sweeping, rotation of keys, and so on. `holdfast serve` runs them, unless it was
    started with --no-jobs, and so does every `holdfast worker`. These verbs open the database themselves, whether
    a server runs or not; but `follow` and `log` ask the registry that you are logged in to.
    """


@jobs.command("list", epilog=_LIST_EXAMPLES)
@settings_flags(*_DATABASE)
@click.option("--state", "states", multiple=True, type=click.Choice(_STATES), help="Only these; may be repeated.")
@click.option("--all", "every", is_flag=True, help="Those that are done or cancelled, too.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 1000), help="The most jobs shown.")
@click.option("--before", type=click.IntRange(1), metavar="ID", help="Only older ones than this: the next page.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def list_(
    loaded: Loaded, *, states: tuple[str, ...], every: bool, limit: int, before: int | None, as_json: bool
) -> None:
    """List jobs, newest first: what waits, what runs, what failed.

    Jobs that are done are kept for the time that the setting jobs.history says; --all shows them.
    """
    from holdfast.jobs.model import JobState
    from holdfast.jobs.service import NEWEST, Jobs

    wanted = states or (_STATES if every else _SHOWN)
    chosen = [state for state in JobState if state.name.lower() in wanted]

    async def read(db: Database) -> tuple[Sequence[Job], int]:
        return await Jobs(db).list(chosen, before=before or NEWEST, limit=limit), db.now()

    found, now = _with_database(loaded, read)
    if as_json:
        click.echo(json.dumps({"jobs": [_plain(job) for job in found]}, indent=2))
    elif not found:
        click.echo("no jobs" if states or every else "nothing waits, runs or failed; --all shows what is done")
    else:
        _print_table(("ID", "KIND", "STATE", "ATTEMPT", "WHEN", "PROGRESS"), [_row(job, now) for job in found])


@jobs.command(epilog=_SHOW_EXAMPLES)
@click.argument("id", type=click.IntRange(1))
@settings_flags(*_DATABASE)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def show(loaded: Loaded, id: int, as_json: bool) -> None:
    """Show everything about the job ID: its data, its times, how far it is, and what went wrong."""
    from holdfast.jobs.service import Jobs

    async def read(db: Database) -> tuple[Job, int]:
        return await Jobs(db).show(id), db.now()

    job, now = _with_database(loaded, read)
    if as_json:
        click.echo(json.dumps(_plain(job), indent=2))
        return
    facts = [(name, _shown(name, value, now)) for name, value in _plain(job).items() if value not in (None, {})]
    width = max(len(name) for name, _ in facts)
    for name, value in facts:
        click.echo(f"{name.replace('_', ' '):<{width}}  {value}")


@jobs.command(epilog=_RETRY_EXAMPLES)
@click.argument("id", type=click.IntRange(1), nargs=-1, required=True, metavar="ID...")
@settings_flags(*_DATABASE)
def retry(loaded: Loaded, id: tuple[int, ...]) -> None:
    """Let jobs that failed or were cancelled run again, with their attempts counted anew.

    A job that waits for its next attempt runs now. It goes on from its last checkpoint where its kind has one. Of a job
    that is done and left something a new one is made, which does only that.
    """

    async def again(queue: Jobs, number: int) -> str:
        runs = await queue.retry(number)
        return f"job {number} runs again" if runs == number else f"job {runs} does what job {number} left"

    _each(loaded, id, again)


@jobs.command(epilog=_CANCEL_EXAMPLES)
@click.argument("id", type=click.IntRange(1), nargs=-1, required=True, metavar="ID...")
@settings_flags(*_DATABASE)
def cancel(loaded: Loaded, id: tuple[int, ...]) -> None:
    """End jobs: one that waits never runs; one that runs is told to end, and keeps what it has done so far."""

    async def end(queue: Jobs, number: int) -> str:
        ended = await queue.cancel(number)
        return f"job {number} is cancelled" if ended else f"job {number} runs: its worker was told to end it"

    _each(loaded, id, end)


@jobs.command(epilog=_FOLLOW_EXAMPLES)
@click.argument("id", type=click.IntRange(1))
@client_verb
def follow(api: Api, id: int) -> None:
    """Show how far the job ID is until it ends, through the registry that you are logged in to.

    For who started the job, and for operators. Ends with status 1 when the job failed or was cancelled.
    """
    from holdfast.cli.progress import follow as until_ended

    ended = until_ended(api, api.client.get(f"/jobs/{id}"))
    api.show(ended, f"job {id} is done")


@jobs.command(epilog=_LOG_EXAMPLES)
@click.argument("id", type=click.IntRange(1))
@client_verb
def log(api: Api, id: int) -> None:
    """Show what the runs of the job ID said last, through the registry that you are logged in to.

    For who started the job, and for operators. What the registry does by itself and well is done silently.
    """
    api.show_list(
        api.client.get(f"/jobs/{id}/lines")["items"],
        ("AT", "LINE"),
        lambda each: (when(each["at"]), each["text"]),
        f"job {id} has said nothing yet",
    )


def _each(loaded: Loaded, ids: tuple[int, ...], act: Callable[[Jobs, int], Awaitable[str]]) -> None:
    """Do `act` with every job, and say what came of each; status 1 when one could not be done."""
    from holdfast.jobs.service import Jobs, NoSuchJob, Refused

    async def work(db: Database) -> bool:
        done = True
        for number in ids:
            try:
                click.echo(await act(Jobs(db), number))
            except (NoSuchJob, Refused) as error:
                click.echo(f"holdfast: {error}", err=True)
                done = False
        return done

    if not _with_database(loaded, work):
        sys.exit(1)


def _with_database(loaded: Loaded, work: Callable[[Database], Awaitable[T]]) -> T:
    """What `work` gives, or the end with a reason."""
    from holdfast.app.engines import database
    from holdfast.db.errors import DatabaseError, StatementFailed
    from holdfast.jobs.service import NoSuchJob

    async def main() -> T:
        async with database(loaded.settings) as db:
            return await work(db)

    try:
        return asyncio.run(main())
    except (DatabaseError, NoSuchJob) as error:
        click.echo(f"holdfast: {error}", err=True)
    except StatementFailed:
        click.echo(
            "holdfast: the database was laid by an older version: start `holdfast serve` with it first", err=True
        )
    sys.exit(1)


# -- what is shown ----------------------------------------------------------------------------------------------------


def _plain(job: Job) -> dict[str, Any]:
    """A job as JSON holds it; times in seconds since 1970."""
    plain: dict[str, Any] = {
        "id": job.id,
        "kind": job.kind,
        "state": job.state.name.lower(),
        "priority": job.priority.name.lower(),
        "data": job.data,
        "dedupe": job.dedupe,
        "attempts": job.attempts,
        "attempts_max": job.attempts_max,
        "deferrals": job.deferrals,
        "merged": job.merged,
        "worker": job.worker,
    }
    for name in _TIMES:
        at = getattr(job, name)
        plain[name] = None if at is None else at / _SECOND
    progress = job.progress
    plain["progress"] = (
        None
        if progress is None
        else {"done": progress.done, "total": progress.total, "rate": progress.rate, "seconds_left": progress.left}
    )
    plain["checkpoint"] = job.checkpoint
    plain["error"] = job.error
    return plain


def _shown(name: str, value: Any, now: int) -> str:
    if name in _TIMES:
        at = datetime.fromtimestamp(value, UTC)
        return f"{at:%Y-%m-%d %H:%M:%S} UTC ({_when(round(value * _SECOND), now)})"
    if name == "progress":
        return _progress(value["done"], value["total"], value["rate"], value["seconds_left"])
    return json.dumps(value) if isinstance(value, dict) else str(value)


def _row(job: Job, now: int) -> tuple[str, ...]:
    at = job.ended_at or (job.started_at if job.state.name == "RUNNING" else job.run_at) or job.made_at
    said = ""
    if job.progress is not None:
        said = _progress(job.progress.done, job.progress.total, job.progress.rate, job.progress.left)
    if job.error is not None and job.state.name != "DONE":
        said = f"{said}; {job.error}" if said else job.error
    attempt = f"{job.attempts} of {job.attempts_max}"
    return str(job.id), job.kind, job.state.name.lower(), attempt, _when(at, now), said


def _progress(done: int, total: int | None, rate: float | None, left: float | None) -> str:
    said = f"{done:,}" if total is None else f"{done:,} of {total:,}"
    if rate is not None:
        said += f", {rate:,.0f}/s" if rate >= 10 else f", {rate:.2g}/s"
    if left is not None:
        said += f", {_span(left)} left"
    return said


def _when(at: int, now: int) -> str:
    seconds = (now - at) / _SECOND
    if seconds < -1:
        return f"in {_span(-seconds)}"
    return f"{_span(seconds)} ago" if seconds >= 1 else "now"


def _span(seconds: float) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _print_table(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    """A table for people on a terminal; aligned plain text, uncut, where it goes elsewhere."""
    if not sys.stdout.isatty():
        widths = [max(len(row[column]) for row in (header, *rows)) for column in range(len(header))]
        for row in (header, *rows):
            click.echo("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in header:
        table.add_column(name, justify="right" if name == "ID" else "left", no_wrap=name != "PROGRESS")
    for row in rows:
        table.add_row(*(Text(cell, style=_STYLES.get(cell, "")) for cell in row))
    Console().print(table)
