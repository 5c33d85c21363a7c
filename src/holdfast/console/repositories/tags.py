"""`/r/NAME/-/tags`: the table of tags, what is new in it, and several tags picked to be changed at once."""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

from holdfast.access.errors import Invalid
from holdfast.access.policy.model import Action
from holdfast.console.commands import Image, Registry, copies, pull, push
from holdfast.console.repositories.about import cells_of, registry_of, why_not
from holdfast.console.repositories.asked import TAG_FILTERS, gone_to, place_of, tag_filter
from holdfast.oci.name import RepositoryName, Tag
from holdfast.registry.browsing.model import (
    MOST_ROWS,
    Found,
    RepositoryLine,
    RepositoryType,
    TagFilter,
    TagLines,
    TagSort,
)
from holdfast.registry.browsing.repositories import RepositoryTable
from holdfast.registry.browsing.tags import TagTable
from holdfast.registry.several.model import Kind, Picked
from holdfast.registry.several.service import Several
from holdfast.web.caller import Caller
from holdfast.web.formats import urlpath
from holdfast.web.frame import Crumb, Frame, redirect
from holdfast.web.listing import Column, Listing
from holdfast.web.site import Route
from holdfast.web.slots import Column as Extra
from holdfast.web.visit import Answer, Visit

_HERE = "/r/{repository:name}/-/tags"
_COPY = "copy"
_CHANGES = (*(kind for kind in Kind if not kind.of_repositories), _COPY)
_LARGEST_SEQ = 1 << 62
_COLUMNS = (
    Column("Tag", "name"),
    Column("Platforms"),
    Column("Size", "size", "number", falls=True),
    Column("Pushed", "pushed", falls=True),
    Column("Last pull", "pulled", falls=True),
)


class Services(NamedTuple):
    """What these pages stand on."""

    repositories: RepositoryTable
    tags: TagTable
    several: Several


