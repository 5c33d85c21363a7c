"""`/insights`: who pulls what: counts of a repository, who it was, what is pulled most and by nobody, and show-back."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from holdfast.access.errors import Invalid
from holdfast.access.service import Access
from holdfast.api.caller import Asking
from holdfast.api.page import Page, Paged
from holdfast.api.routing import Route, Routes, routes
from holdfast.insights.looking import Asked, By, Insights
from holdfast.insights.ranking import Ranking
from holdfast.insights.shape import (
    IdlePage,
    MonthView,
    ReportView,
    TopView,
    WhoView,
    idle_page,
    idle_view,
    month_view,
    puller_view,
    ranked_view,
    report_view,
)
from holdfast.insights.showback import Showback
from holdfast.oci.digest import Digest
from holdfast.oci.name import RepositoryName, Tag

_Repository = Annotated[str, Query(max_length=255)]
_Path = Annotated[str, Query(max_length=255, description="A namespace or repository; without it everything.")]
_Days = Annotated[int, Query(description="So many days, today (UTC) among them.")]
_All = Annotated[bool, Query(alias="all", description="Scanners and mirrors, too.")]
_By = Annotated[str, Query(max_length=16, description=f"{', '.join(By)}.")]
_Limit = Annotated[int, Query(ge=1, le=500)]


class InsightHandlers:
    """The operations on counts."""

    def __init__(self, access: Access, insights: Insights, ranking: Ranking, showback: Showback) -> None:
        self._access = access
        self._insights = insights
        self._ranking = ranking
        self._showback = showback

    async def show_insights(
        self,
        caller: Asking,
        *,
        repository: _Repository,
        days: _Days = 30,
        everyone: _All = False,
        by: _By = By.TAG.value,
        limit: _Limit = 100,
    ) -> ReportView:
        """Pulls and pushes of a repository: their sum, by day, and by tag, digest, platform, class, agent, network or
        subject. The last two need `read-audit`. Who may be told of some tags only is told of those."""
        if by not in set(By):
            raise Invalid("by", f"{by[:16]!r} is none of {', '.join(By)}")
        name = RepositoryName.parse(repository)
        permit = self._access.path(caller.who, name, caller.origin)
        return report_view(await self._insights.report(permit, name, Asked(days, everyone), By(by), limit))

    async def show_pullers(
        self,
        caller: Asking,
        *,
        repository: _Repository,
        tag: Annotated[str, Query(max_length=128)] = "",
        digest: Annotated[str, Query(max_length=160)] = "",
        days: _Days = 30,
        everyone: _All = False,
        limit: _Limit = 100,
    ) -> WhoView:
        """Who pulled and pushed in a repository, with what, from where, first and last; the latest first. With `tag`
        also who asked by a digest that it led to then. Needs `read-audit`."""
        name = RepositoryName.parse(repository)
        permit = self._access.path(caller.who, name, caller.origin)
        found = await self._insights.who(
            permit,
            name,
            Asked(days, everyone),
            Tag.parse(tag) if tag else "",
            Digest.parse(digest) if digest else "",
            limit,
        )
        return WhoView(repository=name, items=[puller_view(each) for each in found])

    async def show_top(self, caller: Asking, *, path: _Path = "", limit: _Limit = 20) -> TopView:
        """The repositories below a path that are pulled most in 30 days, or the tags, where it is a repository: without
        scanners and mirrors."""
        found = await self._ranking.top(self._access.path(caller.who, path, caller.origin), limit)
        return TopView(items=[ranked_view(each) for each in found])

    async def list_idle(self, caller: Asking, paging: Paged, *, path: _Path = "", days: _Days = 90) -> IdlePage:
        """The repositories below a path, or the tags, where it is a repository, that nobody pulled for so many days,
        not counting scanners and mirrors. A page may be shorter than asked for and still have a next one."""
        permit = self._access.path(caller.who, path, caller.origin)
        found = await self._ranking.idle(permit, days, paging.after_text(), paging.limit)
        page = paging.part(found.rows, idle_view, found.next)
        return idle_page(page.items, page.next, found.counted_since)

    async def list_showback(
        self, caller: Asking, paging: Paged, *, path: _Path = "", months: Annotated[int, Query()] = 12
    ) -> Page[MonthView]:
        """What a namespace, and each right below it, stored and moved, by month: those whose use you may know. `limit`
        is of namespaces, each with all its months."""
        permit = self._access.path(caller.who, path, caller.origin)
        found = await self._showback.months(permit, months, paging.after_text(), paging.limit)
        return paging.part(found.rows, month_view, found.next)


def insight_routes(access: Access, insights: Insights, ranking: Ranking, showback: Showback) -> Routes:
    """The routes of `/insights`."""
    on = InsightHandlers(access, insights, ranking, showback)
    return routes(
        "/insights",
        "insights",
        Route("GET", "", on.show_insights),
        Route("GET", "/who", on.show_pullers),
        Route("GET", "/top", on.show_top),
        Route("GET", "/idle", on.list_idle),
        Route("GET", "/showback", on.list_showback),
    )
