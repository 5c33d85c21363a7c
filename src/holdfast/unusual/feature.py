"""Unusual access as a feature: what it adds to the core."""

from __future__ import annotations

from collections.abc import Sequence

from holdfast.api.routing import Routes
from holdfast.feature.model import Feature, Handler, Pages, Serving, UseHandler
from holdfast.jobs.model import Priority
from holdfast.jobs.schedule import Schedule
from holdfast.journal.model import ChangeKind
from holdfast.registry.effective.kinds import SettingKind
from holdfast.unusual import written
from holdfast.unusual.canaries import on_change
from holdfast.unusual.tasks import FORGET, tasks
from holdfast.unusual.watching import on_use
from holdfast.web.frame import Frame

KIND = SettingKind(
    written.SETTING,
    "How finely unusual access is looked for, and what is done about it: `holdfast unusual tune` takes a file.",
    "JSON, as `holdfast unusual tune` takes it in a file; or none",
    written.canonical,
    written.write,
    "none",
    title="Unusual access",
    page="unusual/tuning",
    root_page="/unusual/tuning",
    words=lambda text: "As tuned by the program" if text == "none" else "Tuned here",
)


def _routes(serving: Serving) -> Sequence[Routes]:
    from holdfast.unusual.api import unusual_routes
    from holdfast.unusual.service import Alerts, Canaries

    return (unusual_routes(serving.access, Alerts(serving.db), Canaries(serving.db)),)


def _pages(serving: Serving, frame: Frame) -> Pages:
    from holdfast.registry.namespaces.settings import SettingsTree
    from holdfast.unusual.canary_pages import CanaryPages
    from holdfast.unusual.pages import UnusualPages, nav_item, tab_of
    from holdfast.unusual.service import Alerts, Canaries
    from holdfast.unusual.tuning_pages import TuningPages
    from holdfast.web.slots import Added

    db = serving.db
    pages = UnusualPages(frame, db, Alerts(db), serving.keys)
    added = Added(panels=(pages.panel(),), tabs=(tab_of(),), nav=(nav_item(),))
    more = (CanaryPages(frame, Canaries(db)), TuningPages(frame, SettingsTree(db, [KIND])))
    return Pages([*pages.routes(), *(route for each in more for route in each.routes())], added, "holdfast.unusual")


UNUSUAL = Feature(
    name="unusual",
    settings=(KIND,),
    schedules=(Schedule("unusual-forget", "37 4 * * *", FORGET, priority=Priority.LOW),),
    handlers=(
        Handler(
            name="unusual-canaries",
            kinds=frozenset({ChangeKind.LOGIN_SUCCEEDED, ChangeKind.ACCESS_DENIED}),
            handle=on_change,
        ),
    ),
    uses=(UseHandler(name="unusual", handle=on_use),),
    tasks=tasks,
    routes=_routes,
    pages=_pages,
)
