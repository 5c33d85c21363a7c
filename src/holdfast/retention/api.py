"""`/retention`: the rules of a path in words, plans, and the verdict on one tag. `/inventories`: what runs."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from fastapi import Path, Query
from pydantic import Field

from holdfast.access.errors import Invalid
from holdfast.access.service import Access
from holdfast.api.caller import Asking
from holdfast.api.page import Page, Paged
from holdfast.api.routing import Route, Routes, routes
from holdfast.api.shape import Id, Input, Moment, Output
from holdfast.retention import importing, store
from holdfast.retention.inventory import Inventories, Inventory
from holdfast.retention.model import Item, Outcome, PlanState
from holdfast.retention.rules import explain, plain_of
from holdfast.retention.service import NEWEST, Retention, Started
from holdfast.retention.written import from_plain

_Path = Annotated[str, Query(max_length=255, description="A namespace or repository; without it everything.")]
_Source = Annotated[str, Path(max_length=64, description="What tells it, as the name of a cluster.")]


class RetentionRuleView(Output):
    """A rule in words."""

    name: str
    action: Literal["keep", "drop"]
    meaning: str


class RetentionView(Output):
    """The rules that hold at a path. `set_at`: the path that says them, null: none does, and everything stays."""

    path: str
    set_at: str | None
    rules: list[RetentionRuleView]
    document: dict[str, Any]
    schedule: str | None
    on_push: bool


class PlanView(Output):
    """A plan. `keeps`: what rules would drop and others keep; `tags`: all that were looked at; `bytes`: what it frees
    once the history window is over, `freed`: of that, what was carried out; `tracked_since`: from when on use is known,
    null where no rule asks; `tried`: the rules that it was made with, null: those that held."""

    id: int
    path: str
    cause: Literal["asked", "schedule", "push"]
    state: Literal["making", "ready", "applying", "applied"]
    made_at: Moment
    made_by: str
    applied_at: Moment | None
    applied_by: str | None
    tracked_since: Moment | None
    repositories: int
    tags: int
    drops: int
    keeps: int
    bytes: int
    dropped: int
    skipped: int
    freed: int
    tried: dict[str, Any] | None


class ItemView(Output):
    """A tag, or an untagged manifest (tag null), that a rule would drop. `rule`: the one that decides; `outcome`: what
    became of it when the plan was applied, and `skipped`: why it stayed all the same."""

    repository: str
    tag: str | None
    digest: str | None
    pushed_at: Moment
    verdict: Literal["drop", "keep"]
    rule: str
    reason: str
    bytes: int
    outcome: Literal["waiting", "done", "skipped"]
    skipped: str | None


class GivenPlan(Input):
    """Make a plan for a path ('': everything) and, with `apply`, carry it out at once. `rules`: as if these held there;
    such a plan is only looked at."""

    path: str = Field(max_length=255)
    apply: bool = False
    rules: dict[str, Any] | None = None


class StartedView(Output):
    """A plan and the job that makes it or carries it out; null: one that waits already does."""

    plan: int
    job: int | None


class GivenTest(Input):
    """A tag of a repository. `rules`: judge it by these, null: by those that hold there."""

    repository: str = Field(max_length=255)
    tag: str = Field(max_length=128)
    rules: dict[str, Any] | None = None


class TestView(Output):
    """What rules say of a tag. `rule` null: no rule would drop it."""

    repository: str
    tag: str
    verdict: Literal["drop", "keep", "stay"]
    rule: str | None
    reason: str
    pushed_at: Moment
    pulled_at: Moment | None
    tracked_since: Moment | None


class GivenFile(Input):
    """A lifecycle policy of ECR or a cleanup policy of Artifact Registry, as text, for a namespace."""

    path: str = Field("", max_length=255)
    document: str


class RefusedView(Output):
    """A rule that has no translation."""

    rule: str
    reason: str


class ImportedView(Output):
    """A file's rules, as they are said here. `refused`: what has no translation; `notes`: what differs."""

    format: Literal["ecr", "artifact-registry"]
    document: dict[str, Any]
    rules: list[RetentionRuleView]
    refused: list[RefusedView]
    notes: list[str]


