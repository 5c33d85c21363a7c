"""`/storage`: where the bytes are; `/damage`: what is stored and not what it should be."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import Query

from holdfast.access.jobs import SeenJobs
from holdfast.access.service import Access
from holdfast.api.caller import Asking
from holdfast.api.page import Page, Paged
from holdfast.api.routing import Route, Routes, routes
from holdfast.api.shape import Moment, Output
from holdfast.management.jobs import JobView, job_view
from holdfast.management.quotas import UsedView, counts_view
from holdfast.registry.ledger.figures_store import DayRow, FigureRow, LargestRow
from holdfast.registry.ledger.service import Asked, Grown, Part, Storage, Whole
from holdfast.registry.scrub.seeing import Damaged, Damages
from holdfast.registry.scrub.store import RoundRow

_Path = Annotated[str, Query(max_length=255, description="A namespace or repository; '': everything.")]


class PhysicalStorageView(Output):
    """Bytes as they lie there, this moment. `objects`: of content, in the blob store; `inline`: of content, in the
    database; `doomed`: objects that are to be deleted; `uploads`: of uploads that have not ended; `total`: all."""

    objects: int
    inline: int
    doomed: int
    uploads: int
    total: int


class ScrubView(Output):
    """How far the scrub is. `round` 0: it never began; `ended_at` null: the round goes on; `done`, `total`: bytes;
    `damaged`: what it marked in this round."""

    round: int
    began_at: Moment | None
    ended_at: Moment | None
    done: int
    total: int
    damaged: int


class StorageView(Output):
    """Everything, as it lies there. live + history + pending + uploads + unaccounted = physical.total.

    `live`: what tags reach; `history`: what can still be undone; `pending`: what waits for deletion, as of `as_of`
    (null: it was not counted yet). `unaccounted`: what was written (or, below 0, deleted) since then, and what nothing
    explains: `holdfast verify` finds that."""

    as_of: Moment | None
    live: int
    history: int
    pending: int
    uploads: int
    unaccounted: int
    physical: PhysicalStorageView
    repositories: int
    scrub: ScrubView


class StorageFigureView(Output):
    """What one path uses, in bytes of content, as if nobody else existed. `logical`: what is live, each content once
    for each repository; `shared`: how much of that several of its repositories have; logical - shared = live. live +
    history + pending = total. For operators: `exclusive`, what lies there for this repository alone (it is freed when
    that is deleted and collected); `share`, the fair part of the first segment of names in all that lies there."""

    path: str
    repositories: int
    logical: int
    shared: int
    live: int
    history: int
    pending: int
    total: int
    exclusive: int | None
    share: int | None


class PathStorageView(Output):
    """One path, as of `as_of` (null: it was not counted yet). `used`: what quotas count, this moment; null of a
    repository below which there is more than you may know."""

    path: str
    as_of: Moment | None
    used: UsedView | None
    figure: StorageFigureView | None


class StorageRepositoryView(StorageFigureView):
    """A repository. `growth`: by how many bytes its total grew since the day that the page names, null: not known."""

    growth: int | None


class StorageFigurePage(Page[StorageRepositoryView]):
    """A piece of the list, as of `as_of`. `growth_since`: the day from which growth is counted, null: nothing is known
    yet."""

    as_of: Moment | None
    growth_since: str | None


class StorageDayView(Output):
    """What a path used on a day (UTC): of everything as it lies there, of a path in bytes of content."""

    day: str
    live: int
    history: int
    pending: int


class LargestContentView(Output):
    """Large content: one of the `repositories` (100 at most are counted) that show it, null when none does any
    more."""

    digest: str
    size: int
    repositories: int
    repository: str | None


class DamagedContentView(Output):
    """Content whose bytes are not what its digest says, or not there: it is served to nobody, and the next push of it
    heals it. `repositories`: some that show it, 20 at most."""

    digest: str
    size: int
    repositories: list[str]


class StorageHandlers:
    """The operations on the storage ledger."""

    def __init__(self, access: Access, storage: Storage, damages: Damages, jobs: SeenJobs) -> None:
        self._access = access
        self._storage = storage
        self._damages = damages
        self._jobs = jobs

    async def show_storage(self, caller: Asking) -> StorageView:
        """Show where all bytes are: for who operates the registry."""
        permit = self._access.path(caller.who, "", caller.origin)
        return _whole(await self._storage.whole(permit), await self._damages.round(permit))

    async def show_path_storage(self, caller: Asking, path: _Path) -> PathStorageView:
        """Show what a path uses: to who may be told of all that is there."""
        permit = self._access.path(caller.who, path, caller.origin)
        return _part(await self._storage.part(permit), operator=self._storage.operates(permit))

    async def list_storage(
        self,
        caller: Asking,
        paging: Paged,
        path: _Path = "",
        order: Annotated[
            Literal["name", "size"], Query(description="By name, or by what is live, the largest first.")
        ] = "name",
    ) -> StorageFigurePage:
        """What each repository at and below a path uses, of those that you may be told of, and how it grew in 30
        days."""
        permit = self._access.path(caller.who, path, caller.origin)
        by_size = order == "size"
        found = await self._storage.growing(permit, Asked(by_size, by_size, paging.after_text()), paging.limit)
        operator = self._storage.operates(permit)
        page = paging.part(found.rows, lambda row: _repository(row, operator=operator), found.next)
        as_of = found.walk.began_at if found.walk is not None else None
        since = _date(found.since) if found.since is not None else None
        return StorageFigurePage(items=page.items, next=page.next, as_of=as_of, growth_since=since)

    async def show_storage_days(
        self, caller: Asking, path: _Path = "", days: Annotated[int, Query(ge=1, le=400)] = 30
    ) -> Page[StorageDayView]:
        """What a path used on each of the last days, today among them, from the first of which it is known. Of
        everything: for who operates the registry."""
        permit = self._access.path(caller.who, path, caller.origin)
        return Page(items=[_day(row, whole=not path) for row in await self._storage.days(permit, days)])

    async def show_largest_content(self, caller: Asking, path: _Path = "") -> Page[LargestContentView]:
        """The largest contents (layers, as a rule) at and below a path, seen as its days are."""
        permit = self._access.path(caller.who, path, caller.origin)
        return Page(items=[_largest(row) for row in await self._storage.largest(permit)])

    async def count_storage(self, caller: Asking) -> JobView:
        """Count again what every path uses: for who operates the registry. Look at the job until it is done."""
        permit = self._access.path(caller.who, "", caller.origin)
        id = await self._storage.recount(permit)
        return job_view(await self._jobs.get(caller.who, id, origin=caller.origin))


class DamageHandlers:
    """The operation on damage."""

    def __init__(self, access: Access, damages: Damages) -> None:
        self._access = access
        self._damages = damages

    async def list_damage(self, caller: Asking, paging: Paged) -> Page[DamagedContentView]:
        """What is stored and not what it should be: for who operates the registry."""
        permit = self._access.path(caller.who, "", caller.origin)
        found = await self._damages.page(permit, paging.after_number(), paging.fetch)
        return paging.page(found, _damage, lambda each: each.id)


def _whole(found: Whole, scrub: RoundRow) -> StorageView:
    totals, figure = found.totals, found.figure
    return StorageView(
        as_of=found.walk.began_at if found.walk is not None else None,
        live=figure.live_stored if figure is not None else 0,
        history=figure.history_stored if figure is not None else 0,
        pending=found.pending,
        uploads=totals.uploads,
        unaccounted=found.unaccounted,
        physical=PhysicalStorageView(
            objects=totals.objects,
            inline=totals.inline,
            doomed=totals.doomed,
            uploads=totals.uploads,
            total=totals.physical,
        ),
        repositories=figure.repositories if figure is not None else 0,
        scrub=ScrubView(
            round=scrub.round,
            began_at=scrub.began_at or None,
            ended_at=scrub.ended_at or None,
            done=scrub.done,
            total=scrub.total,
            damaged=scrub.damaged,
        ),
    )


def _part(found: Part, *, operator: bool) -> PathStorageView:
    return PathStorageView(
        path=found.path,
        as_of=found.walk.began_at if found.walk is not None else None,
        used=counts_view(found.used) if found.total else None,
        figure=_figure(found.figure, operator=operator) if found.figure is not None else None,
    )


def _figure(row: FigureRow, *, operator: bool) -> StorageFigureView:
    first = row.path.endswith("/") and row.path.count("/") == 1 and row.path != "/"
    return StorageFigureView(
        path=row.path.removesuffix("/"),
        repositories=row.repositories,
        logical=row.logical,
        shared=row.logical - row.live,
        live=row.live,
        history=row.history,
        pending=row.pending,
        total=row.live + row.history + row.pending,
        exclusive=row.exclusive if operator and not row.path.endswith("/") else None,
        share=row.share if operator and first else None,
    )


def _repository(grown: Grown, *, operator: bool) -> StorageRepositoryView:
    return StorageRepositoryView(**_figure(grown.figure, operator=operator).model_dump(), growth=grown.growth)


def _day(row: DayRow, *, whole: bool) -> StorageDayView:
    day = _date(row.day)
    if whole:
        return StorageDayView(day=day, live=row.live_stored, history=row.history_stored, pending=row.pending_stored)
    return StorageDayView(day=day, live=row.live, history=row.history, pending=row.pending)


def _largest(row: LargestRow) -> LargestContentView:
    return LargestContentView(
        digest=row.digest, size=row.size, repositories=row.repositories, repository=row.repository
    )


def _date(day: int) -> str:
    return datetime.fromtimestamp(day * 86_400, UTC).date().isoformat()


def _damage(found: Damaged) -> DamagedContentView:
    return DamagedContentView(digest=found.digest, size=found.size, repositories=found.repositories)


def storage_routes(access: Access, storage: Storage, damages: Damages, jobs: SeenJobs) -> Routes:
    """The routes of `/storage`."""
    on = StorageHandlers(access, storage, damages, jobs)
    return routes(
        "/storage",
        "storage",
        Route("GET", "", on.show_storage),
        Route("GET", "/path", on.show_path_storage),
        Route("GET", "/repositories", on.list_storage),
        Route("GET", "/days", on.show_storage_days),
        Route("GET", "/largest", on.show_largest_content),
        Route("POST", "/count", on.count_storage, 202),
    )


def damage_routes(access: Access, damages: Damages) -> Routes:
    """The routes of `/damage`."""
    return routes("/damage", "storage", Route("GET", "", DamageHandlers(access, damages).list_damage))
