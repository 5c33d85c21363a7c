"""`/changes`: the changes of several tags, or repositories, that were looked at: one's own, and others' where one runs
the registry or owns the place; how far each is, and the way to it."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.access.errors import Invalid
from holdfast.console.repositories.several import place_of, title_of
from holdfast.oci.errors import NameInvalid
from holdfast.oci.name import RepositoryName
from holdfast.registry.several.model import Change, Outcome, State
from holdfast.registry.several.seeing import ChangePage, SeenChanges, sees_all
from holdfast.web.frame import Crumb, Frame
from holdfast.web.listing import Column, Listing
from holdfast.web.site import Route
from holdfast.web.visit import Answer, Visit

STATES = {
    "": "Any state",
    str(State.MAKING): "Being looked at",
    str(State.LOOKED_AT): "Not started",
    str(State.RUNNING): "Running",
    str(State.ENDED): "Ended",
}
_COLUMNS = (
    Column("Change"),
    Column("Where"),
    Column("State"),
    Column("Changed", kind="number"),
    Column("Left", kind="number"),
    Column("By"),
    Column("Made"),
)
_LIVE = (State.MAKING, State.RUNNING)
_SHOWN = 2


class ChangeLine(NamedTuple):
    """A change as a row shows it. `waits`: how many it would change, or has still to change."""

    change: Change
    title: str
    href: str
    by: str
    waits: int
    done: int
    left: int


class ChangePages:
    """The page of the list of changes."""

    def __init__(self, frame: Frame, seen: SeenChanges) -> None:
        self._frame = frame
        self._seen = seen

    def routes(self) -> list[Route]:
        """Every route of these pages."""
        return [Route("GET", "/changes", self.list)]

    async def list(self, visit: Visit) -> Answer:
        """Changes, newest first."""
        caller = self._frame.signed_in(visit)
        listing = Listing(visit.path, visit.query, ("made",), "-made", ("path", "state"))
        state = listing.filters["state"]
        if state not in STATES:
            raise Invalid("state", f"one of {', '.join(filter(None, STATES))}")
        path, wrong, page = listing.filters["path"], "", ChangePage([], {}, None, None)
        try:
            permit = caller.at(RepositoryName.parse(path) if path else "")
        except NameInvalid as error:
            permit, wrong = caller.at(""), str(error)
        else:
            wanted = State(state) if state else None
            page = await self._seen.look(permit, wanted, older=listing.older, newer=listing.newer, limit=listing.limit)
        listing.found(
            next=str(page.next) if page.next else None, previous=str(page.previous) if page.previous else None
        )
        return self._frame.page(
            visit,
            "changes.html",
            status=400 if wrong else 200,
            fragment="changes",
            crumbs=[Crumb("Jobs", "/jobs"), Crumb("Bulk changes")],
            listing=listing,
            columns=_COLUMNS,
            lines=[_line(each, page.makers[each.account]) for each in page.changes],
            states=STATES,
            wrong=wrong,
            everybody=sees_all(permit, permit.path),
            poll=_SHOWN if listing.first and any(each.state in _LIVE for each in page.changes) else 0,
        )


def _line(change: Change, by: str) -> ChangeLine:
    waits, done, left = (change.counts.get(each, 0) for each in (Outcome.WAITS, Outcome.DONE, Outcome.LEFT))
    return ChangeLine(change, title_of(change), place_of(change), by, waits, done, left)
