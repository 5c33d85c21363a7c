"""`/`: what needs somebody, what he worked on, what happened, and where bytes go; `/push`: how to push an image.

Promises: everything on it is the caller's to see, by the services that say so elsewhere; what needs somebody and what
happened is asked for again every quarter of a minute; pictures are drawn by a request of their own, so that the page is
there at once.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from markupsafe import Markup

from holdfast.access.keys.soon import SoonKey, SoonKeys
from holdfast.access.model import PathPermit
from holdfast.access.policy.globs import RepositoryGlob
from holdfast.access.policy.model import PUSH_ACTIONS, Action, Effect
from holdfast.access.requests.service import Requests
from holdfast.console.activity import TYPES, Group, grouped
from holdfast.console.commands import Registry, push
from holdfast.registry.attention.service import MOST, Attention, Seen
from holdfast.registry.events.service import Events, Filter
from holdfast.registry.ledger.figures_store import DayRow
from holdfast.registry.ledger.service import Below, Storage
from holdfast.registry.quotas.managing import Standing
from holdfast.web.caller import Caller
from holdfast.web.charts.plots import Series, area, told
from holdfast.web.charts.treemap import Part, treemap
from holdfast.web.formats import count, size, urlpath
from holdfast.web.frame import Crumb, Frame
from holdfast.web.site import Route
from holdfast.web.slots import About, Slot
from holdfast.web.visit import Answer, Visit

_EVENTS = 60
_LOOKED_AT = 3_000
"""Events, for those that somebody may be told of."""
_VIEWS = ("attention", "activity", "charts")
_DAY = 86_400_000_000
_SOON = 30 * _DAY
_PARTS = 24
_FLAT = 150.0
Ends = Callable[[], Awaitable[int | None]]
"""When the certificate of the listener ends (microseconds); None: there is none."""


class Item(NamedTuple):
    """Something that needs somebody, with the one thing to do about it. `kind`: bad or warn; `about`: text of others,
    '' none; `at`: when, 0: it is not said."""

    kind: str
    icon: str
    text: str
    about: str
    action: str
    href: str
    at: int = 0
    meter: tuple[int, int, str] | None = None


class Services(NamedTuple):
    """What the page is made of."""

    attention: Attention
    keys: SoonKeys
    requests: Requests
    events: Events
    storage: Storage


class HomePages:
    """The page where people begin. `ends`: of the certificate."""

    def __init__(self, frame: Frame, services: Services, ends: Ends) -> None:
        self._frame = frame
        self._services = services
        self._ends = ends

    def routes(self) -> list[Route]:
        """Every route of these pages."""
        return [Route("GET", "/", self.show), Route("GET", "/push", self.push)]

    async def show(self, visit: Visit) -> Answer:
        """Home."""
        caller = self._frame.signed_in(visit)
        view = visit.query.get("view", "")
        view = view if view in _VIEWS else ""
        part = view if visit.partial else ""
        values: dict[str, Any] = {"view": view, "may_push": _may_push(caller)}
        permit = caller.at("")
        if part in ("", "attention"):
            values |= await self._needs(visit, caller, permit)
        if part in ("", "activity"):
            values["groups"] = await self._activity(permit)
        if view == "charts":
            values |= await self._charts(visit, caller, permit)
        if not part and not values["recent"]:
            values["clients"] = push(self._registry(visit), _somewhere(permit) or "team/app")
        return self._frame.page(visit, "home.html", fragment=part, **values)

    async def push(self, visit: Visit) -> Answer:
        """How to push an image."""
        caller = self._frame.signed_in(visit)
        repository = _somewhere(caller.at(""))
        return self._frame.page(
            visit,
            "push.html",
            crumbs=[Crumb("Home", "/"), Crumb("Push an image")],
            clients=push(self._registry(visit), repository or "team/app"),
            repository=repository,
        )

    def _registry(self, visit: Visit) -> Registry:
        return Registry.at(self._frame.place, visit.session.name if visit.session is not None else "")

    async def _needs(self, visit: Visit, caller: Caller, permit: PathPermit) -> dict[str, Any]:
        services, now = self._services, self._frame.now()
        seen = await services.attention.look(permit)
        operator = permit.system(Action.OPERATE)
        items = [*_found(seen, operator=operator), *_of_keys(await services.keys.of(caller.who))]
        waiting = await services.requests.page(caller.who, limit=MOST, origin=caller.origin)
        waiting = [each for each in waiting if each.state == "open"]
        if waiting:
            one = waiting[0]
            asker = one.asker.partition(":")[2] or one.asker
            text = f"{asker} asks for access" if len(waiting) == 1 else f"{len(waiting)} people ask for access"
            about = one.repository if len(waiting) == 1 else ""
            items.append(Item("warn", "user", text, about, "Decide", "/access-requests?view=decide", one.made_at))
        if operator:
            items += of_certificate(await self._ends(), now)
        items.sort(key=lambda item: item.kind != "bad")
        return {
            "items": items,
            "boxes": await self._frame.boxes(visit, Slot.ATTENTION, About()),
            "recent": seen.recent,
        }

    async def _activity(self, permit: PathPermit) -> list[Group]:
        return grouped(await self._services.events.latest(permit, Filter.of(TYPES), _EVENTS, _LOOKED_AT))

    async def _charts(self, visit: Visit, caller: Caller, permit: PathPermit) -> dict[str, Any]:
        storage = self._services.storage
        below = await storage.below(permit)
        days = await storage.days(permit) if permit.system(Action.OPERATE) else await self._sum(caller, below)
        panels = await self._frame.boxes(visit, Slot.HOME, About())
        return {
            "stored": area_of(days, stored=permit.system(Action.OPERATE)) if days else None,
            "stored_rows": day_rows(days, stored=permit.system(Action.OPERATE)),
            "tree": tree_of(below, flat=len(panels) % 2 == 1) if below else None,
            "tree_rows": [(each.path, size(_total(each)), count(each.figure.repositories)) for each in below[:50]],
            "panels": panels,
            "operates": permit.system(Action.OPERATE),
        }

    async def _sum(self, caller: Caller, below: list[Below]) -> list[DayRow]:
        """What somebody may know all of, together: by day."""
        rows: dict[int, DayRow] = {}
        for each in sorted(below, key=_total, reverse=True)[:8]:
            for row in await self._services.storage.days(caller.at(each.path)):
                known = rows.get(row.day)
                rows[row.day] = row if known is None else _added(known, row)
        return [rows[day] for day in sorted(rows)]


def _added(one: DayRow, other: DayRow) -> DayRow:
    return DayRow("", one.day, *(left + right for left, right in zip(one[2:], other[2:], strict=True)))


def _found(seen: Seen, *, operator: bool) -> list[Item]:
    items: list[Item] = []
    for each in seen.quotas:
        items.append(_of_quota(each))
    if seen.damage.number:
        text = f"{_so_many(seen.damage.number)} stored {_plural(seen.damage.number, 'content')} damaged"
        items.append(Item("bad", "alert", text, "", "Look", "/admin/health"))
    if seen.jobs.number:
        number = seen.jobs.number
        text = f"{_so_many(number)} {'job' if number == 1 else 'jobs'} failed within a week"
        href = f"/jobs/{seen.jobs.newest}" if number == 1 else "/jobs?state=failed" + ("&whose=all" if operator else "")
        items.append(Item("bad", "jobs", text, "", "See why", href))
    if seen.uploads.number:
        number = seen.uploads.number
        text = f"{_so_many(number)} {'upload waits' if number == 1 else 'uploads wait'} for their next byte"
        items.append(Item("warn", "upload", text.replace("waits for their", "waits for its"), "", "Look", "/uploads"))
    return items


def of_certificate(ends: int | None, now: int) -> list[Item]:
    """What is said of a certificate that ends then (None: there is none); times are microseconds."""
    if ends is None or ends - now >= _SOON:
        return []
    word = "has ended" if ends <= now else "ends soon"
    return [Item("bad", "lock", f"The certificate {word}", "", "Look", "/admin/health", ends)]


def _of_quota(standing: Standing) -> Item:
    limit, used = standing.limit, standing.used or 0
    written = size if limit.what == "bytes" else count
    text = f"{min(999, used * 100 // max(limit.most, 1))} % of the quota of {limit.what} is used"
    where = f"/n/{urlpath(limit.path)}/-/storage" if limit.path else "/storage"
    meter = (used, limit.most, f"{written(used)} of {written(limit.most)}")
    kind = "bad" if used >= limit.most else "warn"
    return Item(kind, "storage", text, limit.path or "the whole registry", "Free some", where, meter=meter)


def _of_keys(keys: list[SoonKey]) -> list[Item]:
    items: list[Item] = []
    for key in keys:
        name = f"{key.name} of {key.owner}" if not key.own else key.name
        robot = key.owner.removeprefix("robot:").partition("+")[0]
        href = "/me/keys" if key.own else f"/n/{urlpath(robot)}/-/access/robots"
        if key.ends_at:
            items.append(Item("warn", "key", "A key ends soon", name, "Rotate", href, key.ends_at))
        else:
            items.append(Item("warn", "key", "A key lies idle", name, "Revoke", href, key.used_at or 0))
    return items


def _so_many(number: int) -> str:
    return f"over {MOST - 1}" if number >= MOST else str(number)


def _plural(number: int, noun: str) -> str:
    return f"{noun} is" if number == 1 else f"{noun}s are"


def _may_push(caller: Caller) -> bool:
    permit = caller.at("")
    return any(permit.rights.somewhere(action, permit.here) for action in PUSH_ACTIONS)


def _somewhere(permit: PathPermit) -> str:
    """A repository that the caller may make or push to, by his rights alone; '' none that could be named."""
    for action in (Action.CREATE_REPOSITORY, Action.CREATE_TAG):
        for grant in permit.rights.grants:
            if action not in grant.actions or grant.effect is not Effect.ALLOW:
                continue
            glob = RepositoryGlob.parse(grant.repository)
            path = glob.home if glob.literal else f"{glob.home or 'team'}/app"
            if glob.matches(path):
                return path
    return ""


def _total(each: Below) -> int:
    figure = each.figure
    return figure.live + figure.history + figure.pending


def day_text(day: int) -> str:
    """A day (since 1970-01-01) as `22 Nov`."""
    when = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=day)
    return f"{when.day} {when:%b}"


def area_of(days: list[DayRow], *, stored: bool) -> Markup:
    """What lies there day by day: live, history, pending. Of one day alone it says what that is."""
    if len(days) == 1:
        return told(f"{size(sum(_three(days[0], stored=stored)))} so far. The chart begins with the second day.")
    values = [_three(row, stored=stored) for row in days]
    names = ("live", "history", "pending collection")
    series = [Series(name, [float(each[place]) for each in values]) for place, name in enumerate(names)]
    return area(series, [day_text(row.day) for row in days], "Storage by day", lambda value: size(int(value)))


def day_rows(days: list[DayRow], *, stored: bool) -> list[tuple[str, ...]]:
    """The same as rows of a table, the newest first."""
    return [(day_text(row.day), *map(size, _three(row, stored=stored))) for row in reversed(days)]


def tree_of(below: list[Below], *, flat: bool = False) -> Markup:
    """Namespaces by what they use; the smallest together. `flat`: for a place that is twice as wide."""
    ordered = sorted(below, key=_total, reverse=True)
    parts = [
        Part(each.path, float(_total(each)), size(_total(each)), f"/n/{urlpath(each.path)}/-/storage")
        for each in ordered[:_PARTS]
    ]
    rest = sum(map(_total, ordered[_PARTS:]))
    if rest:
        parts.append(Part(f"{len(ordered) - _PARTS} others", float(rest), size(rest)))
    return treemap(parts, "Storage by namespace", _FLAT) if flat else treemap(parts, "Storage by namespace")


def _three(row: DayRow, *, stored: bool) -> tuple[int, int, int]:
    if stored:
        return row.live_stored, row.history_stored, row.pending_stored
    return row.live, row.history, row.pending
