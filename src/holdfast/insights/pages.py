"""Insights for people: at `/insights`, and as a tab of repositories and namespaces.

Promises: nothing is shown that the API would not tell; every number says since when it is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple
from urllib.parse import urlencode

from holdfast.access.errors import Invalid
from holdfast.access.model import PathPermit
from holdfast.access.policy.model import Action
from holdfast.db.port import Database
from holdfast.insights import drawing
from holdfast.insights.looking import Asked, By, Insights
from holdfast.insights.model import RECENT, date_text, day_of, month_text
from holdfast.insights.ranking import Ranking
from holdfast.insights.showback import Month, Showback
from holdfast.insights.traffic import Traffic
from holdfast.oci.name import RepositoryName, Tag
from holdfast.registry.namespaces.sight import checked, require_sight
from holdfast.web.formats import urlpath
from holdfast.web.frame import Crumb, Frame, Shown
from holdfast.web.listing import Column, Listing
from holdfast.web.site import Route
from holdfast.web.slots import NavItem, Tab
from holdfast.web.visit import Answer, Visit

DAYS = {"7": "7 days", "30": "30 days", "90": "90 days", "365": "a year"}
_BY = {
    By.TAG: "Tags",
    By.DIGEST: "Digests",
    By.PLATFORM: "Platforms",
    By.AGENT: "Clients",
    By.CLASS: "Kinds of callers",
    By.SUBJECT: "Callers",
    By.NETWORK: "Networks",
}
_IDLE = {"30": "30 days", "90": "90 days", "180": "180 days", "365": "a year"}
_TOP = 20
_ROWS = 50
_NAMESPACES = 25
_MONTHS = 12
_WHO = 100


class Here(NamedTuple):
    """A path as pages name it. `scope`: 'r' a repository, 'n' a namespace, '' everything; `href`: of its insights."""

    scope: str
    path: str
    href: str
    crumbs: list[Crumb]
    tabs: Sequence[Shown]
    views: list[Shown]

    @property
    def named(self) -> str:
        """What people call it."""
        return self.path or "everything"


class InsightPages:
    """The pages of counts."""

    def __init__(  # noqa: PLR0917 - each is a service
        self,
        frame: Frame,
        db: Database,
        insights: Insights,
        ranking: Ranking,
        showback: Showback,
        traffic: Traffic,
    ) -> None:
        self._frame = frame
        self._db = db
        self._insights = insights
        self._ranking = ranking
        self._showback = showback
        self._traffic = traffic

    def routes(self) -> list[Route]:
        """Every route of these pages."""
        namespace, repository = "/n/{namespace:name}/-/insights", "/r/{repository:name}/-/insights"
        return [
            Route("GET", "/insights", self.below),
            Route("GET", "/insights/unused", self.unused),
            Route("GET", "/insights/showback", self.showback),
            Route("GET", namespace, self.below),
            Route("GET", f"{namespace}/unused", self.unused),
            Route("GET", f"{namespace}/showback", self.showback),
            Route("GET", repository, self.repository),
            Route("GET", f"{repository}/unused", self.unused),
            Route("GET", f"{repository}/who", self.who),
        ]

    async def repository(self, visit: Visit) -> Answer:
        """Pulls and pushes of a repository."""
        name = RepositoryName.parse(visit.named["repository"])
        permit = self._frame.caller(visit).at(name)
        query = visit.query
        days, by = query.get("days", "30"), query.get("by", By.TAG.value)
        if days not in DAYS:
            raise Invalid("days", f"one of {', '.join(DAYS)}")
        if by not in _BY:
            raise Invalid("by", f"one of {', '.join(_BY)}")
        asked = Asked(int(days), query.get("all") == "1")
        report = await self._insights.report(permit, name, asked, By(by), _ROWS)
        whole = report.days is not None
        today = day_of(self._frame.now())
        figure = drawing.by_days(report.days, report.first_day, today) if report.days is not None else None
        most = max((each.counts.pulls for each in report.rows), default=0)
        auditor = permit.tags(Action.READ_AUDIT, name).everything
        return self._frame.page(
            visit,
            "insights-repository.html",
            **_stands(self._here(visit, permit, name, "")),
            report=report,
            figure=figure,
            whole=whole,
            rows=[
                (each, drawing.share(each.counts.pulls, most), _href(name, By(by), each.name)) for each in report.rows
            ],
            known=date_text(report.counted_since) if report.counted_since is not None else "",
            first=date_text(report.first_day),
            young=report.counted_since is None or report.counted_since > report.first_day,
            days=days,
            everyone=asked.everyone,
            by=by,
            chips=[
                Shown(title, f"?{urlencode(_kept(days, asked.everyone, key))}", key == by)
                for key, title in _BY.items()
                if auditor or not key.tells_who
            ],
            spans=DAYS,
            title_of=_BY[By(by)],
        )

    async def who(self, visit: Visit) -> Answer:
        """Who pulled and pushed in a repository."""
        name = RepositoryName.parse(visit.named["repository"])
        permit = self._frame.caller(visit).at(name)
        query = visit.query
        days, tag = query.get("days", "30"), query.get("tag", "").strip()
        if days not in DAYS:
            raise Invalid("days", f"one of {', '.join(DAYS)}")
        asked = Asked(int(days), query.get("all") == "1")
        found = await self._insights.who(permit, name, asked, Tag.parse(tag) if tag else "", "", _WHO + 1)
        return self._frame.page(
            visit,
            "insights-who.html",
            **_stands(self._here(visit, permit, name, "who")),
            found=found[:_WHO],
            more=len(found) > _WHO,
            days=days,
            spans=DAYS,
            tag=tag,
            everyone=asked.everyone,
        )

    async def below(self, visit: Visit) -> Answer:
        """What is pulled most below a path, and by month."""
        permit, here = await self._at(visit, "")
        top = await self._ranking.top(permit, _TOP)
        months = await self._showback.months(permit, _MONTHS, "", 1)
        own = [each for each in months.rows if each.path == here.path]
        most = max((each.pulls for each in top), default=0)
        moved = await self._traffic.recent(permit)
        return self._frame.page(
            visit,
            "insights-below.html",
            **_stands(here),
            top=[(each, drawing.share(each.pulls, most)) for each in top],
            last=own[-1] if own else None,
            days=drawing.by_days(moved.days, moved.first, moved.first + RECENT - 1) if moved is not None else None,
            total=moved.total if moved is not None else None,
            figure=drawing.by_months(own) if own else None,
            stored=drawing.stored(own) if any(each.stored is not None for each in own) else None,
            recent=RECENT,
        )

    async def unused(self, visit: Visit) -> Answer:
        """What nobody pulled for some time."""
        permit, here = await self._at(visit, "unused")
        listing = Listing(visit.path, visit.query, ("name",), "name", ("days",))
        days = listing.filters["days"] or "90"
        if days not in _IDLE:
            raise Invalid("days", f"one of {', '.join(_IDLE)}")
        found = await self._ranking.idle(permit, int(days), listing.after, listing.limit)
        listing.onward(found.next)
        return self._frame.page(
            visit,
            "insights-unused.html",
            **_stands(here),
            rows=[(each, _href_of(each.repository, each.tag)) for each in found.rows],
            listing=listing,
            columns=(
                Column("Tag" if here.scope == "r" else "Repository", "name"),
                Column("Since"),
                Column("Last pull"),
                Column("Pulls by scanners and mirrors, 30 d", "", "number"),
            ),
            spans=_IDLE,
            days=days,
            known=date_text(found.counted_since) if found.counted_since is not None else "",
        )

    async def showback(self, visit: Visit) -> Answer:
        """What each namespace stores and moves this month."""
        permit, here = await self._at(visit, "showback")
        listing = Listing(visit.path, visit.query, ("name",), "name", ())
        found = await self._showback.months(permit, 1, listing.after, _NAMESPACES)
        listing.onward(found.next)
        rows = [each for each in found.rows if each.path != here.path]
        own = next((each for each in found.rows if each.path == here.path), None)
        parts = [(each.path, each.stored or 0, _insights_of(each.path)) for each in _largest(rows)]
        return self._frame.page(
            visit,
            "insights-showback.html",
            **_stands(here),
            rows=[(each, _insights_of(each.path)) for each in _largest(rows)],
            own=own,
            month=month_text(found.rows[0].month) if found.rows else "",
            figure=drawing.storage_of(parts, "Storage by namespace") if any(value for _, value, _ in parts) else None,
            listing=listing,
        )

    async def _at(self, visit: Visit, view: str) -> tuple[PathPermit, Here]:
        """The permit of a page's path, which is in the caller's sight, and how pages name it."""
        path = visit.named.get("repository") or visit.named.get("namespace", "")
        permit = self._frame.caller(visit).at(checked(path))
        if path:
            await require_sight(self._db, permit, path)
        return permit, self._here(visit, permit, path, view)

    def _here(self, visit: Visit, permit: PathPermit, path: str, view: str) -> Here:
        scope = "r" if "repository" in visit.named else "n" if path else ""
        href = self._frame.at(scope, path, "insights") if scope else "/insights"
        views = {"": "Overview", "unused": "Unused"}
        if scope != "r":
            views["showback"] = "Show-back"
        elif permit.tags(Action.READ_AUDIT, path).everything:
            views["who"] = "Who"
        shown = [Shown(title, f"{href}/{key}" if key else href, key == view) for key, title in views.items()]
        crumbs = self._frame.crumbs(scope, path, Crumb("Insights")) if scope else []
        return Here(scope, path, href, crumbs, self._frame.tabs(visit, scope, path, "insights") if scope else [], shown)


def tab_of() -> Tab:
    """The tab of repositories and namespaces."""
    return Tab("insights", "Insights", "insights", "rn", 40)


def nav_item() -> NavItem:
    """The entry of the menu."""
    return NavItem("insights", "Insights", "/insights", "insights", 40, lambda permit: bool(permit.subject.id))


def _stands(here: Here) -> dict[str, Any]:
    """What every page is told of where it stands."""
    return {"place": here, "crumbs": here.crumbs, "tabs": here.tabs}


def _kept(days: str, everyone: bool, by: str) -> dict[str, str]:
    found = {"days": days} if days != "30" else {}
    if everyone:
        found["all"] = "1"
    if by != By.TAG:
        found["by"] = by
    return found


def _href(repository: str, by: By, name: str | None) -> str:
    """Where a name of a report leads."""
    if name is None or by not in (By.TAG, By.DIGEST):
        return ""
    return f"/r/{urlpath(repository)}/-/{'tags' if by is By.TAG else 'digests'}/{urlpath(name)}"


def _href_of(repository: str, tag: str | None) -> str:
    return f"/r/{urlpath(repository)}" + (f"/-/tags/{urlpath(tag)}" if tag else "")


def _insights_of(path: str) -> str:
    return f"/n/{urlpath(path)}/-/insights"


def _largest(months: Sequence[Month]) -> list[Month]:
    return sorted(months, key=lambda each: (-(each.stored or 0), each.path))
