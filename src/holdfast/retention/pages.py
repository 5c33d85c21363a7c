"""`/-/retention`: the rules of a path in words, what they would drop, and dropping exactly that."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from holdfast.access.errors import Conflict
from holdfast.access.model import PathPermit
from holdfast.access.policy.model import Action
from holdfast.journal.moments import rfc3339
from holdfast.retention import store
from holdfast.retention.model import PlanState
from holdfast.retention.rule_form import SAMPLES
from holdfast.retention.rules import explain
from holdfast.retention.service import Looked, Place, Retention
from holdfast.retention.written import from_plain, parse
from holdfast.web.formats import urlpath
from holdfast.web.frame import Crumb, Frame
from holdfast.web.listing import Listing
from holdfast.web.refusals import NoPage
from holdfast.web.site import Handler, Route
from holdfast.web.visit import Answer, Visit

MANY = 100
"""More items than that need the name to be typed."""
_PLANS = 10
BOTH = ("/r/{repository:name}/-/retention", "/n/{namespace:name}/-/retention")


class Here(NamedTuple):
    """A repository ('r') or namespace ('n')."""

    scope: str
    path: str

    @classmethod
    def of(cls, visit: Visit) -> Here:
        """What the address of a visit names."""
        repository = visit.named.get("repository")
        return cls("r", repository) if repository is not None else cls("n", visit.named["namespace"])

    def at(self, suffix: str = "") -> str:
        """The address of another page of retention there."""
        return f"{self.beside('retention')}/{suffix}" if suffix else self.beside("retention")

    def beside(self, tab: str) -> str:
        """The address of another page of the repository or namespace."""
        return f"/{self.scope}/{urlpath(self.path)}/-/{tab}"


def both(method: str, suffix: str, handler: Handler) -> list[Route]:
    """The routes of a page that repositories and namespaces have."""
    return [Route(method, prefix + suffix, handler) for prefix in BOTH]


class RetentionPages:
    """Rules and plans."""

    def __init__(self, frame: Frame, retention: Retention) -> None:
        self._frame = frame
        self._retention = retention

    def routes(self) -> list[Route]:
        """Every route of these pages."""
        return [
            *both("GET", "", self.show),
            *both("POST", "/plans", self.make),
            *both("GET", "/plans/{plan}", self.plan),
            *both("GET", "/plans/{plan}/apply", self.confirm),
            *both("POST", "/plans/{plan}/apply", self.apply),
        ]

    async def show(self, visit: Visit) -> Answer:
        """The rules that hold, and the newest plans."""
        here = Here.of(visit)
        permit = self._frame.caller(visit).at(here.path)
        found = await self._retention.rules(permit)
        plans = await self._retention.plans(self._frame.caller(visit).at(""), here.path, limit=_PLANS)
        return page(
            self._frame,
            visit,
            "retention.html",
            rules=found,
            said=[(rule.name, rule.verb.value, explain(rule)) for rule in found.policy.rules],
            plans=plans,
            states=PlanState,
            keeps=keeps(permit, here),
            samples=SAMPLES,
        )

    async def make(self, visit: Visit) -> Answer:
        """Begin a plan; with `sample` one that tries those rules."""
        fields = await self._frame.changes(visit)
        here = Here.of(visit)
        sample = fields.get("sample", "")
        tried = from_plain(SAMPLES[sample][2]) if sample in SAMPLES else None
        started = await self._retention.make(self._frame.caller(visit).at(here.path), tried=tried)
        return self._frame.done(visit, here.at(f"plans/{started.plan}"), "Nothing is dropped by looking")

    async def plan(self, visit: Visit) -> Answer:
        """What a plan would drop, and what rules keep from it."""
        here, row = Here.of(visit), await self._row(visit)
        listing = Listing(visit.path, visit.query, ("name",), "name", ("show",))
        kept = listing.filters["show"] == "kept"
        items: list[Looked] = []
        if row.state != PlanState.MAKING:
            items, following = await self._retention.shown(
                self._frame.caller(visit).at(""), row.id, _read_place(listing.after), listing.limit, drop=not kept
            )
            listing.onward(json.dumps(following) if following is not None else None)
        tried = parse(row.tried) if row.tried is not None else None
        return page(
            self._frame,
            visit,
            "retention-plan.html",
            Crumb(f"Plan {row.id}"),
            fragment="plan",
            plan=row,
            listing=listing,
            kept=kept,
            items=items,
            collected=await self._retention.collected(here.path),
            keeps=keeps(self._frame.caller(visit).at(here.path), here),
            tried=[explain(rule) for rule in tried.rules] if tried is not None else None,
            before=rfc3339(row.applied_at - 1) if row.applied_at else "",
            **_state(row),
        )

    async def confirm(self, visit: Visit) -> Answer:
        """What carrying out a plan does."""
        return await self._confirm(visit, await self._row(visit))

    async def apply(self, visit: Visit) -> Answer:
        """Carry it out: its items, and of these only what has not changed."""
        fields = await self._frame.changes(visit)
        here, row = Here.of(visit), await self._row(visit)
        if row.drops > MANY and fields.get("confirm", "").strip() != here.path:
            return await self._confirm(visit, row, status=400, error=f"write {here.path} to confirm")
        try:
            await self._retention.apply(self._frame.caller(visit).at(""), row.id)
        except Conflict as error:
            return await self._confirm(visit, row, status=409, said=str(error))
        return self._frame.done(visit, here.at(f"plans/{row.id}"), "The plan is being carried out")

    async def _confirm(
        self, visit: Visit, row: store.PlanRow, *, status: int = 200, error: str = "", said: str = ""
    ) -> Answer:
        here = Here.of(visit)
        self._frame.caller(visit).at(here.path).require_all(Action.SETTINGS, here.path)
        return page(
            self._frame,
            visit,
            "retention-apply.html",
            Crumb(f"Plan {row.id}", here.at(f"plans/{row.id}")),
            Crumb("Apply"),
            status=status,
            plan=row,
            many=MANY,
            collected=await self._retention.collected(here.path),
            error=error,
            said=said,
            **_state(row),
        )

    async def _row(self, visit: Visit) -> store.PlanRow:
        """The plan that the address names, of this very path. Raises `Unknown`, `NoPage`."""
        text = visit.named["plan"]
        if not text.isascii() or not text.isdecimal() or len(text) > 18:
            raise NoPage
        row = await self._retention.plan(self._frame.caller(visit).at(""), int(text))
        if row.path != Here.of(visit).path:
            raise NoPage
        return row


def page(frame: Frame, visit: Visit, template: str, *crumbs: Crumb, **values: Any) -> Answer:
    """A page of retention."""
    here = Here.of(visit)
    ways = (Crumb("Retention", here.at()), *crumbs)
    return frame.page(
        visit,
        template,
        crumbs=frame.crumbs(here.scope, here.path, *ways),
        tabs=frame.tabs(visit, here.scope, here.path, "retention"),
        where=here,
        **values,
    )


def keeps(permit: PathPermit, here: Here) -> bool:
    """Whether the caller may set rules, make plans and apply them there."""
    return not permit.lacks(Action.SETTINGS, here.path)


def _state(row: store.PlanRow) -> dict[str, object]:
    state = PlanState(row.state)
    return {"state": state.name.lower(), "live": state in (PlanState.MAKING, PlanState.APPLYING)}


def _read_place(text: str) -> Place:
    """The place of an item in its plan, as a cursor keeps it; one that is none begins anew."""
    try:
        match json.loads(text or "null"):
            case [int(repo_id), str(name), int(content_id)]:
                return repo_id, name, content_id
    except ValueError:
        pass
    return 0, "", 0
