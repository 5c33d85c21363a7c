"""Retention as a feature: what it adds to the core."""

from __future__ import annotations

from collections.abc import Sequence

from holdfast.access.model import PathPermit
from holdfast.access.policy.model import Action
from holdfast.api.routing import Routes
from holdfast.feature.model import Feature, Handler, Pages, Serving
from holdfast.jobs.model import Priority
from holdfast.jobs.schedule import Schedule
from holdfast.journal.model import ChangeKind
from holdfast.registry.effective.kinds import SettingKind
from holdfast.retention import rules, written
from holdfast.retention.tasks import DUE, FORGET, on_push, tasks
from holdfast.web.frame import Frame
from holdfast.web.slots import Added, Tab

KIND = SettingKind(
    rules.SETTING,
    "Which tags and untagged manifests may be dropped, and when: `holdfast retention set` takes a file.",
    "JSON, as `holdfast retention set` takes it in a file; or none",
    written.canonical,
    written.write,
    "none",
    title="Retention",
    words=written.in_words,
    page="retention",
)


def _routes(serving: Serving) -> Sequence[Routes]:
    from holdfast.retention.api import inventory_routes, retention_routes
    from holdfast.retention.inventory import Inventories
    from holdfast.retention.service import Retention

    return (
        retention_routes(serving.access, Retention(serving.db, serving.objects, serving.settings)),
        inventory_routes(serving.access, Inventories(serving.db)),
    )


def _pages(serving: Serving, frame: Frame) -> Pages:
    from holdfast.registry.namespaces.settings import SettingsTree
    from holdfast.retention.editing import RulePages
    from holdfast.retention.pages import RetentionPages
    from holdfast.retention.service import Retention

    retention = Retention(serving.db, serving.objects, serving.settings)
    rules = RulePages(frame, retention, SettingsTree(serving.db, (KIND,)))
    return Pages(
        (*rules.routes(), *RetentionPages(frame, retention).routes()),
        Added(tabs=(Tab("retention", "Retention", "retention", "rn", 35, _sees),)),
        "holdfast.retention",
    )


def _sees(permit: PathPermit, path: str) -> bool:
    return not permit.lacks(Action.SETTINGS, path) or not permit.lacks(Action.LIST, path)


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
    pages=_pages,
)
