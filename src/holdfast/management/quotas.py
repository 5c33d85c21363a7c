"""`/quotas`: how much paths may use, and how much of it they do."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query
from pydantic import Field

from holdfast.access.errors import Invalid
from holdfast.access.service import Access
from holdfast.api.caller import Asking
from holdfast.api.page import Page, Paged
from holdfast.api.routing import Route, Routes, routes
from holdfast.api.shape import Input, Moment, Output
from holdfast.registry.quotas.managing import Quota, Quotas, Standing
from holdfast.registry.quotas.model import MOST, WARN, Counts, What

_Path = Annotated[str, Query(max_length=255, description="A namespace or repository; without it everything.")]
_Amount = Annotated[int | None, Field(ge=0, le=MOST)]


class UsedView(Output):
    """What is used. `bytes`: each content once for each repository that shows it."""

    bytes: int
    repositories: int
    tags: int


class LimitView(Output):
    """A quota of `path` ('': everything): at most `limit` of `quota` at and below it. `used` null: that is not yours to
    know; `warn`: the percentage from which on it is told; `nearly`: it is reached; `warned_at`: since when."""

    path: str
    quota: What
    limit: int
    warn: int
    used: int | None
    nearly: bool
    warned_at: Moment | None


class QuotaView(Output):
    """What is used at and below `path` (null: that is not yours to know), and every quota that holds there: its own and
    those of the paths above."""

    path: str
    used: UsedView | None
    limits: list[LimitView]


class GivenQuota(Input):
    """Quotas of a path ('': everything); what is left out stays as it is. `warn`: a percentage."""

    path: str = Field(max_length=255)
    bytes: _Amount = None
    repositories: _Amount = None
    tags: _Amount = None
    warn: int | None = Field(None, ge=1, le=100)


class QuotaHandlers:
    """The operations on quotas."""

    def __init__(self, access: Access, quotas: Quotas) -> None:
        self._access = access
        self._quotas = quotas

    async def show_quota(self, caller: Asking, path: _Path = "") -> QuotaView:
        """Show what is used at a path, and every quota that holds there: to who may be told of all that is there."""
        return _view(await self._quotas.show(self._access.path(caller.who, path, caller.origin)))

    async def list_quotas(self, caller: Asking, paging: Paged) -> Page[QuotaView]:
        """Paths with a quota of their own, as far as you may know what they use."""
        permit = self._access.path(caller.who, "", caller.origin)
        found = await self._quotas.paths(permit, paging.after_text(), paging.limit)
        return paging.part(found.quotas, _view, found.next)

    async def set_quota(self, caller: Asking, given: GivenQuota) -> QuotaView:
        """Set quotas of a path: for who operates the registry. They hold for the next push."""
        values = {what.setting: str(value) for what in What if (value := getattr(given, what)) is not None}
        if given.warn is not None:
            values[WARN] = str(given.warn)
        if not values:
            raise Invalid("bytes", "give at least one of bytes, repositories, tags, warn")
        permit = self._access.path(caller.who, given.path, caller.origin)
        return _view(await self._quotas.set(permit, values))

    async def unset_quota(
        self,
        caller: Asking,
        path: _Path = "",
        quota: Annotated[list[What] | None, Query(description="Only these; may be repeated.")] = None,
    ) -> QuotaView:
        """Remove quotas of a path, without `quota` all of them: for who operates the registry."""
        permit = self._access.path(caller.who, path, caller.origin)
        if quota is None:
            return _view(await self._quotas.unset(permit))
        return _view(await self._quotas.unset(permit, frozenset(What(each).setting for each in quota)))


def _view(found: Quota) -> QuotaView:
    return QuotaView(path=found.path, used=counts_view(found.used), limits=[_limit(each) for each in found.standings])


def _limit(found: Standing) -> LimitView:
    limit = found.limit
    return LimitView(
        path=limit.path,
        quota=limit.what,
        limit=limit.most,
        warn=limit.warn,
        used=found.used,
        nearly=found.used is not None and limit.nearly(found.used),
        warned_at=found.warned,
    )


def counts_view(counts: Counts | None) -> UsedView | None:
    """What is used, as the API shows it."""
    return None if counts is None else UsedView.model_validate(counts._asdict())


def quota_routes(access: Access, quotas: Quotas) -> Routes:
    """The routes of `/quotas`."""
    on = QuotaHandlers(access, quotas)
    return routes(
        "/quotas",
        "quotas",
        Route("GET", "", on.show_quota),
        Route("PUT", "", on.set_quota),
        Route("DELETE", "", on.unset_quota),
        Route("GET", "/paths", on.list_quotas),
    )
