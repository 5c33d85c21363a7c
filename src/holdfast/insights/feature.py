"""Insights as a feature: what they add to the core."""

from __future__ import annotations

from collections.abc import Sequence

from holdfast.api.routing import Routes
from holdfast.feature.model import Feature, Handler, Pages, Serving, UseHandler
from holdfast.insights.aging import KIND
from holdfast.insights.handling import on_push, on_use
from holdfast.insights.tasks import AGE, FORGET, PLATFORMS, STORAGE, tasks
from holdfast.jobs.model import Priority
from holdfast.jobs.schedule import Schedule
from holdfast.journal.model import ChangeKind
from holdfast.web.frame import Frame


def _routes(serving: Serving) -> Sequence[Routes]:
    from holdfast.insights.api import insight_routes
    from holdfast.insights.looking import Insights
    from holdfast.insights.ranking import Ranking
    from holdfast.insights.showback import Showback

    db = serving.db
    return (insight_routes(serving.access, Insights(db), Ranking(db), Showback(db)),)


def _pages(serving: Serving, frame: Frame) -> Pages:
    from holdfast.insights.boxes import Boxes
    from holdfast.insights.looking import Insights
    from holdfast.insights.pages import InsightPages, nav_item, tab_of
    from holdfast.insights.ranking import Ranking
    from holdfast.insights.recent import Recent
    from holdfast.insights.showback import Showback
    from holdfast.insights.traffic import Traffic
    from holdfast.web.slots import Added

    db = serving.db
    insights, ranking, traffic = Insights(db), Ranking(db), Traffic(db)
    boxes = Boxes(insights, ranking, Recent(db), traffic)
    return Pages(
        InsightPages(frame, db, insights, ranking, Showback(db), traffic).routes(),
        Added(
            panels=boxes.panels(),
            columns=(boxes.tag_column(),),
            repository_columns=(boxes.repository_column(),),
            tabs=(tab_of(),),
            nav=(nav_item(),),
        ),
        "holdfast.insights",
    )


INSIGHTS = Feature(
    name="insights",
    settings=(KIND,),
    schedules=(
        Schedule("insights-age", "3 * * * *", AGE, priority=Priority.LOW),
        Schedule("insights-forget", "53 3 * * *", FORGET, priority=Priority.LOW),
        Schedule("insights-platforms", "* * * * *", PLATFORMS, priority=Priority.LOW),
        Schedule("insights-storage", "31 * * * *", STORAGE, priority=Priority.LOW),
    ),
    handlers=(
        Handler(
            name="insights-pushes",
            kinds=frozenset({ChangeKind.MANIFEST_PUSHED, ChangeKind.TAG_MOVED}),
            handle=on_push,
        ),
    ),
    uses=(UseHandler(name="insights", handle=on_use),),
    tasks=tasks,
    routes=_routes,
    pages=_pages,
)
