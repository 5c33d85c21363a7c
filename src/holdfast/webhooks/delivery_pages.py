"""What a webhook was told, for people: one delivery with every attempt, testing, and telling again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import urlencode

from holdfast.access.errors import Invalid
from holdfast.web.frame import Crumb, Frame
from holdfast.web.site import Route
from holdfast.web.visit import Answer, Visit
from holdfast.webhooks.deliveries import NEWEST, Deliveries, Delivery
from holdfast.webhooks.delivery_store import AttemptRow, DeliveryRow
from holdfast.webhooks.model import DAY, FIRST_PING, DeliveryState
from holdfast.webhooks.places import Places, number
from holdfast.webhooks.service import Webhooks

WORDS: Mapping[int, tuple[str, str]] = {
    DeliveryState.WAITING: ("Waiting", "accent"),
    DeliveryState.DELIVERED: ("Delivered", "ok"),
    DeliveryState.GIVEN_UP: ("Given up", "bad"),
    DeliveryState.SKIPPED: ("Nothing to send", ""),
}
"""How a state reads, and the kind of its badge."""
_SPANS = {"1": "the last day", "7": "the last 7 days", "30": "the last 30 days"}


class Attempt(NamedTuple):
    """An attempt as the page shows it: headers as pairs."""

    row: AttemptRow
    request: list[tuple[str, str]]
    answer: list[tuple[str, str]]


class DeliveryPages:
    """The pages of deliveries."""

    def __init__(self, frame: Frame, webhooks: Webhooks, deliveries: Deliveries, places: Places) -> None:
        self._frame = frame
        self._webhooks = webhooks
        self._deliveries = deliveries
        self._places = places

    def routes(self) -> list[Route]:
        """Every route of these pages."""
        one = "/webhooks/{webhook}"
        return [
            Route("POST", f"{one}/test", self.test),
            Route("GET", f"{one}/redeliver", self.ask_redeliver),
            Route("POST", f"{one}/redeliver", self.redeliver_failed),
            Route("GET", f"{one}/deliveries/{{event}}", self.show),
            Route("POST", f"{one}/deliveries/{{event}}/redeliver", self.redeliver),
        ]

    async def show(self, visit: Visit) -> Answer:
        """One delivery: what is sent, every attempt, what was answered."""
        permit = self._frame.signed_in(visit).at("")
        id, event = number(visit.named["webhook"]), number(visit.named["event"], below=NEWEST)
        webhook = await self._webhooks.show(permit, id)
        found = await self._deliveries.show(permit, id, event)
        here = await self._places.of(visit, webhook.path)
        return self._frame.page(
            visit,
            "webhooks-delivery.html",
            fragment="delivery",
            webhook=webhook,
            delivery=found.row,
            is_test=event >= FIRST_PING,
            state=WORDS[found.row.state],
            waits=found.row.state == DeliveryState.WAITING,
            attempts=[_attempt(each) for each in found.attempts],
            bodies=[(each, _shown(each.text)) for each in found.bodies],
            crumbs=here.crumbs(
                Crumb("Webhooks", here.href), Crumb(webhook.name, f"/webhooks/{id}"), Crumb(title_of(found.row))
            ),
        )

    async def test(self, visit: Visit) -> Answer:
        """Send a test, wait for the answer, and show both."""
        await self._frame.changes(visit)
        id = number(visit.named["webhook"])
        found = await self._deliveries.test(self._frame.signed_in(visit).at(""), id)
        return self._frame.done(visit, f"/webhooks/{id}/deliveries/{found.row.pos}", _outcome(found))

    async def redeliver(self, visit: Visit) -> Answer:
        """Tell one event again."""
        await self._frame.changes(visit)
        id, event = number(visit.named["webhook"]), number(visit.named["event"], below=NEWEST)
        await self._deliveries.redeliver(self._frame.signed_in(visit).at(""), id, event)
        return self._frame.done(visit, f"/webhooks/{id}/deliveries/{event}", "The event is told again")

    async def ask_redeliver(self, visit: Visit) -> Answer:
        """From when on what was given up is told again."""
        return await self._ask_redeliver(visit)

    async def redeliver_failed(self, visit: Visit) -> Answer:
        """Tell again all that was given up since a time."""
        fields = await self._frame.changes(visit)
        id = number(visit.named["webhook"])
        permit = self._frame.signed_in(visit).at("")
        try:
            since = self._since(fields)
        except Invalid as error:
            return await self._ask_redeliver(visit, status=400, said=visit.told(error), tried=fields)
        told = await self._deliveries.redeliver_failed(permit, id, since)
        said = f"{told:,} deliveries wait again" if told != 1 else "1 delivery waits again"
        return self._frame.done(visit, f"/webhooks/{id}?{urlencode({'show': 'waiting'})}", said)

    async def _ask_redeliver(
        self, visit: Visit, status: int = 200, said: str = "", tried: Mapping[str, str] | None = None
    ) -> Answer:
        permit = self._frame.signed_in(visit).at("")
        webhook = await self._webhooks.show(permit, number(visit.named["webhook"]))
        here = await self._places.of(visit, webhook.path)
        tried = tried or {}
        return self._frame.page(
            visit,
            "webhooks-redeliver.html",
            status=status,
            fragment="sheet",
            webhook=webhook,
            spans={**_SPANS, "": "since a time"},
            days=tried.get("days", "1"),
            since=tried.get("since", ""),
            said=said,
            crumbs=here.crumbs(
                Crumb("Webhooks", here.href), Crumb(webhook.name, f"/webhooks/{webhook.id}"), Crumb("Redeliver")
            ),
        )

    def _since(self, fields: Mapping[str, str]) -> int:
        days = fields.get("days", "")
        if days in _SPANS:
            return self._frame.now() - int(days) * DAY
        try:
            at = datetime.fromisoformat(fields.get("since", "").strip().replace("Z", "+00:00"))
        except ValueError:
            raise Invalid("since", "write a time as in 2026-11-22 08:00, in UTC") from None
        if at.tzinfo is None:
            at = datetime.fromisoformat(f"{at.isoformat()}+00:00")
        return int(at.timestamp() * 1_000_000)


def title_of(row: DeliveryRow) -> str:
    """What a delivery is called."""
    return "Test" if row.pos >= FIRST_PING else f"Event {row.pos}"


def _outcome(found: Delivery) -> str:
    last = found.attempts[0]
    if not last.error:
        return f"The target took the test: {last.status} in {last.ms} ms"
    return "The target did not take the test: what it answered is below"


def _attempt(row: AttemptRow) -> Attempt:
    return Attempt(row, _pairs(row.request), _pairs(row.answer))


def _pairs(text: str) -> list[tuple[str, str]]:
    found: Any = json.loads(text)
    return [(str(name), str(value)) for name, value in found.items()]


def _shown(text: str) -> str:
    """A body as people read it: JSON with its lines, anything else as it is."""
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except ValueError:
        return text
