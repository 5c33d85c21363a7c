"""`/rollbacks`: tags back to where they were at an instant, with a dry run that shows every change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import Query
from pydantic import Field

from holdfast.access.policy.globs import TagGlob
from holdfast.access.service import Access
from holdfast.api.caller import Asking
from holdfast.api.page import Paging
from holdfast.api.routing import Route, Routes, routes
from holdfast.api.shape import GivenMoment, Input, Moment, Output
from holdfast.registry.history.cursors import place_text, read_place
from holdfast.registry.history.rollback.model import Effect, Item, Wish
from holdfast.registry.history.rollback.service import Rollback
from holdfast.registry.history.targets import read_target

_MOST = 5000


class RollbackItem(Output):
    """What a rollback does to one tag. `now`, `then`: digests, null where it is not there, or for content that is gone.
    `why`: what blocks it, or why it stays."""

    repository: str
    tag: str
    effect: Literal["create", "move", "delete", "same", "blocked"]
    now: str | None
    then: str | None
    why: str


class RollbackView(Output):
    """A rollback, or its dry run. The numbers are tags; `repositories`: how many change. `window_from`: since when
    everything that tags pointed to is sure to be stored. Of a dry run `items` is a piece of all that has changed since,
    in order, `next` what `after` of the next request is, and `fingerprint` what the rollback takes; of a rollback
    `items` are the first of those that were blocked and skipped."""

    target: str
    to: Moment
    dry_run: bool
    create: int
    move: int
    delete: int
    same: int
    blocked: int
    repositories: int
    window_from: Moment
    at: Moment | None
    fingerprint: str | None
    items: list[RollbackItem]
    next: str | None


class GivenRollback(Input):
    """`exact`: tags that were born later end. `skip_blocked`: what cannot be changed stays, instead of refusing all.
    `fingerprint`: of a dry run; when something has changed since, the rollback is refused."""

    target: str = Field(
        max_length=400, description="`REPOSITORY:TAG`, `REPOSITORY`, or a namespace; `PATH/**`: with all below."
    )
    to: GivenMoment
    tags: str | None = Field(default=None, max_length=128, description="Only tags of this glob.")
    exact: bool = False
    skip_blocked: bool = False
    dry_run: bool = Field(default=False, description="Only say what would be done.")
    fingerprint: str | None = Field(default=None, max_length=64)


class RollbackHandlers:
    """The operation of rollbacks."""

    def __init__(self, access: Access, rollback: Rollback) -> None:
        self._access = access
        self._rollback = rollback

    async def roll_back(
        self,
        caller: Asking,
        given: GivenRollback,
        limit: Annotated[int, Query(ge=1, le=_MOST, description="Of a dry run: how many items at most.")] = 500,
        after: Annotated[
            str | None, Query(max_length=2048, description="Of a dry run: `next` of the one before.")
        ] = None,
    ) -> RollbackView:
        """Take a tag, the tags of a repository, or all below a path back to where they were at an instant.

        One transaction of at most 100,000 changes. Every tag is asked of the caller's rights: to create, overwrite or
        delete it. A rollback is undone by another one.
        """
        if given.tags is not None:
            TagGlob.parse(given.tags)
        permit = self._access.path(caller.who, "", caller.origin)
        target = read_target(given.target)
        wish = Wish(target, given.to, given.tags, given.exact, given.skip_blocked, given.fingerprint)
        if not given.dry_run:
            done = await self._rollback.apply(permit, wish)
            return RollbackView(
                **_counts(done.counts),
                target=str(target),
                to=given.to,
                dry_run=False,
                repositories=done.repositories,
                window_from=done.window_from,
                at=done.at,
                fingerprint=None,
                items=[_item(item) for item in done.blocked],
                next=None,
            )
        paging = Paging(limit, after)
        found = await self._rollback.preview(permit, wish, read_place(paging.after_text()), limit)
        page = paging.part(found.items, _item, place_text(found.next))
        return RollbackView(
            **_counts(found.counts),
            target=str(target),
            to=given.to,
            dry_run=True,
            repositories=found.repositories,
            window_from=found.window_from,
            at=None,
            fingerprint=found.fingerprint,
            items=page.items,
            next=page.next,
        )


def _counts(counts: Mapping[Effect, int]) -> dict[str, Any]:
    return {effect.value: counts[effect] for effect in Effect}


def _item(item: Item) -> RollbackItem:
    return RollbackItem(
        repository=item.repository,
        tag=item.tag,
        effect=item.effect.value,
        now=item.now,
        then=item.then,
        why=item.why,
    )


def rollback_routes(access: Access, rollback: Rollback) -> Routes:
    """The routes of `/rollbacks`."""
    on = RollbackHandlers(access, rollback)
    return routes("/rollbacks", "rollbacks", Route("POST", "", on.roll_back))