class TagPages:
    """The table of tags."""

    def __init__(self, frame: Frame, services: Services) -> None:
        self._frame = frame
        self._services = services

    def routes(self) -> list[Route]:
        """Every route of these pages."""
        return [
            Route("GET", _HERE, self.show),
            Route("GET", "/r/{repository:name}/-/news", self.news),
            Route("POST", "/r/{repository:name}/-/selected", self.selected),
        ]

    # -- looking ---------------------------------------------------------------------------------------------------

    async def show(self, visit: Visit) -> Answer:
        """The tags."""
        name = RepositoryName.parse(visit.named["repository"])
        caller = self._frame.caller(visit)
        permit = caller.at(name)
        line = await self._services.repositories.line(permit)
        extra = [column for column in self._frame.columns if column.order is not None]
        sorts = (*TagSort, *(column.key for column in extra))
        listing = Listing(visit.path, visit.query, sorts, "-pushed", TAG_FILTERS)
        if (led := gone_to(visit, listing)) is not None:
            return led
        errors: dict[str, str] = defaultdict(str)
        lines = TagLines(Found([], None, None), None, 0, None)
        try:
            wanted = tag_filter(listing.filters, self._frame.now(), visit.look.zone)
            lines = await self._lines(caller, name, listing, wanted, extra)
        except Invalid as error:
            if error.field not in (*TAG_FILTERS, "text"):
                raise
            errors["q" if error.field == "text" else error.field] = str(error)
        found = lines.found
        listing.found(next=found.next, previous=found.previous)
        registry = registry_of(self._frame, visit)
        empty = not found.lines and not listing.filtered and listing.first and not errors
        return self._frame.page(
            visit,
            "tags.html",
            status=400 if errors else 200,
            fragment="rows",
            crumbs=self._frame.crumbs("r", name, Crumb("Tags")),
            tabs=self._frame.tabs(visit, "r", name, "tags"),
            name=name,
            at=f"/r/{urlpath(name)}",
            line=line,
            lines=found.lines,
            stopped=found.stopped,
            total=lines.total,
            folded=lines.folded,
            seq=lines.seq,
            tracked_since=lines.tracked_since,
            listing=listing,
            errors=errors,
            columns=_columns(self._frame.columns),
            cells=await cells_of(self._frame.columns, caller, name, [each.name for each in found.lines]),
            extra=self._frame.columns,
            commands={each.name: _command(registry, name, each.name, line) for each in found.lines},
            deletes=_may(caller, name, Action.DELETE_TAG),
            labels=_may(caller, name, Action.OVERWRITE),
            protects=bool(caller.who.subject.id) and not permit.lacks(Action.SETTINGS, name),
            picks=bool(caller.who.subject.id),
            audits=permit.tags(Action.READ_AUDIT, name).everything,
            empty=empty,
            push_clients=push(registry, name) if empty else [],
            push_why=why_not(caller, Action.CREATE_TAG, name) if empty else "",
        )

    async def _lines(
        self, caller: Caller, name: RepositoryName, listing: Listing, wanted: TagFilter, extra: list[Extra]
    ) -> TagLines:
        permit = caller.at(name)
        place = place_of(listing)
        by = next((column for column in extra if column.key == listing.sort), None)
        if by is None or by.order is None:
            return await self._services.tags.page(permit, name, wanted, place)
        if wanted.any:
            raise Invalid("q", f"by {by.title.lower()} all tags are shown: clear the filter, or sort by something else")
        ordered = await by.order(permit, name, place.descending, place.after, place.before, place.limit)
        lines = await self._services.tags.named(permit, name, ordered.names)
        head = await self._services.tags.page(permit, name, TagFilter(), place._replace(sort="name", after="", limit=1))
        return head._replace(found=Found(lines, ordered.next, ordered.previous))

    async def news(self, visit: Visit) -> Answer:
        """How many tags were put since the page was made."""
        name = RepositoryName.parse(visit.named["repository"])
        seen = _seq(visit.query.get("seen", ""))
        count = await self._services.tags.newer(self._frame.caller(visit).at(name), name, seen)
        return self._frame.page(
            visit,
            "tags-news.html",
            fragment="news",
            crumbs=self._frame.crumbs("r", name, Crumb("New tags")),
            at=f"/r/{urlpath(name)}",
            seq=seen,
            count=count,
        )

    # -- several at once -------------------------------------------------------------------------------------------

    async def selected(self, visit: Visit) -> Answer:
        """Look at what doing something to several tags would do; or show their commands."""
        name = RepositoryName.parse(visit.named["repository"])
        fields = await self._frame.changes(visit)
        change, every = fields.get("do", ""), fields.get("all") == "1"
        picked = [Tag.parse(each) for each in dict.fromkeys(fields.many("pick"))][:MOST_ROWS]
        back = f"/r/{urlpath(name)}/-/tags"
        if change not in _CHANGES:
            raise Invalid("do", f"one of {', '.join(_CHANGES)}")
        if not picked and (not every or change == _COPY):
            return self._frame.done(visit, back, "No tag was selected")
        if change == _COPY:
            return await self._copies(visit, name, picked)
        wanted = TagFilter()
        if every:
            given = {key: fields.get(key, "") for key in TAG_FILTERS}
            wanted = tag_filter(given, self._frame.now(), visit.look.zone)
        permit = self._frame.signed_in(visit).at(name)
        chosen = Picked(None if every else picked, wanted, _seq(fields.get("seq", "")))
        made = await self._services.several.plan(permit, Kind(change), chosen)
        return redirect(f"/r/{urlpath(name)}/-/changes/{made}")

    async def _copies(self, visit: Visit, name: RepositoryName, picked: list[Tag]) -> Answer:
        permit = self._frame.caller(visit).at(name)
        line = await self._services.repositories.line(permit)
        there = await self._services.tags.named(permit, name, picked)
        registry = registry_of(self._frame, visit)
        at = f"/r/{urlpath(name)}"
        return self._frame.page(
            visit,
            "tags-copy.html",
            crumbs=self._frame.crumbs("r", name, Crumb("Tags", f"{at}/-/tags"), Crumb("Copy the commands")),
            back=f"{at}/-/tags",
            title="Copy the commands",
            by_tag=copies(registry, [Image(name, each.name, line.kind) for each in there]),
            by_digest=copies(registry, [Image(name, each.digest, line.kind) for each in there]),
            count=len(there),
        )


def _seq(text: str) -> int:
    """A place in the history of the repository. Raises `Invalid`."""
    if not text.isascii() or not text.isdigit() or int(text[:20]) > _LARGEST_SEQ:
        raise Invalid("seen", "a place in the history of the repository")
    return int(text)


def _may(caller: Caller, name: str, action: Action) -> bool:
    return bool(caller.who.subject.id) and not caller.at(name).tags(action, name).nothing


def _command(registry: Registry, name: RepositoryName, tag: str, line: RepositoryLine) -> str:
    kind = line.kind if line.kind is not RepositoryType.EMPTY else RepositoryType.IMAGE
    return pull(registry, Image(name, tag, kind), private=False)[0].lines[-1]


def _columns(extra: tuple[Extra, ...]) -> list[Column]:
    added = [Column(each.title, each.key if each.order is not None else "", each.kind, falls=True) for each in extra]
    return [*_COLUMNS, *added]
