"""`/jobs`: long work that goes on in the background: how far it is, what came out of it, and ending it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Query

from holdfast.access.jobs import SeenJobs
from holdfast.api.caller import Asking
from holdfast.api.page import Page, Paged
from holdfast.api.routing import Route, Routes, routes
from holdfast.api.shape import Id, Moment, Output
from holdfast.jobs.model import Job, JobState
from holdfast.jobs.service import NEWEST

Word = Literal["waiting", "running", "done", "failed", "cancelled"]


class ProgressView(Output):
    """How far a job is, in what it counts. `total` null: not known; `rate`: per second in this run; `seconds_left`:
    null where nobody can say."""

    done: int
    total: int | None
    rate: float | None
    seconds_left: float | None


class JobView(Output):
    """A job. `run_at`: not before; `cancelled_at`: when somebody asked that it end; `data`: what is to be done;
    `result`: what came out, null until something did; `error`: what the last run that did not end well said."""

    id: int
    kind: str
    state: Word
    data: dict[str, Any]
    made_at: Moment
    run_at: Moment
    started_at: Moment | None
    ended_at: Moment | None
    cancelled_at: Moment | None
    attempts: int
    attempts_max: int
    progress: ProgressView | None
    result: dict[str, Any] | None
    error: str | None


class JobLineView(Output):
    """A line of what the runs of a job said."""

    at: Moment
    text: str


class JobHandlers:
    """The operations on jobs."""

    def __init__(self, jobs: SeenJobs) -> None:
        self._jobs = jobs

    async def list_jobs(
        self,
        caller: Asking,
        paging: Paged,
        state: Annotated[list[Word] | None, Query(description="Only in these states; may be repeated.")] = None,
    ) -> Page[JobView]:
        """Jobs, newest first: all for who operates the registry, for everybody else what he started.

        What is done is kept for as long as the setting `jobs.history` says.
        """
        found = await self._jobs.page(
            caller.who,
            [JobState[word.upper()] for word in dict.fromkeys(state or ())],
            before=paging.after_number() or NEWEST,
            limit=paging.fetch,
            origin=caller.origin,
        )
        return paging.page(found, job_view, lambda job: job.id)

    async def show_job(self, caller: Asking, id: Id) -> JobView:
        """Show a job."""
        return job_view(await self._jobs.get(caller.who, id, origin=caller.origin))

    async def show_job_lines(self, caller: Asking, id: Id) -> Page[JobLineView]:
        """What the runs of a job said last, in order: 100 lines at most. What the registry does by itself and well is
        done silently."""
        found = await self._jobs.lines(caller.who, id, origin=caller.origin)
        return Page(items=[JobLineView(at=line.at, text=line.text) for line in found])

    async def retry_job(self, caller: Asking, id: Id) -> JobView:
        """Let a job that failed or was cancelled run again, from where it came to, or one that waits run now; and of
        one that is done and left something, a new job that does only that. For who operates the registry: who started
        it may have lost since what it was started with."""
        return job_view(await self._jobs.retry(caller.who, id, origin=caller.origin))

    async def cancel_job(self, caller: Asking, id: Id) -> JobView:
        """End a job. One that runs is told to end, and keeps what it has done so far: look at its state again."""
        return job_view(await self._jobs.cancel(caller.who, id, origin=caller.origin))


def job_view(job: Job) -> JobView:
    """A job as the API shows it."""
    progress = job.progress
    return JobView(
        id=job.id,
        kind=job.kind,
        state=job.state.name.lower(),  # type: ignore[arg-type]
        data=job.data,
        made_at=job.made_at,
        run_at=job.run_at,
        started_at=job.started_at,
        ended_at=job.ended_at,
        cancelled_at=job.cancel_at,
        attempts=job.attempts,
        attempts_max=job.attempts_max,
        progress=None
        if progress is None
        else ProgressView(done=progress.done, total=progress.total, rate=progress.rate, seconds_left=progress.left),
        result=job.result,
        error=job.error,
    )


def job_routes(jobs: SeenJobs) -> Routes:
    """The routes of `/jobs`."""
    on = JobHandlers(jobs)
    return routes(
        "/jobs",
        "jobs",
        Route("GET", "", on.list_jobs),
        Route("GET", "/{id}", on.show_job),
        Route("GET", "/{id}/lines", on.show_job_lines),
        Route("POST", "/{id}/cancel", on.cancel_job),
        Route("POST", "/{id}/retry", on.retry_job),
    )