class GivenInventory(Input):
    """Every image that runs now, as references with digests or tags, or digests alone."""

    images: list[str] = Field(max_length=10_000)


class InventoryView(Output):
    """What a source told. `at` null: not all of it is in; `ignored`: what was no reference, in the answer to a
    telling."""

    path: str
    source: str
    at: Moment | None
    told_by: str
    images: int
    ignored: list[str]


class RetentionHandlers:
    """The operations on rules and plans."""

    def __init__(self, access: Access, retention: Retention) -> None:
        self._access = access
        self._retention = retention

    async def show_retention(self, caller: Asking, path: _Path = "") -> RetentionView:
        """Show the rules that hold at a path, in words. They are set as the setting `retention`."""
        found = await self._retention.rules(self._access.path(caller.who, path, caller.origin))
        policy = found.policy
        return RetentionView(
            path=path,
            set_at=found.set_at,
            rules=[
                RetentionRuleView(name=each.name, action=each.verb.value, meaning=explain(each))
                for each in policy.rules
            ],
            document=plain_of(policy),
            schedule=policy.schedule or None,
            on_push=policy.on_push,
        )

    async def make_plan(self, caller: Asking, given: GivenPlan) -> StartedView:
        """Begin a plan: a job finds what the rules would drop, and changes nothing unless `apply` says so."""
        permit = self._access.path(caller.who, given.path, caller.origin)
        tried = from_plain(given.rules) if given.rules is not None else None
        return _started(await self._retention.make(permit, apply=given.apply, tried=tried))

    async def list_plans(self, caller: Asking, paging: Paged, path: str | None = None) -> Page[PlanView]:
        """Plans, newest first: those that the caller may see. `path`: only those that were made for exactly it."""
        permit = self._access.path(caller.who, "", caller.origin)
        found = await self._retention.plans(permit, path, paging.after_number() or NEWEST, paging.fetch)
        return paging.page(found, _plan, lambda row: row.id)

    async def show_plan(self, caller: Asking, id: Id) -> PlanView:
        """Show a plan."""
        return _plan(await self._retention.plan(self._access.path(caller.who, "", caller.origin), id))

    async def list_plan_items(self, caller: Asking, paging: Paged, id: Id) -> Page[ItemView]:
        """What a plan would drop, and what rules keep from it."""
        permit = self._access.path(caller.who, "", caller.origin)
        found = await self._retention.items(permit, id, _place(paging.after_text()), paging.fetch)
        return paging.page(found, lambda each: _item(each[1]), lambda each: json.dumps(each[0]))

    async def apply_plan(self, caller: Asking, id: Id) -> StartedView:
        """Carry out a plan that is ready: what changed since it was made is skipped."""
        permit = self._access.path(caller.who, "", caller.origin)
        return _started(await self._retention.apply(permit, id))

    async def test_retention(self, caller: Asking, given: GivenTest) -> TestView:
        """Say what rules would do with a tag now, and why."""
        permit = self._access.path(caller.who, given.repository, caller.origin)
        policy = from_plain(given.rules) if given.rules is not None else None
        thing, verdict, since = await self._retention.test(permit, given.tag, policy)
        return TestView(
            repository=given.repository,
            tag=thing.name,
            verdict="stay" if verdict is None else "drop" if verdict.drop else "keep",
            rule=verdict.rule if verdict is not None else None,
            reason=verdict.reason if verdict is not None else "no rule drops it",
            pushed_at=thing.at,
            pulled_at=thing.used or None,
            tracked_since=since,
        )

    async def import_retention(self, _caller: Asking, given: GivenFile) -> ImportedView:
        """Translate the rules of another registry's file; nothing is set."""
        found = importing.read(given.document, given.path)
        return ImportedView(
            format="ecr" if found.format == "ecr" else "artifact-registry",
            document=plain_of(found.policy),
            rules=[
                RetentionRuleView(name=each.name, action=each.verb.value, meaning=explain(each))
                for each in found.policy.rules
            ],
            refused=[RefusedView(rule=each.rule, reason=each.reason) for each in found.refused],
            notes=list(found.notes),
        )


