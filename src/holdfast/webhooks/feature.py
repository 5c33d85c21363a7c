"""Webhooks as a feature: what they add to the core."""

from __future__ import annotations

from collections.abc import Sequence

from holdfast.api.routing import Routes
from holdfast.feature.model import Feature, Handler, Pages, Serving
from holdfast.journal.model import ChangeKind
from holdfast.web.frame import Frame
from holdfast.webhooks.matching import tell
from holdfast.webhooks.schedules import DELIVERING, FORGETTING
from holdfast.webhooks.tasks import tasks


def _routes(serving: Serving) -> Sequence[Routes]:
    from holdfast.webhooks.api import webhook_routes
    from holdfast.webhooks.deliveries import Deliveries
    from holdfast.webhooks.service import Webhooks

    webhooks = Webhooks(serving.db, serving.master, serving.targets)
    deliveries = Deliveries(serving.db, webhooks, serving.master, serving.targets, serving.public)
    return (webhook_routes(serving.access, webhooks, deliveries),)


def _pages(serving: Serving, frame: Frame) -> Pages:
    from holdfast.web.slots import Added
    from holdfast.webhooks.attention import Troubled
    from holdfast.webhooks.deliveries import Deliveries
    from holdfast.webhooks.delivery_pages import DeliveryPages
    from holdfast.webhooks.pages import WebhookPages, nav_item, tab_of
    from holdfast.webhooks.places import Places
    from holdfast.webhooks.service import Webhooks

    webhooks = Webhooks(serving.db, serving.master, serving.targets)
    deliveries = Deliveries(serving.db, webhooks, serving.master, serving.targets, serving.public)
    places = Places(frame, serving.db, webhooks)
    return Pages(
        [
            *WebhookPages(frame, webhooks, deliveries, places).routes(),
            *DeliveryPages(frame, webhooks, deliveries, places).routes(),
        ],
        Added(panels=(Troubled(serving.db).panel(),), tabs=(tab_of(),), nav=(nav_item(),)),
        "holdfast.webhooks",
    )


WEBHOOKS = Feature(
    name="webhooks",
    schedules=(DELIVERING, FORGETTING),
    handlers=(Handler(name="webhooks", kinds=frozenset(ChangeKind), handle=tell),),
    tasks=tasks,
    routes=_routes,
    pages=_pages,
)
