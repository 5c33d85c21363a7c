"""Retention as a feature: what it adds to the core."""

from __future__ import annotations

from collections.abc import Sequence

from holdfast.api.routing import Routes
from holdfast.feature.model import Feature, Handler, Serving
from holdfast.jobs.model import Priority
from holdfast.jobs.schedule import Schedule
from holdfast.journal.model import ChangeKind
from holdfast.registry.effective.kinds import SettingKind
from holdfast.retention import rules, written
from holdfast.retention.tasks import DUE, FORGET, on_push, tasks

KIND = SettingKind(
    rules.SETTING,
    "Which tags and untagged manifests may be dropped, and when: `holdfast retention set` takes a file.",
    "JSON, as `holdfast retention set` takes it in a file; or none",
    written.canonical,
    written.write,
    "none",
)


def _routes(serving: Serving) -> Sequence[Routes]:
    from holdfast.retention.api import inventory_routes, retention_routes
    from holdfast.retention.inventory import Inventories
    from holdfast.retention.service import Retention

    return (
        retention_routes(serving.access, Retention(serving.db, serving.objects, serving.settings)),
        inventory_routes(serving.access, Inventories(serving.db)),
    )


RETENTION = Feature(
    name="retention",
    settings=(KIND,),
    schedules=(
        Schedule("retention-due", "* * * * *", DUE, priority=Priority.LOW),
        Schedule("retention-forget", "47 4 * * *", FORGET, priority=Priority.LOW),
    ),
    handlers=(
        Handler(
            name="retention-on-push",
            kinds=frozenset({ChangeKind.MANIFEST_PUSHED, ChangeKind.TAG_MOVED, ChangeKind.IMAGE_PROMOTED}),
            handle=on_push,
        ),
    ),
    tasks=tasks,
    routes=_routes,
)
