"""What a bundle tells of the database: where its schema stands, how much it holds, and which jobs and nodes there are.

Each part is asked for by itself: with half a schema or a database that is down, the bundle has the other half.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from holdfast.app.config import Settings
from holdfast.app.datadir import DataDirectory
from holdfast.app.engines import database, database_target
from holdfast.db.figures import FIGURES, MOST
from holdfast.db.mode import read_mode
from holdfast.db.nodes import nodes
from holdfast.db.port import Database
from holdfast.db.schema import schema_standing
from holdfast.jobs.model import JobState
from holdfast.jobs.service import Jobs

_SECONDS = 20.0
_LATEST_FAILURES = 20


def database_figures(settings: Settings) -> dict[str, object]:
    """The parts by name; one that could not be had says why."""
    target = database_target(settings, DataDirectory(settings.data))
    if settings.database.url is None and not Path(target).exists():
        return {"missing": f"there is no registry in {settings.data}"}
    return asyncio.run(_gather(settings, target))


async def _gather(settings: Settings, target: str) -> dict[str, object]:
    found = {"schema": await _tried(lambda: _schema(target))}
    try:
        async with asyncio.timeout(_SECONDS), database(settings) as db:
            for name, ask in _PARTS.items():
                found[name] = await _tried(lambda ask=ask: ask(db))  # type: ignore[misc]
    except Exception as error:  # a bundle is made when something is wrong
        found["missing"] = f"{type(error).__name__}: {error}"
    return found


async def _tried(ask: Callable[[], Awaitable[object]]) -> object:
    try:
        async with asyncio.timeout(_SECONDS):
            return await ask()
    except Exception as error:
        return {"missing": f"{type(error).__name__}: {error}"}


async def _schema(target: str) -> dict[str, Any] | None:
    standing = await schema_standing(target)
    if standing is None:
        return None
    pending = [f"{step.number:04} {step.name}" for step in standing.pending]
    return {"newest": standing.newest, "oldest program": standing.oldest, "pending": pending}


async def _counts(db: Database) -> dict[str, object]:
    row = await db.one(FIGURES, most=MOST + 1)
    assert row is not None
    return {name: f"more than {MOST}" if count > MOST else count for name, count in row._asdict().items()}


async def _jobs(db: Database) -> dict[str, object]:
    jobs = Jobs(db)
    failed = await jobs.list((JobState.FAILED,), limit=_LATEST_FAILURES)
    return {
        "pending": {state.name.lower(): count for state, count in (await jobs.pending()).items()},
        "failed": [{"id": each.id, "kind": each.kind, "error": each.error} for each in failed],
    }


async def _nodes(db: Database) -> dict[str, object]:
    now = db.now()
    found = await nodes(db)
    return {
        "nodes": [{**each._asdict(), "alive": each.alive(now)} for each in found],
        "mode": (await read_mode(db))._asdict(),
    }


_PARTS: dict[str, Callable[[Database], Awaitable[object]]] = {"rows": _counts, "jobs": _jobs, "nodes": _nodes}
