"""`/search`: repositories, tags, digests, and what is said of manifests."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Query

from holdfast.access.service import Access
from holdfast.api.caller import Asking
from holdfast.api.page import Page, Paged
from holdfast.api.routing import Route, Routes, routes
from holdfast.api.shape import Output
from holdfast.registry.search.model import LONGEST, Hit, Kind, Match, asked
from holdfast.registry.search.service import Search

Word = Literal["repository", "tag", "digest", "label", "annotation", "type"]


class HitView(Output):
    """Something that was found. `path`: its repository, or the namespace that a label is on; `text`: what matched;
    `tag`, `digest`: what it leads to, null where it leads to neither."""

    kind: Word
    path: str
    text: str
    tag: str | None
    digest: str | None


class HitPage(Page[HitView]):
    """A piece of what was found. `complete` false: the time was up, and `next` searches on."""

    complete: bool


class SearchHandlers:
    """The operation that searches."""

    def __init__(self, access: Access, search: Search) -> None:
        self._access = access
        self._search = search

    async def search(
        self,
        caller: Asking,
        paging: Paged,
        *,
        q: Annotated[
            str,
            Query(
                max_length=2 * LONGEST,
                description="A word, `NAME:TAG`, `NAME@DIGEST`, a digest or 7 and more digits of one, `KEY=VALUE`.",
            ),
        ],
        kind: Annotated[list[Word] | None, Query(description="Only of these; may be repeated.")] = None,
        match: Annotated[
            Literal["exact", "prefix", "substring"], Query(description="A substring is looked for, for 150 ms a page.")
        ] = "prefix",
    ) -> HitPage:
        """Search what the caller may see, in the order of kinds. A page may be shorter than asked for and still have a
        next one."""
        wanted = asked(q, tuple(Kind(each) for each in kind or ()), Match(match))
        permit = self._access.path(caller.who, "", caller.origin)
        found = await self._search.find(permit, wanted, paging.after_text(), paging.limit)
        page = paging.part(found.hits, _view, found.next or None)
        return HitPage(items=page.items, next=page.next, complete=found.complete)


def _view(hit: Hit) -> HitView:
    return HitView(kind=hit.kind.value, path=hit.path, text=hit.text, tag=hit.tag, digest=hit.digest)


def search_routes(access: Access, search: Search) -> Routes:
    """The routes of `/search`."""
    on = SearchHandlers(access, search)
    return routes("/search", "search", Route("GET", "", on.search))
