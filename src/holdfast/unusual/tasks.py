"""The job that forgets: subjects that were not seen for long, places that nobody comes to, old alerts."""

from __future__ import annotations

from collections.abc import Mapping

from holdfast.db.query import Command
from holdfast.feature.model import Working
from holdfast.jobs.run import Run, Task
from holdfast.unusual import store
from holdfast.unusual.model import DAY

FORGET = "unusual-forget"
KEPT_SUBJECTS, KEPT_CROWDS, KEPT_PLACES, KEPT_ALERTS = 400 * DAY, 30 * DAY, 60 * DAY, 400 * DAY
"""A subject is known for longer than a year: a key that comes alive after one was dead, not new."""
_AT_ONCE = 500


async def forget(run: Run) -> None:
    """Drop what is too old. Raises `holdfast.db.errors`."""
    now = run.db.now()
    await _drop(run, store.DROP_PROFILES, crowd=0, before=now - KEPT_SUBJECTS)
    await _drop(run, store.DROP_PROFILES, crowd=1, before=now - KEPT_CROWDS)
    await _drop(run, store.DROP_PLACES, before=now - KEPT_PLACES)
    await _drop(run, store.DROP_ALERTS, before=now - KEPT_ALERTS)


async def _drop(run: Run, command: Command, **which: int) -> None:
    while await run.write(lambda unit: unit.run(command, limit=_AT_ONCE, **which)) == _AT_ONCE:
        pass


def tasks(_working: Working) -> Mapping[str, Task]:
    """The task of every kind of job of this feature."""
    return {FORGET: forget}
