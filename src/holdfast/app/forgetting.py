"""What is kept for a while only, and the jobs that forget it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from holdfast.access.invitations.service import forget_invitations
from holdfast.access.requests.service import forget_requests
from holdfast.access.signin.once import Once
from holdfast.access.usage.service import Usage
from holdfast.app.config import Settings
from holdfast.jobs.model import Priority
from holdfast.jobs.run import Run, Task
from holdfast.jobs.schedule import Schedule
from holdfast.jobs.service import Jobs
from holdfast.registry.exporting.service import forget_files
from holdfast.registry.several.model import KEPT
from holdfast.registry.several.service import forget_changes

FORGET_JOBS = "forget-jobs"
FORGET_USAGE = "forget-usage"
FORGET_SHARING = "forget-sharing"
FORGET_FORMS = "forget-forms"
FORGET_CHANGES = "forget-changes"
FORGET_FILES = "forget-files"
SCHEDULES = (
    Schedule("forget-jobs", "17 * * * *", FORGET_JOBS, priority=Priority.LOW),
    Schedule("forget-usage", "23 * * * *", FORGET_USAGE, priority=Priority.LOW),
    Schedule("forget-forms", "37 * * * *", FORGET_FORMS, priority=Priority.LOW),
    Schedule("forget-sharing", "31 3 * * *", FORGET_SHARING, priority=Priority.LOW),
    Schedule("forget-files", "53 * * * *", FORGET_FILES, priority=Priority.LOW),
    Schedule("forget-changes", "43 3 * * *", FORGET_CHANGES, priority=Priority.LOW),
)
_MICROSECOND = timedelta(microseconds=1)


def forgetting(settings: Settings) -> Mapping[str, Task]:
    """The task of each of these kinds of job."""

    async def forget_jobs(run: Run) -> None:
        await Jobs(run.db).forget(run.db.now() - settings.jobs.history // _MICROSECOND)

    async def forget_usage(run: Run) -> None:
        await Usage(run.db).forget(settings.usage.keep // _MICROSECOND)

    async def forget_forms(run: Run) -> None:
        await Once(run.db).forget()

    async def forget_sharing(run: Run) -> None:
        await forget_requests(run.db)
        await forget_invitations(run.db)

    async def forget_several(run: Run) -> None:
        await forget_changes(run.db, run.db.now() - KEPT)

    async def forget_lists(run: Run) -> None:
        await forget_files(run.db)

    return {
        FORGET_CHANGES: forget_several,
        FORGET_FILES: forget_lists,
        FORGET_JOBS: forget_jobs,
        FORGET_USAGE: forget_usage,
        FORGET_FORMS: forget_forms,
        FORGET_SHARING: forget_sharing,
    }
