"""`/unusual`: alerts about unusual access, why each was raised, and canaries."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Query
from pydantic import Field

from holdfast.access.errors import Invalid
from holdfast.access.service import Access
from holdfast.api.caller import Asking
from holdfast.api.page import Page, Paged
from holdfast.api.routing import Route, Routes, routes
from holdfast.api.shape import Id, Input, Moment, Output
from holdfast.unusual import store
from holdfast.unusual.service import NEWEST, STATES, Alert, Alerts, Canaries

_State = Annotated[
    Literal["open", "acknowledged", "expected", "all"], Query(description="Only those in this state; or `all`.")
]


class AlertFindingView(Output):
    """One thing that is unusual: what it adds to the score, the value that was seen, and what is usual."""

    kind: str
    points: int
    value: str
    usual: str


class AlertView(Output):
    """An alert. `path`: what all that was touched lies below; `subjects`: all of one cause; `score`: 0 to 100;
    `times`: how often it grew; `action`: what was done beside telling, null: nothing."""

    id: int
    state: Literal["open", "acknowledged", "expected"]
    path: str
    subjects: list[str]
    credential: str
    network: str
    score: int
    findings: list[AlertFindingView]
    began_at: Moment
    last_at: Moment
    times: int
    action: str | None
    closed_at: Moment | None
    closed_by: str | None
    note: str


class Closing(Input):
    """`note`: why, for those who look later."""

    note: str = Field("", max_length=500)


class CanaryView(Output):
    """A canary. `repository`, or `key`: its name, and of whom."""

    id: int
    repository: str | None
    key: str | None
    path: str
    made_at: Moment
    made_by: str


class GivenCanary(Input):
    """A repository; or the key `key` of the robot `owner`."""

    repository: str | None = Field(None, max_length=255)
    owner: str | None = Field(None, max_length=400, description="`robot:NAMESPACE+NAME`.")
    key: str | None = Field(None, max_length=256)


class UnusualHandlers:
    """The operations on alerts and canaries."""

    def __init__(self, access: Access, alerts: Alerts, canaries: Canaries) -> None:
        self._access = access
        self._alerts = alerts
        self._canaries = canaries

    async def list_alerts(self, caller: Asking, paging: Paged, state: _State = "open") -> Page[AlertView]:
        """Alerts that the caller may see, newest first."""
        permit = self._access.path(caller.who, "", caller.origin)
        wanted = None if state == "all" else STATES.index(state)
        found = await self._alerts.page(permit, wanted, paging.after_number() or NEWEST, paging.fetch)
        return paging.page(found, _alert, lambda each: each.row.id)

    async def show_alert(self, caller: Asking, id: Id) -> AlertView:
        """Show an alert: what was unusual, what is usual, and what each adds to the score."""
        return _alert(await self._alerts.get(self._access.path(caller.who, "", caller.origin), id))

    async def acknowledge_alert(self, caller: Asking, id: Id, given: Closing | None = None) -> AlertView:
        """Close an alert that somebody looked at. What it tells stays unusual."""
        permit = self._access.path(caller.who, "", caller.origin)
        said = given.note if given is not None else ""
        return _alert(await self._alerts.close(permit, id, said, expected=False))

    async def expect_alert(self, caller: Asking, id: Id, given: Closing | None = None) -> AlertView:
        """Close an alert whose cause is meant: what it tells is usual for its subjects from now on."""
        permit = self._access.path(caller.who, "", caller.origin)
        said = given.note if given is not None else ""
        return _alert(await self._alerts.close(permit, id, said, expected=True))

    async def list_canaries(self, caller: Asking, paging: Paged) -> Page[CanaryView]:
        """Canaries that the caller may see."""
        permit = self._access.path(caller.who, "", caller.origin)
        found = await self._canaries.page(permit, paging.after_number(), paging.fetch)
        return paging.page(found, _canary, lambda each: each.id)

    async def add_canary(self, caller: Asking, given: GivenCanary) -> CanaryView:
        """Make a repository or a robot's key a canary: whoever touches it raises an alert at once."""
        if given.repository is not None and given.owner is None and given.key is None:
            permit = self._access.path(caller.who, given.repository, caller.origin)
            return _canary(await self._canaries.add_repository(permit))
        if given.repository is None and given.owner is not None and given.key is not None:
            permit = self._access.path(caller.who, "", caller.origin)
            return _canary(await self._canaries.add_key(permit, given.owner, given.key))
        raise Invalid("repository", "a canary is a repository, or a key of an owner")

    async def remove_canary(self, caller: Asking, id: Id) -> None:
        """Let a canary be ordinary again."""
        await self._canaries.remove(self._access.path(caller.who, "", caller.origin), id)


def _alert(found: Alert) -> AlertView:
    row = found.row
    return AlertView(
        id=row.id,
        state=_STATES[row.state],
        path=row.path,
        subjects=found.subjects,
        credential=row.credential,
        network=row.network,
        score=row.score,
        findings=[AlertFindingView(**{**each._asdict(), "kind": str(each.kind)}) for each in found.findings],
        began_at=row.began_at,
        last_at=row.last_at,
        times=row.times,
        action=row.action or None,
        closed_at=row.closed_at,
        closed_by=row.closed_by,
        note=row.note,
    )


_STATES: tuple[Literal["open"], Literal["acknowledged"], Literal["expected"]] = ("open", "acknowledged", "expected")


def _canary(row: store.CanaryRow) -> CanaryView:
    return CanaryView(
        id=row.id,
        repository=None if row.key_id else row.path,
        key=row.label if row.key_id else None,
        path=row.path,
        made_at=row.made_at,
        made_by=row.made_by,
    )


def unusual_routes(access: Access, alerts: Alerts, canaries: Canaries) -> Routes:
    """The routes of `/unusual`."""
    on = UnusualHandlers(access, alerts, canaries)
    return routes(
        "/unusual",
        "unusual",
        Route("GET", "/alerts", on.list_alerts),
        Route("GET", "/alerts/{id}", on.show_alert),
        Route("POST", "/alerts/{id}/acknowledge", on.acknowledge_alert),
        Route("POST", "/alerts/{id}/expect", on.expect_alert),
        Route("GET", "/canaries", on.list_canaries),
        Route("POST", "/canaries", on.add_canary, 201),
        Route("DELETE", "/canaries/{id}", on.remove_canary, 204),
    )
