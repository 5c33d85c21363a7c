"""`/storage` and `/-/storage` of a namespace: where bytes are, as sums that add up, and whose they are.

Promises: every sum is of the numbers that stand with it, and adds up exactly; the whole is for operators; a namespace
is shown as if nobody else existed, to who may know all of it (registry/ledger/service.py).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from holdfast.access.errors import Unknown
from holdfast.access.model import PathPermit
from holdfast.access.policy.model import Action
from holdfast.console.home import area_of, day_rows, day_text, tree_of
from holdfast.registry.ledger.service import Asked, Grown, Part, Storage, Whole
from holdfast.web.formats import size
from holdfast.web.frame import Crumb, Frame
from holdfast.web.listing import Column, Listing
from holdfast.web.site import Route
from holdfast.web.visit import Answer, Visit

_DAYS = 30


class Sum(NamedTuple):
    """A line of the ledger: how it counts (`sign`: '', '+', '-', '='), what it is, bytes, what it is the sum of (text
    and bytes; nothing: of nothing), and where that is looked at."""

    sign: str
    name: str
    bytes: int
    said: str
    parts: tuple[tuple[str, int], ...] = ()
    href: str = ""
    command: str = ""


class Row(NamedTuple):
    """A repository. `gone`: it is deleted, and what it had is kept for a while; None: not the caller's to know."""

    path: str
    gone: bool
    logical: int
    exclusive: int | None
    shared: int | None
    history: int
    pending: int
    growth: int | None


class StoragePages:
    """The pages of the storage ledger."""

    def __init__(self, frame: Frame, storage: Storage) -> None:
        self._frame = frame
        self._storage = storage

    def routes(self) -> list[Route]:
        """Every route of these pages."""
        return [
            Route("GET", "/storage", self.whole),
            Route("POST", "/storage/count", self.count),
            Route("GET", "/n/{namespace:name}/-/storage", self.part),
        ]

    async def whole(self, visit: Visit) -> Answer:
        """Everything, for operators; for others what they may know of namespaces."""
        permit = self._frame.signed_in(visit).at("")
        operator = permit.system(Action.OPERATE)
        if visit.partial and visit.query.get("view") == "charts":
            return await self._charts(visit, permit, whole=operator)
        found = await self._storage.whole(permit) if operator else None
        return await self._page(
            visit,
            permit,
            title="Storage",
            sums=whole_sums(found) if found is not None and found.figure is not None else [],
            as_of=found.walk.began_at if found is not None and found.walk is not None else None,
            used=None,
        )

    async def part(self, visit: Visit) -> Answer:
        """A namespace."""
        path = visit.named["namespace"]
        permit = self._frame.signed_in(visit).at(path)
        if visit.partial and visit.query.get("view") == "charts":
            return await self._charts(visit, permit, whole=True)
        found = await self._storage.part(permit)
        if not found.total:
            raise Unknown(f"what {path[:128]!r} uses as a whole is not in your sight")
        return await self._page(
            visit,
            permit,
            title=path,
            sums=part_sums(found),
            as_of=found.walk.began_at if found.walk is not None else None,
            used=found.used,
            crumbs=self._frame.crumbs("n", path, Crumb("Storage")),
            tabs=self._frame.tabs(visit, "n", path, "storage"),
        )

    async def count(self, visit: Visit) -> Answer:
        """Count everything again, now."""
        await self._frame.changes(visit)
        job = await self._storage.recount(self._frame.signed_in(visit).at(""))
        return self._frame.done(visit, f"/jobs/{job}", "Storage is being counted")

    async def _page(self, visit: Visit, permit: PathPermit, **values: Any) -> Answer:
        listing = Listing(visit.path, _without_view(visit.query), ("name", "size"), "-size", ())
        asked = Asked(
            by_live=listing.sort == "size",
            down=listing.descending,
            at=listing.before or listing.after,
            back=bool(listing.before),
        )
        operator = permit.system(Action.OPERATE)
        found = await self._storage.growing(permit, asked, listing.limit, _DAYS)
        listing.found(next=found.next, previous=found.previous)
        columns = [
            Column("Repository", "name"),
            Column("Logical", "size", "number", falls=True),
            *((Column("Exclusive", kind="number"), Column("Shared", kind="number")) if operator else ()),
            Column("History", kind="number"),
            Column("Pending", kind="number"),
            Column(_growth_title(found.since, self._frame.now()), kind="number"),
        ]
        charts = visit.query.get("view") == "charts"
        more = await self._drawn(permit, whole=operator or bool(permit.path)) if charts else {}
        return self._frame.page(
            visit,
            "storage.html",
            **{"crumbs": (), "tabs": (), **values, **more},
            path=permit.path,
            base=visit.path,
            listing=listing,
            columns=columns,
            rows=[_row(each, operator=operator) for each in found.rows],
            operator=operator,
            view="charts" if charts else "",
        )

    async def _charts(self, visit: Visit, permit: PathPermit, *, whole: bool) -> Answer:
        values = await self._drawn(permit, whole=whole)
        return self._frame.page(visit, "storage.html", fragment="charts", view="charts", base=visit.path, **values)

    async def _drawn(self, permit: PathPermit, *, whole: bool) -> dict[str, Any]:
        below = await self._storage.below(permit)
        days = await self._storage.days(permit, _DAYS) if whole else []
        stored = not permit.path
        return {
            "stored": area_of(days, stored=stored) if days else None,
            "stored_rows": day_rows(days, stored=stored),
            "tree": tree_of(below) if below else None,
            "tree_rows": [
                (each.path, size(each.figure.live + each.figure.history + each.figure.pending)) for each in below[:50]
            ],
            "largest": await self._storage.largest(permit) if whole else [],
        }


