"""`/r/NAME/-/tags/TAG` and `/r/NAME/-/digests/DIGEST`: what is inside an artifact, what refers to it, who uses it.

Promises: what the API would refuse is not shown; each view reads only what it shows; a tag that was deleted says when
and by whom, and offers its return, to who may be told of it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from holdfast.access.policy.model import Action
from holdfast.access.usage.service import Usage
from holdfast.console.artifact import pulls
from holdfast.console.artifact.about import Place, both
from holdfast.console.artifact.chart import CHART, Charts
from holdfast.console.artifact.config import environment, pairs, raw, words
from holdfast.console.artifact.doing import doings
from holdfast.console.artifact.gone import GonePages
from holdfast.console.artifact.layers import layer_table
from holdfast.console.artifact.referrers import flat, tree
from holdfast.console.commands import Client, Image, Registry, login, pull, refer
from holdfast.oci.digest import Digest
from holdfast.registry.browsing.model import RepositoryType
from holdfast.registry.details.looking import Looked, Looking, Wish
from holdfast.registry.details.model import ArtifactKind
from holdfast.registry.errors import ManifestUnknown
from holdfast.registry.history.cursors import change_text, read_change
from holdfast.registry.history.model import Filter
from holdfast.registry.history.service import History
from holdfast.registry.history.targets import Target
from holdfast.web.caller import Caller
from holdfast.web.frame import Crumb, Frame, Shown
from holdfast.web.listing import Listing
from holdfast.web.site import Route
from holdfast.web.slots import About, Slot
from holdfast.web.visit import Answer, Visit

_TITLES = {
    "layers": "Layers",
    "config": "Configuration",
    "files": "Files",
    "referrers": "Referrers",
    "pulls": "Pulls",
    "history": "History",
    "raw": "Raw",
}
_BOXES = "panels"
"""The view that is what features say, which follows the page."""
_FEW_PLATFORMS = 8
_MOST_CURSOR = 1 << 62


class Services(NamedTuple):
    """What the pages of an artifact stand on."""

    looking: Looking
    usage: Usage
    history: History


class Pulling(NamedTuple):
    """How an artifact is pulled: by what its page calls it, by its digest (`pinned`), and what logs in before that (''
    where it is public). `refers`: what lays something beside it."""

    named: list[Client]
    pinned: list[Client]
    login: str
    refers: Client


class ArtifactPages:
    """The page of an artifact, in its views."""

    def __init__(self, frame: Frame, services: Services, gone: GonePages, charts: Charts) -> None:
        self._frame = frame
        self._services = services
        self._gone = gone
        self._charts = charts

    def routes(self) -> list[Route]:
        """Every route of these pages."""
        return both("GET", "", self.show)

    async def show(self, visit: Visit) -> Answer:
        """A view of an artifact; where it was deleted, what is known of that."""
        place = Place.of(visit)
        caller = self._frame.caller(visit)
        view = visit.query.get("view", "")
        listing = Listing(place.at(), visit.query, ("place",), "place", ("view", "platform"))
        wish = _wish(view, listing)
        platform = visit.query.get("platform") or None
        try:
            permit = caller.at(place.repository)
            looked = await self._services.looking.look(permit, place.named, platform, wish)
        except ManifestUnknown as unknown:
            return await self._gone.show(visit, place, unknown)
        if view == _BOXES:
            return await self._boxes(visit, place, looked)
        views = _views(looked, caller, place)
        current = view if view in views else views[0]
        shown = await self._view(current, visit, caller, place, looked, listing)
        tabs = [
            Shown(_TITLES[key], place.at(view="" if key == views[0] else key, platform=platform or ""), key == current)
            for key in views
        ]
        return self._frame.page(
            visit,
            "artifact.html",
            crumbs=self.crumbs(place),
            tabs=tabs,
            place=place,
            looked=looked,
            view=current,
            listing=listing,
            platform=platform or "",
            platforms=_platforms(looked, place, current if current != views[0] else ""),
            few=_FEW_PLATFORMS,
            pull=self._commands(visit, caller, place, looked),
            doing=doings(caller, place),
            panels=any(panel.slot is Slot.ARTIFACT for panel in self._frame.added.panels) and current == views[0],
            **shown,
        )

    async def _boxes(self, visit: Visit, place: Place, looked: Looked) -> Answer:
        """What features say of an artifact: it follows its page, which need not wait for it."""
        about = About(path=place.repository, tag=place.tag, digest=str(looked.digest))
        return self._frame.page(
            visit,
            "artifact-panels.html",
            fragment="panels",
            crumbs=self.crumbs(place),
            place=place,
            boxes=await self._frame.boxes(visit, Slot.ARTIFACT, about),
        )

    def crumbs(self, place: Place) -> list[Crumb]:
        """The way to an artifact."""
        tags = Crumb("Tags", f"{place.repository_path}/-/tags")
        return self._frame.crumbs("r", place.repository, tags, Crumb(place.title))

    def _commands(self, visit: Visit, caller: Caller, place: Place, looked: Looked) -> Pulling:
        """How it is pulled by what it is called here, and by its digest."""
        config = looked.opened.manifest.config
        kind = RepositoryType.IMAGE
        if looked.kind is ArtifactKind.ARTIFACT:
            kind = RepositoryType.HELM if config is not None and config.media_type == CHART else RepositoryType.OTHER
        registry = Registry.at(self._frame.place, visit.session.name if visit.session is not None else "")
        private = not caller.who.rights.is_public(place.repository)
        named = pull(registry, Image(place.repository, str(place.reference), kind), private=False)
        pinned = pull(registry, Image(place.repository, str(looked.digest), kind), private=False) if place.tag else []
        refers = refer(registry, Image(place.repository, str(looked.digest)))
        return Pulling(named, pinned[:1], login(registry, named[0].key) if private else "", refers)

    async def _view(  # noqa: PLR0917 - what a view is made from
        self, view: str, visit: Visit, caller: Caller, place: Place, looked: Looked, listing: Listing
    ) -> dict[str, Any]:
        """The values of one view."""
        if view == "layers" and looked.image is not None:
            table = layer_table(looked.image, looked.sharing, _number(listing.after))
            listing.onward(str(table.next) if table.next is not None else None)
            return {"table": table}
        if view == "config":
            return _config(looked)
        if view == "files":
            return await self._files(caller, place, looked)
        if view == "referrers":
            page = looked.page
            listing.onward(str(page.next) if page is not None and page.next else None)
            return {"groups": tree(looked), "page": flat(looked, page.found) if page is not None else None}
        if view == "pulls":
            references = pulls.references(looked, place.tag)
            since = pulls.since(self._frame.now())
            permit = caller.at(place.repository)
            found, more = await self._services.usage.pullers(permit, place.repository, references, since)
            return {"pulls": pulls.rows(looked, place.tag, found), "more_pulls": more, "days": pulls.DAYS}
        if view == "history":
            return await self._history(caller, place, listing)
        if view == "raw":
            return {"documents": _raw(looked)}
        return {}

    async def _files(self, caller: Caller, place: Place, looked: Looked) -> dict[str, Any]:
        config = looked.opened.manifest.config
        chart = None
        if config is not None and config.media_type == CHART:
            chart = await self._charts.read(caller.at(place.repository), place.named, looked)
        return {"chart": chart}

    async def _history(self, caller: Caller, place: Place, listing: Listing) -> dict[str, Any]:
        found = await self._services.history.changes(
            caller.at(""), Target(place.repository, place.tag), Filter(), read_change(listing.after), listing.limit
        )
        listing.onward(change_text(found.next))
        return {"changes": found.changes}


def _views(looked: Looked, caller: Caller, place: Place) -> list[str]:
    """The views that there are of an artifact, for this caller, the first one first."""
    runs = looked.kind is ArtifactKind.INDEX or looked.kind is ArtifactKind.IMAGE
    found = ["layers", "config"] if runs else ["files"]
    found.append("referrers")
    if caller.at(place.repository).tags(Action.READ_AUDIT, place.repository).everything:
        found.append("pulls")
    if place.tag:
        found.append("history")
    return [*found, "raw"]


def _wish(view: str, listing: Listing) -> Wish:
    """What a view shows beside the artifact itself."""
    if view == "referrers":
        return Wish(referrers=True, after=_number(listing.after), limit=listing.limit)
    if view in ("pulls", "history"):
        return Wish()
    first = _number(listing.after) if view in ("", "layers") else 0
    return Wish(config=True, sharing=view in ("", "layers"), layers=(first, first + 200))


def _number(text: str) -> int:
    return min(int(text[:20]), _MOST_CURSOR) if text.isascii() and text.isdecimal() else 0


class _Choice(NamedTuple):
    """A part of an index as a choice. `name`: its platform, or what it attests; `href`: where it is shown."""

    name: str
    size: int | None
    href: str
    current: bool
    attests: bool
    digest: str


def _platforms(looked: Looked, place: Place, view: str) -> list[_Choice]:
    """The parts of an index: platforms are switched to, the rest has a page of its own."""
    shown = str(looked.named.stored.digest) if looked.named is not None else ""
    known = {name: each.digest for name, each in looked.opened.platforms.items()}
    found = []
    for part in looked.parts:
        switched = known.get(part.platform) == part.digest
        name = part.platform or "unknown platform"
        if part.attests is not None:
            name = f"attestation for {part.attests[:71]}"
        href = place.at(view=view, platform=part.platform) if switched else place.beside(part.digest).at()
        found.append(_Choice(name, part.size, href, switched and part.digest == shown, not switched, part.digest))
    return sorted(found, key=lambda each: each.attests)


def _config(looked: Looked) -> dict[str, Any]:
    config = looked.image.config if looked.image is not None else None
    inner = looked.named.manifest.annotations if looked.named is not None and looked.named != looked.opened else {}
    return {
        "config": config,
        "entrypoint": words(config.entrypoint) if config is not None else "",
        "command": words(config.command) if config is not None else "",
        "environment": environment(config) if config is not None else None,
        "labels": pairs(config.labels) if config is not None else None,
        "annotations": pairs(looked.opened.manifest.annotations),
        "inner": pairs(inner),
    }


def _raw(looked: Looked) -> list[object]:
    """The documents of an artifact: its manifest, that of the image shown in it, the configuration."""
    stored = looked.opened.stored
    name = "Index" if looked.kind is ArtifactKind.INDEX else "Manifest"
    found: list[object] = [raw(name, stored.media_type, str(stored.digest), stored.data)]
    named = looked.named
    if named is not None and named.stored.digest != stored.digest:
        own = named.stored
        title = f"Manifest for {looked.image.platform}" if looked.image is not None else "Manifest"
        found.append(raw(title, own.media_type, str(own.digest), own.data))
    if named is not None and looked.config is not None and named.manifest.config is not None:
        config = named.manifest.config
        found.append(raw("Configuration", config.media_type, str(Digest(config.digest)), looked.config))
    return found
