"""Webhooks for people: at `/webhooks`, and as a tab of repositories and namespaces.

Promises: only the host of a URL is shown, and a secret once; nothing here decides what `Webhooks` and `Deliveries` do
not decide as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from holdfast.access.errors import Conflict, Invalid
from holdfast.access.model import PathPermit
from holdfast.access.policy.model import Action
from holdfast.web.frame import Crumb, Frame
from holdfast.web.listing import Column, Listing
from holdfast.web.site import Route
from holdfast.web.slots import NavItem, Tab
from holdfast.web.visit import Answer, Visit
from holdfast.webhooks import forms
from holdfast.webhooks.deliveries import Deliveries, Told, Which
from holdfast.webhooks.delivery_pages import WORDS
from holdfast.webhooks.model import (
    COUNTED,
    MOST_OF_PATH,
    MOST_OVERLAP,
    OVERLAP,
    SECOND,
    DeliveryState,
    Shown,
    Webhook,
    WebhookState,
)
from holdfast.webhooks.places import Here, Places, number
from holdfast.webhooks.service import Webhooks

_SHOWN = {
    Which.ALL: "All events",
    Which.WAITING: "Waiting",
    Which.GIVEN_UP: "Given up",
    Which.TESTS: "Tests",
}
_OVERLAPS = {"0": "at once", "3600": "for an hour", "86400": "for a day", "604800": "for 7 days"}
# A page with a secret in it is not compressed beside what others may have a say in.
_SECRET = (("cache-control", "no-store, no-transform"),)
_LIST = (
    Column("Webhook", "name"),
    Column("Target"),
    Column("Events"),
    Column("Filter"),
    Column("State", "state"),
    Column("Success 7 d", "success", "number"),
    Column("Waiting", "waiting", "number", falls=True),
)
_DELIVERIES = (
    Column("Time"),
    Column("Event"),
    Column("State"),
    Column("Code", "", "number"),
    Column("Tries", "", "number"),
    Column("ms", "", "number"),
    Column("Next try"),
)


class Line(NamedTuple):
    """A webhook in a list. `state`: how it reads, and the kind of its badge; `told`: events that ended in 7 days;
    `percent`: how many of them were taken, None: there were none."""

    webhook: Webhook
    state: tuple[str, str, str]
    told: int
    percent: int | None


class WebhookPages:
    """The pages of webhooks."""

    def __init__(self, frame: Frame, webhooks: Webhooks, deliveries: Deliveries, places: Places) -> None:
        self._frame = frame
        self._webhooks = webhooks
        self._deliveries = deliveries
        self._places = places

    def routes(self) -> list[Route]:
        """Every route of these pages."""
        one = "/webhooks/{webhook}"
        return [
            Route("GET", "/webhooks", self.every),
            Route("GET", "/n/{namespace:name}/-/webhooks", self.of_namespace),
            Route("GET", "/r/{repository:name}/-/webhooks", self.of_repository),
            Route("GET", "/webhooks/new", self.ask_new),
            Route("POST", "/webhooks/new", self.make),
            Route("GET", one, self.show),
            Route("GET", f"{one}/edit", self.ask_change),
            Route("POST", f"{one}/edit", self.change),
            Route("POST", f"{one}/enable", self.enable),
            Route("POST", f"{one}/disable", self.disable),
            Route("GET", f"{one}/rotate", self.ask_rotate),
            Route("POST", f"{one}/rotate", self.rotate),
            Route("GET", f"{one}/delete", self.ask_delete),
            Route("POST", f"{one}/delete", self.delete),
        ]

    # -- lists ---------------------------------------------------------------------------------------------------------

    async def every(self, visit: Visit) -> Answer:
        """All webhooks that the caller may see."""
        permit = self._frame.signed_in(visit).at("")
        await self._places.require(permit, "")
        listing = Listing(visit.path, visit.query, ("number",), "number", ())
        if listing.before:
            found = await self._webhooks.before(permit, number(listing.before), listing.limit + 1)
            more, rows = len(found) > listing.limit, found[-listing.limit :]
        else:
            after = number(listing.after) if listing.after else 0
            found = await self._webhooks.list(permit, None, after, listing.limit + 1)
            more, rows = len(found) > listing.limit, found[: listing.limit]
        on, back = (True, more) if listing.before else (more, not listing.first)
        listing.found(
            next=str(rows[-1].id) if rows and on else None, previous=str(rows[0].id) if rows and back else None
        )
        return self._list(visit, self._places.at(visit, "", ""), rows, listing)

    async def of_namespace(self, visit: Visit) -> Answer:
        """The webhooks of a namespace."""
        return await self._of(visit, "n", visit.named["namespace"])

    async def of_repository(self, visit: Visit) -> Answer:
        """The webhooks of a repository."""
        return await self._of(visit, "r", visit.named["repository"])

    async def _of(self, visit: Visit, scope: str, path: str) -> Answer:
        permit = self._frame.signed_in(visit).at(path)
        await self._places.require(permit, path)
        listing = Listing(visit.path, visit.query, ("name", "state", "success", "waiting"), "name", ())
        rows = await self._webhooks.list(permit, path, 0, MOST_OF_PATH)
        return self._list(visit, self._places.at(visit, scope, path), rows, listing)

    def _list(self, visit: Visit, here: Here, rows: Sequence[Webhook], listing: Listing) -> Answer:
        lines = [_line(each) for each in rows]
        if listing.sort in _ORDERS:
            lines.sort(key=lambda line: (_ORDERS[listing.sort](line), line.webhook.id), reverse=listing.descending)
        columns = _LIST if here.scope else (_LIST[0], Column("Path"), *(each._replace(sort="") for each in _LIST[1:]))
        return self._frame.page(
            visit,
            "webhooks-list.html",
            fragment="webhooks",
            place=here,
            lines=lines,
            listing=listing,
            columns=columns if here.scope else (columns[0]._replace(sort=""), *columns[1:]),
            counted=COUNTED,
            crumbs=here.crumbs(Crumb("Webhooks")) if here.scope else (),
            tabs=here.tabs,
        )

    # -- one -----------------------------------------------------------------------------------------------------------

    async def show(self, visit: Visit) -> Answer:
        """A webhook, and what it was told."""
        permit = self._frame.signed_in(visit).at("")
        webhook = await self._webhooks.show(permit, number(visit.named["webhook"]))
        barred = await self._webhooks.barred(permit, webhook.id)
        here = await self._places.of(visit, webhook.path)
        listing = Listing(visit.path, visit.query, ("time",), "-time", ("show",))
        wanted = listing.filters["show"] or Which.ALL.value
        if wanted not in _SHOWN:
            raise Invalid("show", f"show one of {', '.join(_SHOWN)}")
        items: Sequence[Told] = ()
        if not barred:
            older, newer = (number(each) if each else None for each in (listing.after, listing.before))
            page = await self._deliveries.page(permit, webhook.id, Which(wanted), older, newer, listing.limit)
            listing.found(next=_text(page.next), previous=_text(page.previous))
            items = page.items
        return self._frame.page(
            visit,
            "webhooks-webhook.html",
            fragment="deliveries",
            webhook=webhook,
            line=_line(webhook),
            place=here,
            barred=barred,
            enabled=webhook.state is WebhookState.ENABLED,
            items=items,
            words=WORDS,
            waiting=int(DeliveryState.WAITING),
            shown=_SHOWN,
            wanted=wanted,
            listing=listing,
            columns=_DELIVERIES,
            crumbs=here.crumbs(Crumb("Webhooks", here.href), Crumb(webhook.name)),
        )

    async def enable(self, visit: Visit) -> Answer:
        """Let it be told again."""
        return await self._set(visit, enabled=True)

    async def disable(self, visit: Visit) -> Answer:
        """Let it be told nothing more."""
        return await self._set(visit, enabled=False)

    async def _set(self, visit: Visit, *, enabled: bool) -> Answer:
        await self._frame.changes(visit)
        permit, id = self._frame.signed_in(visit).at(""), number(visit.named["webhook"])
        found = await self._webhooks.set_enabled(permit, id, enabled=enabled)
        said = f"{found.name} is told again" if enabled else f"{found.name} is told nothing more"
        return self._frame.done(visit, f"/webhooks/{id}", said)

    # -- making and changing -------------------------------------------------------------------------------------------

    async def ask_new(self, visit: Visit) -> Answer:
        """The form of a new webhook."""
        path = visit.query.get("path", "")
        return await self._form(visit, path, None, forms.fresh())

    async def make(self, visit: Visit) -> Answer:
        """Make a webhook, and show its secret this once."""
        fields = await self._frame.changes(visit)
        path = fields.get("path", "")
        permit = self._frame.signed_in(visit).at(path)
        try:
            made = await self._webhooks.create(permit, forms.draft_of(fields, path))
        except (Invalid, Conflict) as error:
            return await self._form(visit, path, None, forms.as_given(fields), error=error)
        return await self._secret(visit, made, "Webhook added")

    async def ask_change(self, visit: Visit) -> Answer:
        """The form of a webhook that is there."""
        webhook = await self._webhooks.show(self._frame.signed_in(visit).at(""), number(visit.named["webhook"]))
        return await self._form(visit, webhook.path, webhook, forms.of_webhook(webhook))

    async def change(self, visit: Visit) -> Answer:
        """Change a webhook."""
        fields = await self._frame.changes(visit)
        permit, id = self._frame.signed_in(visit).at(""), number(visit.named["webhook"])
        try:
            found = await self._webhooks.change(permit, id, forms.change_of(fields))
        except (Invalid, Conflict) as error:
            webhook = await self._webhooks.show(permit, id)
            return await self._form(visit, webhook.path, webhook, forms.as_given(fields), error=error)
        return self._frame.done(visit, f"/webhooks/{id}", f"{found.name} is changed")

    async def _form(
        self, visit: Visit, path: str, webhook: Webhook | None, given: forms.Given, *, error: Exception | None = None
    ) -> Answer:
        permit = self._frame.signed_in(visit).at(path)
        await self._places.require(permit, path)
        here = await self._places.of(visit, path)
        title = "Change the webhook" if webhook else "Add a webhook"
        trail = [Crumb("Webhooks", here.href), *([Crumb(webhook.name, f"/webhooks/{webhook.id}")] if webhook else [])]
        return self._frame.page(
            visit,
            "webhooks-form.html",
            status=200 if error is None else 409 if isinstance(error, Conflict) else 400,
            webhook=webhook,
            place=here,
            title=title,
            given=given,
            groups=forms.groups_for(permit, path),
            shapes=forms.SHAPE_WORDS,
            said=str(error) if error is not None else "",
            wrong=error.field if isinstance(error, Invalid) else "",
            crumbs=here.crumbs(*trail, Crumb(title)),
        )

    async def ask_rotate(self, visit: Visit) -> Answer:
        """How long the secret before signs, too."""
        overlaps = {"overlaps": _OVERLAPS, "overlap": str(OVERLAP // SECOND)}
        return await self._sheet(visit, "webhooks-rotate.html", "New secret", overlaps)

    async def rotate(self, visit: Visit) -> Answer:
        """Give it a new secret, which is shown this once."""
        fields = await self._frame.changes(visit)
        text = fields.get("overlap", "")
        overlap = int(text) * SECOND if text in _OVERLAPS else MOST_OVERLAP + 1
        id = number(visit.named["webhook"])
        made = await self._webhooks.rotate(self._frame.signed_in(visit).at(""), id, overlap)
        return await self._secret(visit, made, "New secret")

    async def _secret(self, visit: Visit, made: Shown, title: str) -> Answer:
        here = await self._places.of(visit, made.webhook.path)
        return self._frame.page(
            visit,
            "webhooks-secret.html",
            headers=_SECRET,
            made=made,
            title=title,
            crumbs=here.crumbs(
                Crumb("Webhooks", here.href), Crumb(made.webhook.name, f"/webhooks/{made.webhook.id}"), Crumb(title)
            ),
        )

    async def ask_delete(self, visit: Visit) -> Answer:
        """What goes with a webhook."""
        return await self._sheet(visit, "webhooks-delete.html", "Delete")

    async def delete(self, visit: Visit) -> Answer:
        """Delete a webhook."""
        fields = await self._frame.changes(visit)
        permit, id = self._frame.signed_in(visit).at(""), number(visit.named["webhook"])
        webhook = await self._webhooks.show(permit, id)
        if fields.get("name", "") != webhook.name:
            said = "write its name as it stands above"
            return await self._sheet(visit, "webhooks-delete.html", "Delete", said=said)
        here = await self._places.of(visit, webhook.path)
        await self._webhooks.delete(permit, id)
        return self._frame.done(visit, here.href, f"{webhook.name} is deleted")

    async def _sheet(
        self,
        visit: Visit,
        template: str,
        title: str,
        values: Mapping[str, Any] | None = None,
        *,
        said: str = "",
    ) -> Answer:
        permit = self._frame.signed_in(visit).at("")
        webhook = await self._webhooks.show(permit, number(visit.named["webhook"]))
        here = await self._places.of(visit, webhook.path)
        return self._frame.page(
            visit,
            template,
            status=400 if said else 200,
            fragment="sheet",
            webhook=webhook,
            place=here,
            said=said,
            crumbs=here.crumbs(
                Crumb("Webhooks", here.href), Crumb(webhook.name, f"/webhooks/{webhook.id}"), Crumb(title)
            ),
            **(values or {}),
        )


def tab_of() -> Tab:
    """The tab of repositories and namespaces."""
    return Tab(
        "webhooks", "Webhooks", "webhooks", "rn", 75, lambda permit, path: not permit.lacks(Action.SETTINGS, path)
    )


def nav_item() -> NavItem:
    """The entry of the menu, for whoever keeps all of the registry."""

    def seen(permit: PathPermit) -> bool:
        return not permit.lacks(Action.SETTINGS, "")

    return NavItem("webhooks", "Webhooks", "/webhooks", "webhook", 55, seen)


def _line(webhook: Webhook) -> Line:
    told = webhook.delivered + webhook.given_up
    return Line(webhook, _state(webhook), told, webhook.delivered * 100 // told if told else None)


def _state(webhook: Webhook) -> tuple[str, str, str]:
    """How it stands: a word, the kind of its badge, and why."""
    if webhook.state is not WebhookState.ENABLED:
        return "Disabled", "", webhook.why
    if webhook.failing_since is not None:
        return "Failing", "bad", "Its target takes nothing; one request now and then tries it."
    if webhook.paused_until is not None:
        return "Paused", "warn", "Its target asked for quiet."
    return "Enabled", "ok", ""


_ORDERS: Mapping[str, Callable[[Line], Any]] = {
    "name": lambda line: line.webhook.name,
    "state": lambda line: line.state[0],
    "success": lambda line: line.percent if line.percent is not None else 101,
    "waiting": lambda line: line.webhook.waiting,
}


def _text(place: int | None) -> str | None:
    return str(place) if place is not None else None
