"""The jobs of insights: pulls that are recent no more, days that are forgotten, platforms, storage of the day."""

from __future__ import annotations

from collections.abc import Mapping

from holdfast.feature.model import Working
from holdfast.insights.aging import age, forget
from holdfast.insights.platforms import Platforms
from holdfast.insights.storing import note_storage
from holdfast.jobs.run import Run, Task

AGE = "insights-age"
FORGET = "insights-forget"
PLATFORMS = "insights-platforms"
STORAGE = "insights-storage"


def tasks(working: Working) -> Mapping[str, Task]:
    """The task of every kind of job of insights."""

    async def grow_old(run: Run) -> None:
        await age(run.db)

    async def forget_days(run: Run) -> None:
        await forget(run.db)

    async def platforms(run: Run) -> None:
        await Platforms(run.db, working.objects).run()

    async def storage(run: Run) -> None:
        await note_storage(run.db)

    return {AGE: grow_old, FORGET: forget_days, PLATFORMS: platforms, STORAGE: storage}
