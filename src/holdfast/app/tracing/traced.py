"""Rooms, database and jobs that make spans of what they do: put around the real ones where traces are on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

from holdfast.app.proxies import Proxies
from holdfast.db.port import Database, Reader, Unit
from holdfast.db.query import Query
from holdfast.distribution.request import Receive, Scope, Send
from holdfast.jobs.run import Run, Task
from holdfast.jobs.schedule import Schedule
from holdfast.telemetry.traces import HEADER, Traces, read_traceparent

Row = TypeVar("Row")
T = TypeVar("T")
Room = Callable[[Scope, Receive, Send], Awaitable[None]]
_HEADER = HEADER.encode()


def traced_room(room: Room, traces: Traces | None, proxies: Proxies) -> Room:
    """`room`, of which each request is a span. Only a trusted proxy says whether its trace is recorded."""
    if traces is None:
        return room
    on = traces

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        parent = read_traceparent([value for name, value in scope["headers"] if name == _HEADER])
        client = scope.get("client")
        trusted = parent is not None and proxies.trusts(client[0] if client else "")
        with on.request(scope["method"], parent, trusted=trusted):
            await room(scope, receive, send)

    return serve


def traced_tasks(tasks: Mapping[str, Task], traces: Traces | None, schedules: Sequence[Schedule]) -> Mapping[str, Task]:
    """The same tasks, of which each run is a span; but for standing ones, which do not end."""
    if traces is None:
        return tasks
    standing = {each.kind for each in schedules if each.standing}
    return {kind: task if kind in standing else _traced(kind, task, traces) for kind, task in tasks.items()}


def _traced(kind: str, task: Task, traces: Traces) -> Task:
    async def run(run: Run) -> None:
        with traces.job(kind, run.job.id, run.job.attempts):
            await task(run)

    return run


def traced_database(db: Database, traces: Traces | None) -> Database:
    """`db`, of which each unit, and each read outside one, is a span in whatever asks for it."""
    return db if traces is None else _TracedDatabase(db, traces)


class _TracedDatabase:
    """A `Database` that makes spans; no statement gets into one."""

    def __init__(self, db: Database, traces: Traces) -> None:
        self._db = db
        self._traces = traces
        self.now = db.now
        self.wait = db.wait
        self.outlast = db.outlast
        self.shrink = db.shrink
        self.others = db.others
        self.close = db.close

    async def one(self, query: Query[Row], **parameters: Any) -> Row | None:
        """The first row of one read."""
        with self._traces.within("db.read"):
            return await self._db.one(query, **parameters)

    async def all(self, query: Query[Row], **parameters: Any) -> list[Row]:
        """All rows of one read."""
        with self._traces.within("db.read"):
            return await self._db.all(query, **parameters)

    async def snapshot(self, work: Callable[[Reader], Awaitable[T]]) -> T:
        """Several reads in one snapshot."""
        with self._traces.within("db.read"):
            return await self._db.snapshot(work)

    async def write(self, work: Callable[[Unit], Awaitable[T]], *, always: bool = False) -> T:
        """One unit."""
        with self._traces.within("db.write"):
            return await self._db.write(work, always=always)
