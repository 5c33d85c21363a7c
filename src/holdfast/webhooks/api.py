"""`/webhooks`: who is told of what happens at a path, what they were told, and what they answered."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from fastapi import Path, Query
from pydantic import Field

from holdfast.access.model import PathPermit
from holdfast.access.service import Access
from holdfast.api.caller import Asking, Caller
from holdfast.api.page import Page, Paged
from holdfast.api.routing import Route, Routes, routes
from holdfast.api.shape import GivenMoment, Id, Input, Moment, Output
from holdfast.webhooks.deliveries import NEWEST, Deliveries, Delivery, Span
from holdfast.webhooks.delivery_store import AttemptRow, DeliveryRow
from holdfast.webhooks.model import (
    CONCURRENCY,
    CONTENT_TYPE,
    OVERLAP,
    SECOND,
    Change,
    DeliveryState,
    Draft,
    Filter,
    Shown,
    Webhook,
    WebhookState,
)
from holdfast.webhooks.service import Webhooks
from holdfast.webhooks.shapes.catalogue import DEFAULT

_Words = list[Annotated[str, Field(max_length=260)]]
_Event = Annotated[int, Path(ge=1, lt=1 << 62, description="The number of the event; of a test, its own.")]
_State = Annotated[
    Literal["waiting", "delivered", "given-up", "skipped"] | None, Query(description="Only deliveries that stand so.")
]
_STATES: Mapping[str, DeliveryState] = {each.name.lower().replace("_", "-"): each for each in DeliveryState}


class WebhookView(Output):
    """A webhook. `url`: without what may be secret in it; `headers`: their names; `old_secret_until`: until when the
    secret before signs, too; `failing_since`: since when its target takes nothing and only one request now and then
    tries it, the next at `probe_at`; `paused_until`: until when the target asked for quiet; `waiting`: deliveries that
    wait, 1000: at least so many; `delivered`, `given_up`: of its newest 1000 events, those that ended so in 7 days."""

    id: int
    path: str
    name: str
    url: str
    shape: str
    events: list[str]
    repositories: list[str]
    tags: list[str]
    headers: list[str]
    template: str | None
    content_type: str
    signed: bool
    old_secret_until: Moment | None
    concurrency: int
    enabled: bool
    why: str
    failing_since: Moment | None
    probe_at: Moment | None
    paused_until: Moment | None
    waiting: int
    delivered: int
    given_up: int
    made_at: Moment
    made_by: str


class NewWebhookView(WebhookView):
    """A webhook with its new secret, which is shown this once; null: it does not sign."""

    secret: str | None


class GivenWebhook(Input):
    """A webhook for a path ('': the installation). Without `name` it is called as its host; without `events` it is told
    of what is usual with its shape; `headers` are sent with everything, and never shown again."""

    path: str = Field("", max_length=255)
    url: str = Field(max_length=2048)
    name: str = Field("", max_length=128)
    shape: str = Field(DEFAULT, max_length=64)
    events: _Words = Field(default_factory=list)
    repositories: _Words = Field(default_factory=list)
    tags: _Words = Field(default_factory=list)
    headers: dict[str, str] = Field(default_factory=dict)
    template: str | None = None
    content_type: str = Field(CONTENT_TYPE, max_length=128)
    signed: bool = True
    concurrency: int = CONCURRENCY


class GivenWebhookChange(Input):
    """What to change of a webhook; what is null or absent stays. `headers` replace all; with a URL of another host they
    are given anew."""

    url: str | None = Field(None, max_length=2048)
    name: str | None = Field(None, max_length=128)
    shape: str | None = Field(None, max_length=64)
    events: _Words | None = None
    repositories: _Words | None = None
    tags: _Words | None = None
    headers: dict[str, str] | None = None
    template: str | None = None
    content_type: str | None = Field(None, max_length=128)
    concurrency: int | None = None


class GivenRotation(Input):
    """For so many seconds the secret before signs, too."""

    overlap: int = Field(OVERLAP // SECOND, ge=0, le=30 * 86_400)


class DeliveryView(Output):
    """What came of one event. `event`: its number; `bodies_taken`: of an event that is told in several bodies;
    `due_at`: when it is tried next, where it waits; `until`: how long it is tried."""

    event: int
    kind: str
    path: str
    state: Literal["waiting", "delivered", "given-up", "skipped"]
    attempts: int
    bodies_taken: int
    made_at: Moment
    due_at: Moment | None
    until: Moment
    ended_at: Moment | None


class AttemptView(Output):
    """One request. `status` null: there was no answer; `error` '': the target took it. Headers without secrets; `body`:
    the first KiB of the answer's; `part`: which of several bodies it was."""

    number: int
    at: Moment
    milliseconds: int
    part: int
    status: int | None
    error: str
    request: dict[str, str]
    answer: dict[str, str]
    body: str


