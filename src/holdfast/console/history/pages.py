"""`/-/history`: what happened to tags, and how they stood at an instant."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from markupsafe import Markup

from holdfast.access.errors import Invalid
from holdfast.access.model import PathPermit
from holdfast.access.policy.globs import GlobInvalid, TagGlob
from holdfast.access.policy.model import Action
from holdfast.console.moments import PRESETS, absolute, exact, read_moment, write_moment
from holdfast.console.where import Where, both
from holdfast.oci.name import RepositoryName
from holdfast.registry.effective.kinds import duration_words, read_duration
from holdfast.registry.effective.service import WINDOW
from holdfast.registry.history.cursors import change_text, place_text, read_change, read_place
from holdfast.registry.history.model import ALWAYS, Change, Filter, What
from holdfast.registry.history.service import History
from holdfast.registry.history.targets import Target
from holdfast.registry.namespaces.settings import SettingsTree
from holdfast.web.charts.timeline import Mark, Shape, Span, sample, timeline
from holdfast.web.frame import Crumb, Frame, redirect
from holdfast.web.listing import Column, Listing
from holdfast.web.site import Route
from holdfast.web.visit import Answer, Visit

_FILTERS = ("tags", "actor", "action", "since", "until")
_LANES = 8
_OTHERS = "others"
_LOOK = {What.CREATED: (3, Shape.DOT), What.MOVED: (1, Shape.SQUARE), What.DELETED: (2, Shape.CROSS)}
_LEGEND = {"created": sample(3, Shape.DOT), "moved": sample(1, Shape.SQUARE), "deleted": sample(2, Shape.CROSS)}
MOVING = (Action.CREATE_TAG, Action.OVERWRITE, Action.DELETE_TAG)


class Reach(NamedTuple):
    """How far back history is sure to be stored, microseconds; `words`: for how long."""

    since: int
    words: str


class HistoryPages:
    """The pages of history. `settings` say how far it reaches back."""

    def __init__(self, frame: Frame, history: History, settings: SettingsTree) -> None:
        self._frame = frame
        self._history = history
        self._settings = settings

    def routes(self) -> list[Route]:
        """Every route of these pages."""
        return both("GET", "history", self.show)

    async def show(self, visit: Visit) -> Answer:
        """The changes of tags; with `at` how they stood then."""
        where, query = Where.of(visit), visit.query
        text = query.get("at", "").strip()
        if not text:
            return await self._changes(visit, where)
        try:
            at = read_moment(text, self._frame.now(), visit.look.zone)
        except Invalid as error:
            return await self._changes(visit, where, wrong=error, tried=text)
        if not absolute(text):  # what is shown stays the same when it is looked at again
            listing = Listing(visit.path, query, ("time",), "-time", ())
            return redirect(listing.href(at=write_moment(at)))
        return await (self._differences(visit, where, at) if where.whole else self._standing(visit, where, at))

    async def _changes(self, visit: Visit, where: Where, *, wrong: Invalid | None = None, tried: str = "") -> Answer:
        caller = self._frame.caller(visit)
        listing = Listing(visit.path, visit.query, ("time",), "-time", _FILTERS)
        errors = defaultdict(str, {wrong.field: str(wrong)} if wrong is not None else {})
        wanted = Filter()
        try:
            wanted = changes_wanted(listing.filters, self._frame.now(), visit.look.zone)
        except (Invalid, GlobInvalid) as error:
            errors[error.field if isinstance(error, Invalid) else "tags"] = str(error)
        target = target_of(where)
        found = await self._history.changes(
            caller.at(""), target, wanted, read_change(listing.after), 1 if errors else listing.limit
        )
        changes = [] if errors else found.changes
        listing.onward(change_text(found.next) if not errors else None)
        columns = [
            Column("Time"),
            Column("Tag"),
            Column("Change"),
            Column("From and to"),
            Column("By"),
        ]
        return self._page(
            visit,
            where,
            "history.html",
            status=400 if errors else 200,
            fragment="rows",
            reach=await self._reach(visit, where),
            listing=listing,
            columns=columns,
            changes=changes,
            errors=errors,
            tried=tried,
            chart=_chart(where, changes) if changes else None,
            legend=_LEGEND,
        )

    async def _standing(self, visit: Visit, where: Where, at: int) -> Answer:
        listing = Listing(visit.path, visit.query, ("name",), "name", ("at",))
        permit = self._frame.caller(visit).at("")
        path = RepositoryName.parse(where.path)
        found = await self._history.standing(permit, path, at, listing.after, listing.limit)
        listing.onward(found.next)
        return await self._then(visit, where, at, listing, "history-tags.html", tags=found.tags)

    async def _differences(self, visit: Visit, where: Where, at: int) -> Answer:
        listing = Listing(visit.path, visit.query, ("name",), "name", ("at",))
        permit = self._frame.caller(visit).at("")
        found = await self._history.differences(
            permit, target_of(where), at, None, after=read_place(listing.after), limit=listing.limit
        )
        listing.onward(place_text(found.next))
        return await self._then(visit, where, at, listing, "history-since.html", found=found.found)

    async def _then(
        self, visit: Visit, where: Where, at: int, listing: Listing, template: str, **values: Any
    ) -> Answer:
        reach = await self._reach(visit, where)
        return self._page(visit, where, template, fragment="rows", at=at, listing=listing, reach=reach, **values)

    def _page(
        self, visit: Visit, where: Where, template: str, *, status: int = 200, fragment: str = "", **values: Any
    ) -> Answer:
        zone = visit.look.zone
        return self._frame.page(
            visit,
            template,
            status=status,
            fragment=fragment,
            crumbs=self._frame.crumbs(where.scope, where.path, Crumb("History")),
            tabs=self._frame.tabs(visit, where.scope, where.path, "history"),
            where=where,
            presets={title: write_moment(read_moment(text, self._frame.now())) for title, text in PRESETS.items()},
            exact=lambda moment: exact(moment, zone),
            written=write_moment,
            zone=zone or "UTC",
            restores=restores(self._frame.caller(visit).at(""), where),
            **values,
        )

    async def _reach(self, visit: Visit, where: Where) -> Reach:
        return await reach_of(self._frame, self._settings, visit, where)


def changes_wanted(given: Mapping[str, str], now: int, zone: str) -> Filter:
    """The filter of a list of changes. Raises `Invalid`, `GlobInvalid`."""
    if given["tags"]:
        TagGlob.parse(given["tags"])
    if given["action"] and given["action"] not in set(What):
        raise Invalid("action", f"an action is one of {', '.join(What)}")
    actor = given["actor"]
    if actor and ":" not in actor:
        actor = f"robot:{actor}" if "+" in actor else f"user:{actor}"
    return Filter(
        given["tags"] or None,
        actor or None,
        What(given["action"]) if given["action"] else None,
        read_moment(given["since"], now, zone, "since") if given["since"] else 0,
        read_moment(given["until"], now, zone, "until") if given["until"] else ALWAYS,
    )


async def reach_of(frame: Frame, settings: SettingsTree, visit: Visit, where: Where) -> Reach:
    """How far back the history of a path is sure to be stored."""
    held = await settings.show(frame.caller(visit).at(where.path), WINDOW)
    return Reach(frame.now() - int(read_duration(held.value)), duration_words(held.value))


def target_of(where: Where, tag: str = "") -> Target:
    """What a page of history speaks of. Raises `NameInvalid`, `TagInvalid`."""
    return Target(RepositoryName.parse(where.path), tag or None, where.whole)


def restores(permit: PathPermit, where: Where) -> bool:
    """Whether the caller might restore anything there."""
    if where.whole:
        return any(permit.rights.somewhere(action, permit.here) for action in MOVING)
    return any(not permit.tags(action, where.path).nothing for action in MOVING)


def _chart(where: Where, changes: Sequence[Change]) -> Markup:
    """The changes of a page as a picture: a row for each tag, or each repository of a namespace."""
    names = list(dict.fromkeys(_lane(where, change) for change in changes))
    lanes = names if len(names) <= _LANES else [*names[: _LANES - 1], _OTHERS]
    rows = {name: min(number, len(lanes) - 1) for number, name in enumerate(names)}
    marks = []
    for change in reversed(changes):
        kind, form = _LOOK[change.what]
        said = f"{change.tag} {change.what} {exact(change.at)}"
        href = f"{where.at('history')}?at={write_moment(change.at)}"
        marks.append(Mark(change.at, said, rows[_lane(where, change)], href, kind, form))
    span = Span(changes[-1].at, max(changes[0].at, changes[-1].at + 1))
    return timeline(marks, lanes, span, "Changes over time")


def _lane(where: Where, change: Change) -> str:
    return change.repository.removeprefix(where.path + "/") if where.whole else change.tag
