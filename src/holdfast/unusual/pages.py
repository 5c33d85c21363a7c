"""Unusual access for people: at `/unusual`, and as a tab of repositories and namespaces.

Promises: nothing is shown or done that `Alerts`, `Canaries` and the keychain would not show or do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from holdfast.access.errors import Conflict, Invalid, Unknown
from holdfast.access.keys.keychain import Keychain
from holdfast.access.model import PathPermit
from holdfast.access.policy.model import Action
from holdfast.db.port import Database
from holdfast.registry.effective.kinds import write_duration
from holdfast.registry.namespaces.sight import checked
from holdfast.unusual.model import ABOUT, SECOND, Finding
from holdfast.unusual.seeing import audits, keeps, number, require_seen, views
from holdfast.unusual.service import NEWEST, OPEN, STATES, Alert, Alerts, holds_at, key_of_alert
from holdfast.unusual.written import Watching
from holdfast.web.caller import Caller
from holdfast.web.frame import Crumb, Frame, redirect
from holdfast.web.listing import Column, Listing
from holdfast.web.site import Route
from holdfast.web.slots import About, NavItem, Panel, Slot, Tab
from holdfast.web.visit import Answer, Visit

_SHOWN = {"open": "Open", "acknowledged": "Acknowledged", "expected": "Expected", "all": "All"}
_WORDS = (("Open", "bad"), ("Acknowledged", ""), ("Expected", "ok"))
_NOTE = 500
_ATTENTION = 3
_COUNTED = 50
SPANS = {"3600": "For an hour", "21600": "For 6 hours", "86400": "For a day", "604800": "For a week"}
"""For how long a key may be slowed."""
_DONE = {
    "suspend": "is suspended: it is refused from now on",
    "slow": "is slowed from the next request on",
    "resume": "may be used again",
}
_COLUMNS = (
    Column("Alert"),
    Column("Because"),
    Column("State"),
    Column("Score", "", "number"),
    Column("Began"),
    Column("Last"),
)


class Line(NamedTuple):
    """An alert in a list: why, in words, the strongest reason first."""

    alert: Alert
    why: str
    state: tuple[str, str]


class Key(NamedTuple):
    """The key of an alert. `owner`: as the journal names him; `suspended`, `slowed`: since when, until when; `barred`:
    why the caller may do nothing about it, '' he may."""

    name: str
    owner: str
    suspended: int | None
    slowed: int | None
    barred: str


class UnusualPages:
    """The pages of alerts."""

    def __init__(self, frame: Frame, db: Database, alerts: Alerts, keys: Keychain) -> None:
        self._frame = frame
        self._db = db
        self._alerts = alerts
        self._keys = keys

    def routes(self) -> list[Route]:
        """Every route of these pages."""
        alert = "/unusual/alerts/{alert}"
        return [
            Route("GET", "/unusual", self.list),
            Route("GET", "/n/{namespace:name}/-/unusual", self.list),
            Route("GET", "/r/{repository:name}/-/unusual", self.list),
            Route("GET", alert, self.show),
            Route("POST", f"{alert}/close", self.close),
            Route("POST", f"{alert}/suspend", self.suspend),
            Route("POST", f"{alert}/slow", self.slow),
            Route("POST", f"{alert}/resume", self.resume),
        ]

    # -- alerts --------------------------------------------------------------------------------------------------------

    async def list(self, visit: Visit) -> Answer:
        """Alerts, newest first."""
        path = visit.named.get("repository") or visit.named.get("namespace", "")
        permit = self._frame.signed_in(visit).at(checked(path))
        if not path and not audits(permit) and keeps(permit):
            return redirect("/unusual/canaries")
        await require_seen(self._db, permit, path)
        listing = Listing(visit.path, visit.query, ("time",), "-time", ("state",))
        state = listing.filters["state"] or "open"
        if state not in _SHOWN:
            raise Invalid("state", f"one of {', '.join(_SHOWN)}")
        found = await self._page(permit, None if state == "all" else STATES.index(state), listing)
        scope = "r" if "repository" in visit.named else "n" if path else ""
        return self._frame.page(
            visit,
            "unusual-list.html",
            fragment="alerts",
            path=path,
            scope=scope,
            lines=[_line(each) for each in found],
            listing=listing,
            columns=_COLUMNS,
            shown=_SHOWN,
            state=state,
            tuning=_tuned(await holds_at(self._db, path)),
            tunes=not permit.lacks(Action.SETTINGS, path),
            tuning_at=self._frame.at(scope, path, "unusual/tuning") if scope else "/unusual/tuning",
            views=views("unusual") if not scope else (),
            crumbs=self._frame.crumbs(scope, path, Crumb("Unusual access")) if scope else (),
            tabs=self._frame.tabs(visit, scope, path, "unusual") if scope else (),
        )

    async def _page(self, permit: PathPermit, state: int | None, listing: Listing) -> Sequence[Alert]:
        limit = listing.limit
        if listing.before:
            found = await self._alerts.newer(permit, state, number(listing.before), limit + 1)
            rows, more = found[-limit:], len(found) > limit
            on, back = bool(rows), more
        else:
            before = number(listing.after) if listing.after else NEWEST
            found = await self._alerts.page(permit, state, before, limit + 1)
            rows, more = found[:limit], len(found) > limit
            on, back = more, not listing.first
        listing.found(
            next=str(rows[-1].row.id) if rows and on else None, previous=str(rows[0].row.id) if rows and back else None
        )
        return rows

    async def show(self, visit: Visit) -> Answer:
        """An alert: the evidence, and what can be done."""
        return await self._show(visit)

    async def _show(self, visit: Visit, status: int = 200, said: str = "", written: str = "") -> Answer:
        caller = self._frame.signed_in(visit)
        permit = caller.at("")
        alert = await self._alerts.get(permit, number(visit.named["alert"]))
        barred = "" if not permit.lacks(Action.SETTINGS, alert.row.path) else _needs("settings", alert.row.path)
        return self._frame.page(
            visit,
            "unusual-alert.html",
            status=status,
            line=_line(alert),
            row=alert.row,
            open=alert.row.state == OPEN,
            subjects=alert.subjects,
            findings=[(each, _says(each)) for each in alert.findings],
            most=max((each.points for each in alert.findings), default=0),
            key=await self._key(caller, alert),
            barred=barred,
            said=said,
            note=written,
            spans=SPANS,
            crumbs=[Crumb("Unusual access", "/unusual"), Crumb(f"Alert {alert.row.id}")],
        )

    async def close(self, visit: Visit) -> Answer:
        """Close an alert: somebody looked at it, or it was meant."""
        fields = await self._frame.changes(visit)
        permit, id = self._frame.signed_in(visit).at(""), number(visit.named["alert"])
        how, note = fields.get("how", ""), fields.get("note", "").strip()
        if how not in ("acknowledge", "expect"):
            raise Invalid("how", "acknowledge it, or say that it was expected")
        if len(note) > _NOTE or not note.isprintable():
            said = visit.told(Invalid("note", f"a note has at most {_NOTE} printable characters"))
            return await self._show(visit, 400, said, note[:_NOTE])
        await self._alerts.close(permit, id, note, expected=how == "expect")
        said = "is usual from now on" if how == "expect" else "is acknowledged"
        return self._frame.done(visit, "/unusual", f"Alert {id} {said}")

    async def suspend(self, visit: Visit) -> Answer:
        """Refuse the key of an alert until somebody lifts that."""
        return await self._change_key(visit, "suspend")

    async def slow(self, visit: Visit) -> Answer:
        """Let the key of an alert make few requests for a while."""
        return await self._change_key(visit, "slow")

    async def resume(self, visit: Visit) -> Answer:
        """Let the key of an alert be used again."""
        return await self._change_key(visit, "resume")

    async def _change_key(self, visit: Visit, how: str) -> Answer:
        fields = await self._frame.changes(visit)
        caller, id = self._frame.signed_in(visit), number(visit.named["alert"])
        alert = await self._alerts.get(caller.at(""), id)
        key = await key_of_alert(self._db, alert)
        if key is None:
            raise Conflict("the key of this alert is gone")
        why, span = f"unusual access, alert {id}", fields.get("span", "")
        who, owner, origin = caller.who, key.owner, caller.origin
        if how == "suspend":
            await self._keys.suspend(who, key.name, why, owner=owner, origin=origin)
        elif how == "resume":
            await self._keys.resume(who, key.name, owner=owner, origin=origin)
        elif span in SPANS:
            await self._keys.slow(who, key.name, why, span=int(span) * SECOND, owner=owner, origin=origin)
        else:
            raise Invalid("span", "choose for how long")
        return self._frame.done(visit, f"/unusual/alerts/{id}", f"The key {key.name} {_DONE[how]}")

    async def _key(self, caller: Caller, alert: Alert) -> Key | None:
        """The key of an alert as the caller may know it."""
        found = await key_of_alert(self._db, alert)
        if found is None:
            return None
        try:
            key = await self._keys.get(caller.who, found.name, owner=found.owner, origin=caller.origin)
        except Unknown:
            robot = found.owner.startswith("robot:")
            needs = "'manage-access' where its robot is" if robot else "'administer', for it is a person's"
            return Key(found.name, found.owner, found.suspended_at, None, f"This needs {needs}.")
        slowed = key.slowed_until if key.slowed_until is not None and key.slowed_until > self._frame.now() else None
        return Key(found.name, found.owner, key.suspended_at, slowed, "")

    # -- what the core's pages show ------------------------------------------------------------------------------------

    def panel(self) -> Panel:
        """The box on the home page."""
        return Panel(Slot.ATTENTION, "Unusual access", self.attention)

    async def attention(self, caller: Caller, _about: About) -> tuple[str, Mapping[str, Any]] | None:
        """Open alerts that the caller may see; none: no box."""
        permit = caller.at("")
        if not audits(permit):
            return None
        found = await self._alerts.page(permit, OPEN, NEWEST, _COUNTED)
        if not found:
            return None
        return "unusual-attention.html", {
            "lines": [_line(each) for each in found[:_ATTENTION]],
            "more": len(found) - _ATTENTION,
            "counted": _COUNTED - _ATTENTION,
        }


def tab_of() -> Tab:
    """The tab of repositories and namespaces."""
    return Tab(
        "unusual", "Unusual", "unusual", "rn", 77, lambda permit, path: not permit.lacks(Action.READ_AUDIT, path)
    )


def nav_item() -> NavItem:
    """The entry of the menu, for whoever reads the audit of anything, or may make canaries."""
    return NavItem(
        "unusual", "Unusual access", "/unusual", "shield", 72, lambda permit: audits(permit) or keeps(permit)
    )


def _line(alert: Alert) -> Line:
    return Line(alert, _says(alert.findings[0]) if alert.findings else "", _WORDS[alert.row.state])


def _says(finding: Finding) -> str:
    """A finding in words."""
    return ABOUT[finding.kind]


def _tuned(holds: Watching) -> list[tuple[str, str]]:
    """How finely it is looked, in words."""
    tuning = holds.tuning
    acts = ", ".join(f"{action} for {kind}" for kind, action in sorted(holds.actions.items()))
    return [
        ("Sensitivity", f"{tuning.sensitivity}: an alert from {tuning.threshold} points on"),
        ("Learning", f"{write_duration(str(tuning.learning))}, active on {tuning.learned_days} days"),
        ("Not looked at", ", ".join(sorted(tuning.off)) or "nothing"),
        ("Beside telling", acts or "nothing is done"),
    ]


def _needs(action: str, path: str) -> str:
    return f"This needs '{action}' on {f'all of {path}' if path else 'everything'}."
