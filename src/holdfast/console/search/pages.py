"""`/search`, and `/search/suggest` for the command palette."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode

from holdfast.access.errors import Invalid
from holdfast.console.search.found import MOST_NAMESPACES, Link, People, link_of, namespaces_of, unique
from holdfast.registry.search.model import LEAST_HEX, Asked, Kind, Match, asked
from holdfast.registry.search.service import Search
from holdfast.web.frame import Frame
from holdfast.web.listing import Listing
from holdfast.web.site import Route
from holdfast.web.visit import Answer, Visit

_SUGGESTED = 12
_KINDS = {
    "": "Everything",
    "repository": "Repositories",
    "tag": "Tags",
    "digest": "Digests",
    "label": "Labels",
    "annotation": "Annotations",
    "type": "Types",
}
_PEOPLE = "Namespaces, people, jobs"
_TITLES = {
    "repository": "Repositories",
    "tag": "Tags",
    "digest": "Manifests and blobs",
    "label": "Labels",
    "annotation": "Annotations",
    "type": "Media types",
}


class SearchPages:
    """The pages of search. `people`: finds what is not content."""

    def __init__(self, frame: Frame, search: Search, people: People) -> None:
        self._frame = frame
        self._search = search
        self._people = people

    def routes(self) -> list[Route]:
        """Every route of these pages."""
        return [Route("GET", "/search", self.show), Route("GET", "/search/suggest", self.suggest)]

    async def show(self, visit: Visit) -> Answer:
        """What is found, by kind; and what can be searched for, while nothing is."""
        listing = Listing(visit.path, visit.query, ("kind",), "kind", ("q", "kind", "match"))
        text, kind = listing.filters["q"], listing.filters["kind"]
        values: dict[str, Any] = {
            "listing": listing,
            "q": text,
            "kind": kind if kind in _KINDS else "",
            "kinds": _KINDS,
            "anywhere": listing.filters["match"] == str(Match.SUBSTRING),
            "groups": [],
            "complete": True,
            "wrong": "",
            "least": LEAST_HEX,
            "wider": _href(text, kind, Match.SUBSTRING),
        }
        if not text:
            return self._frame.page(visit, "search.html", fragment="rows", **values)
        try:
            wanted = _asked(text, kind, listing.filters["match"])
            caller = self._frame.caller(visit)
            found = await self._search.find(caller.at(""), wanted, listing.after, listing.limit)
        except Invalid as error:
            return self._frame.page(
                visit, "search.html", status=400, fragment="rows", **{**values, "wrong": str(error)}
            )
        listing.onward(found.next or None)
        values["complete"] = found.complete
        groups = _groups(link_of(hit) for hit in found.hits)
        if listing.first and not kind:
            # Looked for where no repository is called so: a page asks the database a bounded number of things.
            named = any(hit.kind is Kind.REPOSITORY for hit in found.hits)
            made = [] if named else await self._search.namespaces(caller.at(""), text, MOST_NAMESPACES)
            others = [*namespaces_of(found.hits, text, made), *await self._people.find(caller, text)]
            groups = [(_PEOPLE, others), *groups] if others else groups
        values["groups"] = groups
        return self._frame.page(visit, "search.html", fragment="rows", **values)

    async def suggest(self, visit: Visit) -> Answer:
        """The first things that are found, for the palette."""
        text = visit.query.get("q", "").strip()
        links: list[Link] = []
        try:
            caller = self._frame.caller(visit)
            wanted = _asked(text, "", "")
            made = await self._search.namespaces(caller.at(""), text, MOST_NAMESPACES)
            found = await self._search.find(caller.at(""), wanted, "", _SUGGESTED)
            people = await self._people.find(caller, text)
            links = [*people, *namespaces_of(found.hits, text, made), *(link_of(hit) for hit in found.hits)]
        except Invalid:
            links = []  # nobody is told of half a word
        return self._frame.page(visit, "search-suggest.html", links=unique(links)[:_SUGGESTED])


def _asked(text: str, kind: str, match: str) -> Asked:
    """What the query asks for. Raises `Invalid`."""
    if kind not in _KINDS:
        raise Invalid("kind", f"search for one of {', '.join(each for each in _KINDS if each)}")
    if match not in ("", *Match):
        raise Invalid("match", "match is prefix, substring or exact")
    return asked(text, (Kind(kind),) if kind else (), Match(match or "prefix"))


def _groups(links: Iterable[Link]) -> list[tuple[str, list[Link]]]:
    """The links by kind, which they are in the order of."""
    return [(_TITLES[kind], list(each)) for kind, each in itertools.groupby(links, key=lambda link: link.kind)]


def _href(text: str, kind: str, match: Match) -> str:
    return "/search?" + urlencode({"q": text, **({"kind": kind} if kind else {}), "match": str(match)})