class InventoryHandlers:
    """The operations on inventories."""

    def __init__(self, access: Access, inventories: Inventories) -> None:
        self._access = access
        self._inventories = inventories

    async def tell_inventory(
        self, caller: Asking, source: _Source, given: GivenInventory, path: _Path = ""
    ) -> InventoryView:
        """Say what runs now, all of it: for who may change settings on the whole of the path that it is about."""
        permit = self._access.path(caller.who, path, caller.origin)
        return _inventory(await self._inventories.tell(permit, source, given.images))

    async def list_inventories(self, caller: Asking, paging: Paged) -> Page[InventoryView]:
        """Who told what runs, and when."""
        permit = self._access.path(caller.who, "", caller.origin)
        found = await self._inventories.list(permit, paging.after_number(), paging.fetch)
        return paging.page(found, lambda each: _inventory(each[1]), lambda each: each[0])

    async def remove_inventory(self, caller: Asking, source: _Source, path: _Path = "") -> None:
        """Forget what a source told."""
        await self._inventories.remove(self._access.path(caller.who, path, caller.origin), source)


def _started(found: Started) -> StartedView:
    return StartedView(plan=found.plan, job=found.job or None)


def _plan(row: store.PlanRow) -> PlanView:
    tried = json.loads(row.tried) if row.tried is not None else None
    return PlanView(**{**row._asdict(), "state": PlanState(row.state).name.lower(), "tried": tried})


def _item(item: Item) -> ItemView:
    return ItemView(
        repository=item.repository,
        tag=item.name or None,
        digest=item.digest or None,
        pushed_at=item.pushed_at,
        verdict="drop" if item.drop else "keep",
        rule=item.rule,
        reason=item.reason,
        bytes=item.bytes,
        outcome=_OUTCOMES[item.outcome],
        skipped=item.skipped or None,
    )


_OUTCOMES: dict[Outcome, Literal["waiting", "done", "skipped"]] = {
    Outcome.WAITING: "waiting",
    Outcome.DONE: "done",
    Outcome.SKIPPED: "skipped",
}


def _inventory(found: Inventory) -> InventoryView:
    return InventoryView(
        path=found.path,
        source=found.source,
        at=found.at or None,
        told_by=found.told_by,
        images=found.images,
        ignored=list(found.ignored),
    )


def _place(text: str) -> tuple[int, str, int]:
    """The place of an item in its plan, as a cursor keeps it. Raises `Invalid`."""
    if not text:
        return 0, "", 0
    try:
        match json.loads(text):
            case [int(repo_id), str(name), int(content_id)]:
                return repo_id, name, content_id
    except ValueError:
        pass
    raise Invalid("after", "this is no cursor of this list: begin again without it")


def retention_routes(access: Access, retention: Retention) -> Routes:
    """The routes of `/retention`."""
    on = RetentionHandlers(access, retention)
    return routes(
        "/retention",
        "retention",
        Route("GET", "", on.show_retention),
        Route("GET", "/plans", on.list_plans),
        Route("POST", "/plans", on.make_plan, 202),
        Route("GET", "/plans/{id}", on.show_plan),
        Route("GET", "/plans/{id}/items", on.list_plan_items),
        Route("POST", "/plans/{id}/apply", on.apply_plan, 202),
        Route("POST", "/test", on.test_retention),
        Route("POST", "/import", on.import_retention),
    )


def inventory_routes(access: Access, inventories: Inventories) -> Routes:
    """The routes of `/inventories`."""
    on = InventoryHandlers(access, inventories)
    return routes(
        "/inventories",
        "retention",
        Route("GET", "", on.list_inventories),
        Route("PUT", "/{source}", on.tell_inventory),
        Route("DELETE", "/{source}", on.remove_inventory, 204),
    )
