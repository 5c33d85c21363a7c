"""What is said of a job: what it does, about what, how far it is, what came out of it, and what it left."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from holdfast.access.jobs import JobPage
from holdfast.console.spans_of_time import took
from holdfast.jobs.model import Job, JobState
from holdfast.web.formats import size

TITLES = {
    "change-repositories": "Change several repositories",
    "change-tags": "Change several tags",
    "collect": "Collect garbage",
    "compact": "Join the pieces of a layer",
    "compact-missed": "Look for pieces to join",
    "delete-namespace": "Delete a namespace",
    "export-list": "Write a list as a file",
    "fill-lists": "Fill lists",
    "fill-search": "Fill the search",
    "refill-search": "Fill the search anew",
    "purge": "Purge content",
    "restore-namespace": "Restore a namespace",
    "retention-apply": "Apply retention",
    "retention-due": "Look what retention is due",
    "retention-forget": "Forget old retention previews",
    "retention-plan": "Preview retention",
    "rotate-keys": "Rotate encryption keys",
    "scrub": "Read everything and check it",
    "storage": "Count storage",
    "sweep": "Sweep what is due",
    "sweep-litter": "Look for litter",
    "webhooks-deliver": "Deliver webhooks",
    "webhooks-replay": "Redeliver webhooks",
}
_TARGETS = ("path", "repository", "namespace", "target", "digest", "name", "webhook", "plan", "content")
ENDS = (JobState.DONE, JobState.FAILED, JobState.CANCELLED)
_MOST_ITEMS = 200
_BYTES = ("bytes", "freed")
NAMES = "kept"
"""The names alone of what a job left, beside `LEFT`."""


class JobLine(NamedTuple):
    """A job as a row shows it. `target` '': it has none; `by` '': the registry itself; `left`: text, '' not known."""

    id: int
    title: str
    kind: str
    target: str
    state: str
    ending: bool
    done: int | None
    total: int | None
    said: str
    by: str
    started_at: int | None
    waits_until: int | None
    took: str
    tries: str
    error: str


class Table(NamedTuple):
    """A list in what came out of a job: `more` rows are not shown."""

    name: str
    columns: list[str]
    rows: list[list[str]]
    more: int


def title_of(kind: str) -> str:
    """What a kind of job does, in words."""
    return TITLES.get(kind) or kind.replace("-", " ").capitalize()


def target_of(job: Job) -> str:
    """What a job is about, '' where it is about the whole registry."""
    for name in _TARGETS:
        value = job.data.get(name)
        if isinstance(value, str | int) and not isinstance(value, bool) and value != "":
            return f"{name} {value}" if isinstance(value, int) else value
    return ""


def lines_of(page: JobPage, now: int) -> list[JobLine]:
    """A page of jobs as rows."""
    return [line_of(job, page.starters, now) for job in page.jobs]


def line_of(job: Job, starters: Mapping[int, str], now: int) -> JobLine:
    """A job as a row. `starters`: who started jobs, by account; `now`: microseconds."""
    progress = job.progress
    ended = job.state in ENDS
    said = ""
    if progress is not None:
        said = f"{progress.done:,}" + (f" of {progress.total:,}" if progress.total is not None else "")
        if progress.left is not None and not ended:
            said += f", {took(progress.left * 1e6)} left"
    run = None
    if job.started_at is not None:
        run = (job.ended_at if job.ended_at is not None else now) - job.started_at
    return JobLine(
        job.id,
        title_of(job.kind),
        job.kind,
        target_of(job),
        job.state.name.lower(),
        job.cancel_at is not None and not ended,
        progress.done if progress is not None else None,
        progress.total if progress is not None else None,
        said,
        starters.get(job.account, ""),
        job.started_at,
        job.run_at if job.state is JobState.WAITING and job.run_at > now else None,
        took(run),
        f"{job.attempts} of {job.attempts_max}" if job.attempts_max < 1000 else f"{job.attempts}",
        (job.error or "").strip(),
    )


def rate_of(job: Job) -> str:
    """How fast it is, '' where nobody knows."""
    if job.progress is None or job.progress.rate is None:
        return ""
    rate = job.progress.rate
    return f"{rate:,.0f} a second" if rate >= 10 else f"{rate:.1f} a second"


def left_of(job: Job) -> list[tuple[str, str]]:
    """What a job could not do, and why."""
    return [(_text(each.get("name", "")), _text(each.get("reason", ""))) for each in job.left if isinstance(each, dict)]


def table_of(name: str, value: list[Any] | dict[str, Any]) -> Table:
    """A list or mapping of a result as rows."""
    if isinstance(value, dict):
        rows = [[str(key), _text(each)] for key, each in value.items()]
        return Table(name, ["", ""], rows[:_MOST_ITEMS], max(0, len(rows) - _MOST_ITEMS))
    shown = value[:_MOST_ITEMS]
    columns = list(dict.fromkeys(key for each in shown if isinstance(each, dict) for key in each))
    if not columns:
        return Table(name, [name], [[_text(each)] for each in shown], len(value) - len(shown))
    table = [[_text(each.get(key, "")) if isinstance(each, dict) else _text(each) for key in columns] for each in shown]
    return Table(name, columns, table, len(value) - len(shown))


def fact_of(name: str, value: object) -> str:
    """A value of what came out of a job."""
    return size(value) if name in _BYTES and isinstance(value, int) else _text(value)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
