"""`/jobs`: background work: how far it is, what came out of it, what failed and why; ending it, and letting it run
again.

Promises: who operates the registry sees all, everybody else what he started (access/jobs.py); pages ask again only
while something is not final.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from holdfast.access.errors import Invalid
from holdfast.access.jobs import Looked, SeenJobs, Whose
from holdfast.console.job_words import (
    ENDS,
    NAMES,
    TITLES,
    fact_of,
    left_of,
    line_of,
    lines_of,
    rate_of,
    table_of,
    title_of,
)
from holdfast.jobs.model import LEFT, Job, JobState
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
_SHOWN = 2
_REGULAR = 15


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
            older=listing.older,
            newer=listing.newer,
            limit=listing.limit,
            origin=caller.origin,
        )
        listing.found(
            next=str(page.next) if page.next else None, previous=str(page.previous) if page.previous else None
        )
        now = self._frame.now()
        unfinished = any(job.state not in ENDS for job in page.jobs)
        return self._frame.page(
            visit,
            "jobs.html",
            fragment="jobs",
            crumbs=[Crumb("Jobs")],
            listing=listing,
            columns=_COLUMNS,
            jobs=lines_of(page, now),
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
        said = "is cancelled" if job.state in ENDS else "is told to end"
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
            line=line_of(job, starters, self._frame.now()),
            rate=rate_of(job),
            facts=[
                (key, fact_of(key, value))
                for key, value in sorted(result.items())
                if not isinstance(value, list | dict)
            ],
            left=left_of(job),
            tables=[
                table_of(key, value)
                for key, value in sorted(result.items())
                if isinstance(value, list | dict) and key != LEFT and not (LEFT in result and key == NAMES)
            ],
            data=json.dumps(job.data, indent=2, sort_keys=True, ensure_ascii=False),
            lines=lines,
            final=job.state in ENDS,
            operates=await self._jobs.operates(caller.who, origin=caller.origin),
        )

    async def _kinds(self, visit: Visit, *, operates: bool) -> Sequence[str]:
        caller = self._frame.caller(visit)
        return await self._jobs.kinds(caller.who, origin=caller.origin) if operates else sorted(TITLES)


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