class BodyView(Output):
    """What is sent: its id, which is the same in every attempt, its content type, and it."""

    id: str
    content_type: str
    text: str


class DeliveryDetailsView(DeliveryView):
    """A delivery with its last attempts, newest first, and what is sent (as the webhook is now)."""

    tries: list[AttemptView]
    bodies: list[BodyView]


class GivenSince(Input):
    """Everything that was given up since then."""

    since: GivenMoment


class ToldAgainView(Output):
    """How many deliveries wait again."""

    deliveries: int


class GivenReplay(Input):
    """A part of the journal: beyond the event `after`, through the event `through`; or by times."""

    after: int | None = Field(None, ge=0, lt=1 << 62)
    through: int | None = Field(None, ge=0, lt=1 << 62)
    since: GivenMoment | None = None
    until: GivenMoment | None = None


class ReplayView(Output):
    """The job that tells the events again."""

    job: int


class WebhookHandlers:
    """The operations on webhooks."""

    def __init__(self, access: Access, webhooks: Webhooks, deliveries: Deliveries) -> None:
        self._access = access
        self._webhooks = webhooks
        self._deliveries = deliveries

    async def list_webhooks(self, caller: Asking, paging: Paged, path: str | None = None) -> Page[WebhookView]:
        """Webhooks that the caller may see. `path`: only those of exactly it."""
        permit = self._permit(caller)
        found = await self._webhooks.list(permit, path, paging.after_number(), paging.fetch)
        return paging.page(found, _webhook, lambda each: each.id)

    async def create_webhook(self, caller: Asking, given: GivenWebhook) -> NewWebhookView:
        """Make a webhook. Its secret is in the answer, and nowhere afterwards."""
        draft = Draft(
            path=given.path,
            url=given.url,
            name=given.name,
            shape=given.shape,
            filter=Filter(tuple(given.events), tuple(given.repositories), tuple(given.tags)),
            headers=given.headers,
            template=given.template,
            content_type=given.content_type,
            signed=given.signed,
            concurrency=given.concurrency,
        )
        return _shown(await self._webhooks.create(self._permit(caller, given.path), draft))

    async def show_webhook(self, caller: Asking, id: Id) -> WebhookView:
        """Show a webhook."""
        return _webhook(await self._webhooks.show(self._permit(caller), id))

    async def change_webhook(self, caller: Asking, id: Id, given: GivenWebhookChange) -> WebhookView:
        """Change a webhook; what waits for it is told as it is then."""
        change = Change(
            name=given.name,
            url=given.url,
            shape=given.shape,
            events=_tuple(given.events),
            repositories=_tuple(given.repositories),
            tags=_tuple(given.tags),
            headers=given.headers,
            template=given.template,
            content_type=given.content_type,
            concurrency=given.concurrency,
        )
        return _webhook(await self._webhooks.change(self._permit(caller), id, change))

    async def delete_webhook(self, caller: Asking, id: Id) -> None:
        """Delete a webhook, and what waits for it."""
        await self._webhooks.delete(self._permit(caller), id)

    async def rotate_webhook(self, caller: Asking, id: Id, given: GivenRotation) -> NewWebhookView:
        """Give a webhook a new secret. For a while both sign, so that its receiver can change over."""
        return _shown(await self._webhooks.rotate(self._permit(caller), id, given.overlap * SECOND))

    async def enable_webhook(self, caller: Asking, id: Id) -> WebhookView:
        """Let a webhook be told again of what happens, and at once of what waits for it."""
        return _webhook(await self._webhooks.set_enabled(self._permit(caller), id, enabled=True))

    async def disable_webhook(self, caller: Asking, id: Id) -> WebhookView:
        """Let a webhook be told nothing more."""
        return _webhook(await self._webhooks.set_enabled(self._permit(caller), id, enabled=False))

    async def test_webhook(self, caller: Asking, id: Id) -> DeliveryDetailsView:
        """Send a test now, and show what the target answers."""
        return _details(await self._deliveries.test(self._permit(caller), id))

    async def list_deliveries(self, caller: Asking, paging: Paged, id: Id, state: _State = None) -> Page[DeliveryView]:
        """What a webhook was told, newest first."""
        chosen = _STATES[state] if state is not None else None
        before = paging.after_number() or NEWEST
        found = await self._deliveries.list(self._permit(caller), id, chosen, before, paging.fetch)
        return paging.page(found, _delivery, lambda row: row.pos)

    async def show_delivery(self, caller: Asking, id: Id, event: _Event) -> DeliveryDetailsView:
        """Show what came of one event, every attempt, and what is sent."""
        return _details(await self._deliveries.show(self._permit(caller), id, event))

    async def redeliver(self, caller: Asking, id: Id, event: _Event) -> DeliveryView:
        """Tell an event again, under the id that it had; one that waits: at once."""
        return _delivery(await self._deliveries.redeliver(self._permit(caller), id, event))

    async def redeliver_failed(self, caller: Asking, id: Id, given: GivenSince) -> ToldAgainView:
        """Tell everything again that was given up since a time."""
        return ToldAgainView(deliveries=await self._deliveries.redeliver_failed(self._permit(caller), id, given.since))

    async def replay_events(self, caller: Asking, id: Id, given: GivenReplay) -> ReplayView:
        """Tell a webhook the events of a part of the journal, those too that happened before it was made."""
        span = Span(given.after, given.through, given.since, given.until)
        return ReplayView(job=await self._deliveries.replay(self._permit(caller), id, span))

    def _permit(self, caller: Caller, path: str = "") -> PathPermit:
        return self._access.path(caller.who, path, caller.origin)


