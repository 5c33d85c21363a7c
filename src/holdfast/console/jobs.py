"""`/jobs`: background work: how far it is, what came out of it, what failed and why; ending it, and letting it run
again.

Promises: who operates the registry sees all, everybody else what he started (access/jobs.py); pages ask again only
while something is not final.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from holdfast.access.errors import Invalid
from holdfast.access.jobs import JobPage, Looked, SeenJobs, Whose
from holdfast.console.spans_of_time import took
from holdfast.jobs.model import LEFT, Job, JobState
from holdfast.web.formats import size
from holdfast.web.frame import Crumb, Frame, redirect
from holdfast.web.listing import Column, Listing
from holdfast.web.site import Route
from holdfast.web.visit import Answer, Visit

STATES = {"": "Any state", **{state.name.lower(): state.name.capitalize() for state in JobState}}
_WHOSE = {Whose.PEOPLE: "Started by people", Whose.MINE: "Mine", Whose.ALL: "Also regular ones"}
_COLUMNS = (
    Column("Job"),
    Column("Target"),
    Column("State"),
    Column("Progress"),
    Column("Started by"),
    Column("Started"),
    Column("Took", kind="number"),
    Column("Tries", kind="number"),
)
_TITLES = {
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
_ENDS = (JobState.DONE, JobState.FAILED, JobState.CANCELLED)
_MOST_ITEMS = 200
_BYTES = ("bytes", "freed")
_NAMES = "kept"
"""The names alone of what a job left, beside `LEFT`."""
_SHOWN = 2
_REGULAR = 15


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


class JobPages:
    """The pages of jobs."""

    def __init__(self, frame: Frame, jobs: SeenJobs) -> None:
        self._frame = frame
        self._jobs = jobs

    def routes(self) -> list[Route]:
        """Every route of these pages."""
        return [
            Route("GET", "/jobs", self.list),
            Route("GET", "/jobs/-/running", self.running),
            Route("GET", "/jobs/{id}", self.show),
            Route("POST", "/jobs/{id}/cancel", self.cancel),
            Route("POST", "/jobs/{id}/retry", self.retry),
        ]

    async def list(self, visit: Visit) -> Answer:
        """Jobs, newest first."""
        caller = self._frame.signed_in(visit)
        listing = Listing(visit.path, visit.query, ("started",), "-started", ("state", "kind", "whose"))
        operates = await self._jobs.operates(caller.who, origin=caller.origin)
        wanted = _wanted(listing.filters, operates=operates)
        page = await self._jobs.look(
            caller.who,
            wanted,
            older=_number(listing.after, "after"),
            newer=_number(listing.before, "before"),
            limit=listing.limit,
            origin=caller.origin,
        )
        listing.found(
            next=str(page.next) if page.next else None, previous=str(page.previous) if page.previous else None
        )
        now = self._frame.now()
        unfinished = any(job.state not in _ENDS for job in page.jobs)
        return self._frame.page(
            visit,
            "jobs.html",
            fragment="jobs",
            crumbs=[Crumb("Jobs")],
            listing=listing,
            columns=_COLUMNS,
            jobs=_lines(page, now),
            states=STATES,
            kinds={"": "Any kind", **{kind: title_of(kind) for kind in await self._kinds(visit, operates=operates)}},
            whose={str(each): text for each, text in _WHOSE.items()},
            chosen=str(wanted.whose),
            operates=operates,
            poll=(_SHOWN if unfinished else _REGULAR) if listing.first else 0,
        )

    async def running(self, visit: Visit) -> Answer:
        """How many run: the part of the header that asks again."""
        caller = self._frame.signed_in(visit)
        if not visit.partial:
            return redirect("/jobs?state=running")
        number = await self._jobs.running(caller.at(""))
        return self._frame.page(visit, "running.html", fragment="running_jobs", running=number)

    async def show(self, visit: Visit) -> Answer:
        """One job."""
        caller = self._frame.signed_in(visit)
        job = await self._jobs.get(caller.who, visit.number("id"), origin=caller.origin)
        return await self._page(visit, job)

    async def cancel(self, visit: Visit) -> Answer:
        """End it."""
        await self._frame.changes(visit)
        caller = self._frame.signed_in(visit)
        job = await self._jobs.cancel(caller.who, visit.number("id"), origin=caller.origin)
        said = "is cancelled" if job.state in _ENDS else "is told to end"
        return self._frame.done(visit, f"/jobs/{job.id}", f"Job {job.id} {said}")

    async def retry(self, visit: Visit) -> Answer:
        """Let it run again."""
        await self._frame.changes(visit)
        caller = self._frame.signed_in(visit)
        asked = visit.number("id")
        job = await self._jobs.retry(caller.who, asked, origin=caller.origin)
        said = f"Job {job.id} runs again" if job.id == asked else f"Job {job.id} does what job {asked} left"
        return self._frame.done(visit, f"/jobs/{job.id}", said)

    async def _page(self, visit: Visit, job: Job) -> Answer:
        caller = self._frame.signed_in(visit)
        result = job.result or {}
        starters = await self._jobs.starters([job])
        lines = await self._jobs.lines(caller.who, job.id, origin=caller.origin)
        return self._frame.page(
            visit,
            "job.html",
            fragment="job",
            crumbs=[Crumb("Jobs", "/jobs"), Crumb(f"Job {job.id}")],
            job=job,
            line=_line(job, starters, self._frame.now()),
            rate=_rate(job),
            facts=[
                (key, _fact(key, value)) for key, value in sorted(result.items()) if not isinstance(value, list | dict)
            ],
            left=_left(job),
            tables=[
                _table(key, value)
                for key, value in sorted(result.items())
                if isinstance(value, list | dict) and key != LEFT and not (LEFT in result and key == _NAMES)
            ],
            data=json.dumps(job.data, indent=2, sort_keys=True, ensure_ascii=False),
            lines=lines,
            final=job.state in _ENDS,
            operates=await self._jobs.operates(caller.who, origin=caller.origin),
        )

    async def _kinds(self, visit: Visit, *, operates: bool) -> Sequence[str]:
        caller = self._frame.caller(visit)
        return await self._jobs.kinds(caller.who, origin=caller.origin) if operates else sorted(_TITLES)


def title_of(kind: str) -> str:
    """What a kind of job does, in words."""
    return _TITLES.get(kind) or kind.replace("-", " ").capitalize()


def target_of(job: Job) -> str:
    """What a job is about, '' where it is about the whole registry."""
    for name in _TARGETS:
        value = job.data.get(name)
        if isinstance(value, str | int) and not isinstance(value, bool) and value != "":
            return f"{name} {value}" if isinstance(value, int) else value
    return ""


def _wanted(filters: Mapping[str, str], *, operates: bool) -> Looked:
    state, whose = filters["state"], filters["whose"] or str(Whose.PEOPLE)
    if state not in STATES:
        raise Invalid("state", f"one of {', '.join(filter(None, STATES))}")
    if whose not in set(Whose):
        raise Invalid("whose", f"one of {', '.join(Whose)}")
    return Looked(
        Whose(whose) if operates else Whose.MINE,
        (JobState[state.upper()],) if state else (),
        filters["kind"],
    )


def _lines(page: JobPage, now: int) -> list[JobLine]:
    return [_line(job, page.starters, now) for job in page.jobs]


def _line(job: Job, starters: Mapping[int, str], now: int) -> JobLine:
    progress = job.progress
    ended = job.state in _ENDS
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


def _rate(job: Job) -> str:
    if job.progress is None or job.progress.rate is None:
        return ""
    rate = job.progress.rate
    return f"{rate:,.0f} a second" if rate >= 10 else f"{rate:.1f} a second"


def _left(job: Job) -> list[tuple[str, str]]:
    """What a job could not do, and why."""
    return [(_text(each.get("name", "")), _text(each.get("reason", ""))) for each in job.left if isinstance(each, dict)]


def _table(name: str, value: list[Any] | dict[str, Any]) -> Table:
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


def _fact(name: str, value: object) -> str:
    return size(value) if name in _BYTES and isinstance(value, int) else _text(value)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _number(text: str, field: str) -> int:
    if not text:
        return 0
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise Invalid(field, "this is no place of this list")
    return int(text)