def whole_sums(found: Whole) -> list[Sum]:
    """The ledger of everything. Each line that begins with '=' is exactly the sum of those before it."""
    figure, totals = found.figure, found.totals
    assert figure is not None
    kept = figure.live_stored - figure.live
    orphaned = found.walk.orphaned if found.walk is not None else 0
    lines = [
        Sum("", "Logical", figure.logical, "what repositories show, each for itself", href="#repositories"),
        Sum("\N{MINUS SIGN}", "Shared", figure.logical - figure.live, "shown by several, stored once"),
        Sum("=", "Live", figure.live, "what tags reach"),
    ]
    if kept:
        lines.append(Sum("+", "Form", kept, "what encryption and small pieces add to it"))
    return [
        *lines,
        Sum("+", "History", figure.history_stored, "kept for rollback, leases and deletions that can be undone"),
        Sum(
            "+",
            "Pending collection",
            found.pending,
            "goes by itself",
            (
                ("in repositories", figure.pending_stored),
                ("in none", orphaned),
                ("objects to be deleted", totals.doomed),
            ),
        ),
        Sum(
            "+",
            "Uploads",
            totals.uploads,
            "not finished",
            (("objects", totals.parts), ("in the database", totals.early), ("files", totals.staged)),
            "/uploads",
        ),
        Sum(
            "+",
            "Unaccounted",
            found.unaccounted,
            "written or deleted since it was counted, or explained by nothing",
            command="holdfast verify",
        ),
        Sum(
            "=",
            "Physical",
            totals.physical,
            "what lies in store and database",
            (
                ("content in the store", totals.objects),
                ("content in the database", totals.inline),
                ("objects to be deleted", totals.doomed),
                ("uploads", totals.uploads),
            ),
        ),
    ]


def part_sums(found: Part) -> list[Sum]:
    """The ledger of a namespace."""
    figure = found.figure
    if figure is None:
        return []
    total = figure.live + figure.history + figure.pending
    return [
        Sum("", "Logical", figure.logical, "what its repositories show, each for itself", href="#repositories"),
        Sum("\N{MINUS SIGN}", "Shared", figure.logical - figure.live, "shown by several of them, counted once"),
        Sum("=", "Live", figure.live, "what tags reach"),
        Sum("+", "History", figure.history, "kept for rollback, leases and deletions that can be undone"),
        Sum("+", "Pending collection", figure.pending, "goes by itself"),
        Sum("=", "Total", total, "as if nobody else were here"),
    ]


def _row(grown: Grown, *, operator: bool) -> Row:
    figure = grown.figure
    path, gone, _ = figure.path.partition("@")
    stored = figure.live_stored + figure.history_stored + figure.pending_stored
    return Row(
        path,
        bool(gone),
        figure.logical,
        figure.exclusive if operator else None,
        stored - figure.exclusive if operator else None,
        figure.history,
        figure.pending,
        grown.growth,
    )


def _growth_title(since: int | None, now: int) -> str:
    if since is None or now // 86_400_000_000 - since >= _DAYS:
        return f"Growth, {_DAYS} d"
    return f"Growth since {day_text(since)}"


def _without_view(query: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in query.items() if name != "view"}
