"""`/r/NAME/-/changes/N`: several tags at once: what would become of each, the one button that lets it be done, how far
it is, what became of each, and taking it back."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.access.errors import Conflict, Invalid
from holdfast.oci.name import RepositoryName
from holdfast.registry.effective.kinds import duration_words
from holdfast.registry.effective.service import WINDOW
from holdfast.registry.namespaces.settings import SettingsTree
from holdfast.registry.several.model import MANY, Change, Kind, Outcome, State, Wish
from holdfast.registry.several.service import Several
from holdfast.web.formats import urlpath
from holdfast.web.frame import Crumb, Frame
from holdfast.web.listing import Listing
from holdfast.web.refusals import NoPage
from holdfast.web.site import Route
from holdfast.web.visit import Answer, Visit

TITLES = {Kind.DELETE: "Delete", Kind.LABEL: "Label", Kind.PROMOTE: "Promote", Kind.PROTECT: "Protect"}
_HERE = "/r/{repository:name}/-/changes/{change}"
_SHOWN = {"": None, "changing": Outcome.WAITS, "done": Outcome.DONE, "left": Outcome.LEFT, "staying": Outcome.STAYS}
_WISH = ("target", "name", "text")


class Services(NamedTuple):
    """What these pages stand on."""

    several: Several
    settings: SettingsTree


class SeveralPages:
    """The pages of changes of several tags."""

    def __init__(self, frame: Frame, services: Services) -> None:
        self._frame = frame
        self._services = services

    def routes(self) -> list[Route]:
        """Every route of these pages."""
        return [
            Route("GET", _HERE, self.show),
            Route("POST", f"{_HERE}/start", self.start),
            Route("POST", f"{_HERE}/undo", self.undo),
        ]

    async def show(self, visit: Visit) -> Answer:
        """A change, and its tags."""
        return await self._show(visit, {}, {})

    async def start(self, visit: Visit) -> Answer:
        """Let it be done."""
        fields = await self._frame.changes(visit)
        name, id = _named(visit)
        permit = self._frame.signed_in(visit).at(name)
        change = await self._services.several.show(permit, id)
        given = {each: fields.get(each, "").strip() for each in _WISH}
        if change.counts.get(Outcome.WAITS, 0) > MANY and fields.get("typed", "").strip() != name:
            return await self._show(visit, given, {"typed": f"type {name} to go on"}, 400)
        try:
            await self._services.several.start(permit, id, Wish(**given))
        except Invalid as error:
            return await self._show(visit, given, {error.field: str(error)}, 400)
        except Conflict as error:
            return await self._show(visit, given, {"": str(error)}, 409)
        return self._frame.done(visit, _at(name, id), "It is under way")

    async def undo(self, visit: Visit) -> Answer:
        """Let it be taken back."""
        await self._frame.changes(visit)
        name, id = _named(visit)
        permit = self._frame.signed_in(visit).at(name)
        try:
            back = await self._services.several.undo(permit, id)
        except Conflict as error:
            return await self._show(visit, {}, {"": str(error)}, 409)
        return self._frame.done(visit, _at(name, back), "It is being taken back")

    async def _show(self, visit: Visit, given: dict[str, str], errors: dict[str, str], status: int = 200) -> Answer:
        name, id = _named(visit)
        caller = self._frame.signed_in(visit)
        permit = caller.at(name)
        change = await self._services.several.show(permit, id)
        query = visit.query if visit.method in ("GET", "HEAD") else {}
        listing = Listing(_at(name, id), query, ("name",), "name", ("show",))
        if listing.filters["show"] not in _SHOWN:
            raise Invalid("show", f"one of {', '.join(filter(None, _SHOWN))}")
        outcome = _SHOWN[listing.filters["show"]]
        page = await self._services.several.items(permit, id, outcome, listing.after, listing.before, listing.limit)
        listing.found(next=page.next or None, previous=page.previous or None)
        looked_at = change.state is State.LOOKED_AT
        protection = None
        if looked_at and change.kind is Kind.PROTECT and change.counts.get(Outcome.WAITS):
            protection = await self._services.several.protection(permit, id)
        held = await self._services.settings.show(permit, WINDOW) if looked_at else None
        title = _title(change)
        crumbs = (Crumb("Tags", f"/r/{urlpath(name)}/-/tags"), Crumb(title))
        return self._frame.page(
            visit,
            "several.html",
            status=status,
            fragment="change",
            crumbs=self._frame.crumbs("r", name, *crumbs),
            tabs=self._frame.tabs(visit, "r", name, "tags"),
            title=title,
            verb=TITLES[change.kind],
            name=name,
            at=f"/r/{urlpath(name)}",
            base=_at(name, id),
            change=change,
            counts={outcome.name.lower(): change.counts.get(outcome, 0) for outcome in Outcome},
            items=page.items,
            listing=listing,
            protection=protection,
            window=duration_words(held.value) if held is not None else "",
            must_type=looked_at and change.counts.get(Outcome.WAITS, 0) > MANY,
            given={each: given.get(each, "") for each in _WISH},
            errors={**dict.fromkeys((*_WISH, "typed", ""), ""), **errors},
        )


def _title(change: Change) -> str:
    count = change.changing if change.state is State.LOOKED_AT else change.total
    tags = f"{count:,} {'tag' if count == 1 else 'tags'}"
    verb = TITLES[change.kind]
    return f"Take back: {verb.lower()} {tags}" if change.undoes else f"{verb} {tags}"


def _named(visit: Visit) -> tuple[RepositoryName, int]:
    """The repository, and the number of the change. Raises `NoPage`."""
    text = visit.named["change"]
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise NoPage
    return RepositoryName.parse(visit.named["repository"]), int(text)


def _at(name: str, id: int) -> str:
    return f"/r/{urlpath(name)}/-/changes/{id}"