def _tuple(words: Sequence[str] | None) -> tuple[str, ...] | None:
    return None if words is None else tuple(words)


def _facts(found: Webhook) -> dict[str, Any]:
    facts = found._asdict()
    facts |= facts.pop("filter")._asdict()
    facts["enabled"] = facts.pop("state") is WebhookState.ENABLED
    facts["old_secret_until"] = facts.pop("old_until")
    return {name: list(value) if isinstance(value, tuple) else value for name, value in facts.items()}


def _webhook(found: Webhook) -> WebhookView:
    return WebhookView(**_facts(found))


def _shown(found: Shown) -> NewWebhookView:
    return NewWebhookView(**_facts(found.webhook), secret=found.secret)


def _row(row: DeliveryRow) -> dict[str, Any]:
    waits = row.state == DeliveryState.WAITING
    return {
        "event": row.pos,
        "kind": row.kind,
        "path": row.path,
        "state": DeliveryState(row.state).name.lower().replace("_", "-"),
        "attempts": row.attempts,
        "bodies_taken": row.part,
        "made_at": row.made_at,
        "due_at": row.due_at if waits else None,
        "until": row.until_at,
        "ended_at": row.ended_at,
    }


def _delivery(row: DeliveryRow) -> DeliveryView:
    return DeliveryView(**_row(row))


def _details(found: Delivery) -> DeliveryDetailsView:
    return DeliveryDetailsView(
        **_row(found.row),
        tries=[_attempt(each) for each in found.attempts],
        bodies=[BodyView(**each._asdict()) for each in found.bodies],
    )


def _attempt(row: AttemptRow) -> AttemptView:
    return AttemptView(
        number=row.n,
        at=row.at,
        milliseconds=row.ms,
        part=row.part,
        status=row.status,
        error=row.error,
        request=json.loads(row.request),
        answer=json.loads(row.answer),
        body=row.body,
    )


def webhook_routes(access: Access, webhooks: Webhooks, deliveries: Deliveries) -> Routes:
    """The routes of `/webhooks`."""
    on = WebhookHandlers(access, webhooks, deliveries)
    return routes(
        "/webhooks",
        "webhooks",
        Route("GET", "", on.list_webhooks),
        Route("POST", "", on.create_webhook, 201),
        Route("GET", "/{id}", on.show_webhook),
        Route("PATCH", "/{id}", on.change_webhook),
        Route("DELETE", "/{id}", on.delete_webhook, 204),
        Route("POST", "/{id}/rotate", on.rotate_webhook),
        Route("POST", "/{id}/enable", on.enable_webhook),
        Route("POST", "/{id}/disable", on.disable_webhook),
        Route("POST", "/{id}/test", on.test_webhook),
        Route("GET", "/{id}/deliveries", on.list_deliveries),
        Route("GET", "/{id}/deliveries/{event}", on.show_delivery),
        Route("POST", "/{id}/deliveries/{event}/redeliver", on.redeliver),
        Route("POST", "/{id}/redeliver", on.redeliver_failed),
        Route("POST", "/{id}/replay", on.replay_events, 202),
    )
