"""`/r/NAME/-/changes/N`, `/n/NAMESPACE/-/changes/N`: several tags, or repositories, at once: what would become of each,
new names, the one button that lets it be done, how far it is, what became of each, and taking it back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from holdfast.access.errors import Conflict, Denied, Invalid
from holdfast.access.model import PathPermit
from holdfast.oci.name import RepositoryName
from holdfast.registry.browsing.repositories import RepositoryTable
from holdfast.registry.effective.kinds import duration_words
from holdfast.registry.effective.service import WINDOW
from holdfast.registry.namespaces.settings import SettingsTree
from holdfast.registry.several.model import MANY, Change, Item, Kind, Outcome, State, Wish
from holdfast.registry.several.service import Several
from holdfast.web.formats import urlpath
from holdfast.web.frame import Crumb, Frame, redirect
from holdfast.web.listing import Listing
from holdfast.web.refusals import NoPage
from holdfast.web.site import Route
from holdfast.web.visit import Answer, Visit

TITLES = {
    Kind.DELETE: "Delete",
    Kind.RETAG: "Retag",
    Kind.LABEL: "Label",
    Kind.PROMOTE: "Promote",
    Kind.PROTECT: "Protect",
    Kind.PUBLIC: "Make public",
    Kind.PRIVATE: "Make private",
    Kind.DELETE_REPOSITORY: "Delete",
}
_THEN = {
    Kind.DELETE: "deleted",
    Kind.RETAG: "retagged",
    Kind.LABEL: "labelled",
    Kind.PROMOTE: "promoted",
    Kind.PROTECT: "protected",
    Kind.PUBLIC: "public",
    Kind.PRIVATE: "private",
    Kind.DELETE_REPOSITORY: "deleted",
}
_PLACES = {"r": "/r/{repository:name}", "n": "/n/{namespace:name}", "": "/n"}
_SHOWN = {"": None, "changing": Outcome.WAITS, "done": Outcome.DONE, "left": Outcome.LEFT, "staying": Outcome.STAYS}
_WISH = ("target", "name", "text", "match", "pattern", "replace")


class Services(NamedTuple):
    """What these pages stand on."""

    several: Several
    settings: SettingsTree
    repositories: RepositoryTable


class _At(NamedTuple):
    """Which change a page is of: its path, a repository or a namespace ('': everything), and its number."""

    path: str
    id: int
    of_repositories: bool

    @property
    def here(self) -> str:
        """The address of the repository or namespace."""
        if not self.of_repositories:
            return f"/r/{urlpath(self.path)}"
        return f"/n/{urlpath(self.path)}" if self.path else "/n"

    def base(self, id: int | None = None) -> str:
        """The address of a change there, of this one without `id`."""
        return f"{self.here}/-/changes/{self.id if id is None else id}"

    @property
    def back(self) -> str:
        """The list that the items were picked from."""
        return f"{self.here}?view=flat" if self.of_repositories else f"{self.here}/-/tags"


class SeveralPages:
    """The pages of changes of several tags, or repositories."""

    def __init__(self, frame: Frame, services: Services) -> None:
        self._frame = frame
        self._services = services

    def routes(self) -> list[Route]:
        """Every route of these pages."""
        found = [Route("POST", f"{_PLACES['r']}/-/changes/{{change}}/rename", self.rename)]
        for place in _PLACES.values():
            here = f"{place}/-/changes/{{change}}"
            found += [
                Route("GET", here, self.show),
                Route("POST", f"{here}/start", self.start),
                Route("POST", f"{here}/undo", self.undo),
            ]
        return found

    async def show(self, visit: Visit) -> Answer:
        """A change, and its items."""
        return await self._show(visit, {}, {})

    async def rename(self, visit: Visit) -> Answer:
        """Look at its tags with other new names."""
        fields = await self._frame.changes(visit)
        at = _at(visit)
        permit = self._frame.signed_in(visit).at(at.path)
        given = {each: fields.get(each, "").strip() for each in _WISH}
        try:
            made = await self._services.several.rename(permit, at.id, _wish(given))
        except (Invalid, Denied) as error:
            field = error.field if isinstance(error, Invalid) and error.field in _WISH else ""
            return await self._show(visit, given, {field: str(error)}, 400)
        return redirect(at.base(made))

    async def start(self, visit: Visit) -> Answer:
        """Let it be done."""
        fields = await self._frame.changes(visit)
        at = _at(visit)
        permit = self._frame.signed_in(visit).at(at.path)
        change = await self._change(permit, at)
        given = {each: fields.get(each, "").strip() for each in _WISH}
        typed = _typed(change)
        if typed and fields.get("typed", "").strip() != typed:
            return await self._show(visit, given, {"typed": f"type {typed} to go on"}, 400)
        try:
            await self._services.several.start(permit, at.id, _wish(given))
        except Invalid as error:
            return await self._show(visit, given, {error.field: str(error)}, 400)
        except Conflict as error:
            return await self._show(visit, given, {"": str(error)}, 409)
        return self._frame.done(visit, at.base(), "It is under way")

    async def undo(self, visit: Visit) -> Answer:
        """Let it be taken back."""
        await self._frame.changes(visit)
        at = _at(visit)
        permit = self._frame.signed_in(visit).at(at.path)
        await self._change(permit, at)
        try:
            back = await self._services.several.undo(permit, at.id)
        except Conflict as error:
            return await self._show(visit, {}, {"": str(error)}, 409)
        return self._frame.done(visit, at.base(back), "It is being taken back")

    async def _change(self, permit: PathPermit, at: _At) -> Change:
        change = await self._services.several.show(permit, at.id)
        if change.path != at.path or change.kind.of_repositories != at.of_repositories:
            raise NoPage
        return change

    async def _show(self, visit: Visit, given: dict[str, str], errors: dict[str, str], status: int = 200) -> Answer:
        at = _at(visit)
        permit = self._frame.signed_in(visit).at(at.path)
        change = await self._change(permit, at)
        query = visit.query if visit.method in ("GET", "HEAD") else {}
        listing = Listing(at.base(), query, ("name",), "name", ("show",))
        if listing.filters["show"] not in _SHOWN:
            raise Invalid("show", f"one of {', '.join(filter(None, _SHOWN))}")
        outcome = _SHOWN[listing.filters["show"]]
        page = await self._services.several.items(permit, at.id, outcome, listing.after, listing.before, listing.limit)
        listing.found(next=page.next or None, previous=page.previous or None)
        looked_at = change.state is State.LOOKED_AT
        protection = None
        if looked_at and change.kind is Kind.PROTECT and change.counts.get(Outcome.WAITS):
            protection = await self._services.several.protection(permit, at.id)
        held = await self._services.settings.show(permit, WINDOW) if looked_at and at.path else None
        title, kind = title_of(change), "n" if at.of_repositories else "r"
        crumbs = (Crumb(title),) if at.of_repositories else (Crumb("Tags", at.back), Crumb(title))
        return self._frame.page(
            visit,
            "several.html",
            status=status,
            fragment="change",
            crumbs=self._frame.crumbs(kind, at.path, *crumbs),
            tabs=self._frame.tabs(visit, kind, at.path, "repositories" if at.of_repositories else "tags")
            if at.path
            else (),
            title=title,
            verb=TITLES[change.kind],
            then=_THEN[change.kind],
            name=at.path,
            at=at.here,
            back=at.back,
            base=at.base(),
            change=change,
            own=change.account == permit.subject.id,
            by=(await self._services.several.seen.makers(permit, [change]))[change.account],
            counts={outcome.name.lower(): change.counts.get(outcome, 0) for outcome in Outcome},
            items=page.items,
            lines=await self._lines(permit, change, page.items),
            listing=listing,
            protection=protection,
            window=duration_words(held.value) if held is not None else "",
            typed=_typed(change) if looked_at else "",
            given={each: given.get(each, _said(change.wish, each)) for each in _WISH},
            errors={**dict.fromkeys((*_WISH, "typed", ""), ""), **errors},
        )

    async def _lines(self, permit: PathPermit, change: Change, items: Sequence[Item]) -> dict[str, Any]:
        if not change.kind.of_repositories:
            return {}
        found = await self._services.repositories.named(permit, [item.name for item in items])
        return {line.path: line for line in found}


def place_of(change: Change) -> str:
    """The address of a change."""
    return _At(change.path, change.id, change.kind.of_repositories).base()


def title_of(change: Change) -> str:
    """What a change does, and to how many."""
    count = change.changing if change.state is State.LOOKED_AT else change.total
    if change.kind.of_repositories:
        title = f"{TITLES[change.kind]}: {count:,} {'repository' if count == 1 else 'repositories'}"
    else:
        title = f"{TITLES[change.kind]} {count:,} {'tag' if count == 1 else 'tags'}"
    return f"Take back: {title.lower()}" if change.undoes else title


def _typed(change: Change) -> str:
    """What is typed before it is done; '': nothing."""
    count = change.counts.get(Outcome.WAITS, 0)
    if change.kind.of_repositories:
        counted = f"{count} repositories" if count != 1 else "1 repository"
        return counted if change.kind is Kind.DELETE_REPOSITORY or count > MANY else ""
    return change.path if count > MANY else ""


def _wish(given: dict[str, str]) -> Wish:
    of = {each: given[each] for each in ("target", "name", "text", "pattern")}
    return Wish(**of, match=given["match"] or "*", replace=given["replace"] == "1")


def _said(wish: Wish, name: str) -> str:
    value = getattr(wish, name)
    return ("1" if value else "") if isinstance(value, bool) else str(value)


def _at(visit: Visit) -> _At:
    """The change that is asked for. Raises `NoPage`."""
    number = visit.number("change")
    if "repository" in visit.named:
        return _At(RepositoryName.parse(visit.named["repository"]), number, False)
    return _At(visit.named.get("namespace", ""), number, True)
