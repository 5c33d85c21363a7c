"""`/changes`: several tags, or several repositories, changed by one job: looked at first, done, told one by one, and
taken back."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Query
from pydantic import Field

from holdfast.access.service import Access
from holdfast.api.caller import Asking
from holdfast.api.page import Page, Paged
from holdfast.api.routing import Route, Routes, routes
from holdfast.api.shape import GivenMoment, Id, Input, Moment, Output
from holdfast.oci.name import RepositoryName, Tag
from holdfast.registry.browsing.model import RepositoryFilter, RepositoryType, TagFilter
from holdfast.registry.several.model import (
    MOST_REPOSITORIES,
    MOST_TAGS,
    Change,
    Item,
    Kind,
    Outcome,
    Picked,
    PickedRepositories,
    State,
    Wish,
)
from holdfast.registry.several.service import Several

_TEXT, _NAME = 128, 255
Word = Literal["waits", "done", "left", "stays"]
StateWord = Literal["making", "looked at", "running", "ended"]


class TagFilterShape(Input):
    """Which tags, where they are not named: all that pass. `pushed_by`: as in the audit, `user:alice`."""

    glob: str = Field(default="", max_length=_TEXT)
    contains: str = Field(default="", max_length=_TEXT)
    platform: str = Field(default="", max_length=_TEXT)
    pushed_by: str = Field(default="", max_length=400)
    pushed_after: GivenMoment | None = None
    pushed_before: GivenMoment | None = None
    never_pulled: bool = False

    def tag_filter(self) -> TagFilter:
        """As the services take it."""
        return TagFilter(
            glob=self.glob,
            text=self.contains,
            platform=self.platform,
            actor=self.pushed_by,
            pushed_after=self.pushed_after or 0,
            pushed_before=self.pushed_before or 0,
            never_pulled=self.never_pulled,
        )


class RepositoryFilterShape(Input):
    """Which repositories, where they are not named: all that pass."""

    contains: str = Field(default="", max_length=_TEXT)
    visibility: Literal["public", "private"] | None = None
    holds: Literal["image", "helm", "other", "empty"] | None = None
    idle_since: GivenMoment | None = Field(default=None, description="Neither pushed to nor pulled from since then.")

    def repository_filter(self) -> RepositoryFilter:
        """As the services take it."""
        return RepositoryFilter(
            text=self.contains,
            public=None if self.visibility is None else self.visibility == "public",
            kind=None if self.holds is None else RepositoryType(self.holds),
            idle_since=self.idle_since or 0,
        )


class WishShape(Input):
    """What is to be done beside the kind. `target`: the repository of `promote` and `retag` (of the latter without one:
    the same); `label`, `value`: an annotation of the manifest, without a value it is taken away; `match`, `pattern`: of
    `retag`, the old names and the new ones, `*` in the second being what `*` in the first stands for; `replace`: also
    tags that have the new names move."""

    target: str = Field(default="", max_length=_NAME)
    label: str = Field(default="", max_length=256)
    value: str = Field(default="", max_length=4096)
    match: str = Field(default="*", max_length=_TEXT)
    pattern: str = Field(default="", max_length=_TEXT, description="release-*")
    replace: bool = False


class GivenTagChange(WishShape, TagFilterShape):
    """`tags`: their names; without them all that pass the filter."""

    kind: Literal["delete", "retag", "label", "promote", "protect"]
    repository: str = Field(max_length=_NAME)
    tags: list[str] | None = Field(default=None, max_length=MOST_TAGS)


class GivenRepositoryChange(RepositoryFilterShape):
    """`repositories`: their names; without them all at and below `below` that pass the filter."""

    kind: Literal["public", "private", "delete-repository"]
    below: str = Field(default="", max_length=_NAME)
    repositories: list[str] | None = Field(default=None, max_length=MOST_REPOSITORIES)


class OutcomesView(Output):
    """Items by what became of them: they wait (or would be changed), are changed, were left, were never to change."""

    waits: int
    done: int
    left: int
    stays: int


class ProtectionView(Output):
    """What `protect` does to the rules of immutable tags: what holds, set at which path (null: nowhere), and what would
    hold at the repository."""

    held: str
    path: str | None
    then: str


class BulkChangeView(Output):
    """A change. `path`: the repository whose tags, or the namespace (`""`: everything) whose repositories are changed;
    `state`: `looked at` changes nothing until it is started; `newer`: tags that would belong to it, but were put after
    it was looked at; `undoes`, `undone_by`: the change that it takes back, and by which it was; `job`: what does it;
    `by`: who looked at it, who alone lets it be done and takes it back."""

    id: int
    kind: Literal["delete", "retag", "label", "promote", "protect", "public", "private", "delete-repository"]
    path: str
    state: StateWord
    counts: OutcomesView
    newer: int
    target: str
    label: str
    value: str
    match: str
    pattern: str
    replace: bool
    protection: ProtectionView | None
    undoes: int | None
    undone_by: int | None
    job: int | None
    by: str
    made_at: Moment
    ended_at: Moment | None


class BulkItemView(Output):
    """A tag or repository of a change. `was`: the digest when it was looked at, `now`: since the change; `renamed`: the
    name that the tag gets; `before`: what a tag at the target pointed to, or what was said of a repository's visibility
    (`""`: nothing); `why`: why it is not changed."""

    name: str
    was: str | None
    now: str | None
    renamed: str | None
    before: str | None
    outcome: Word
    why: str


class ChangeHandlers:
    """The operations on changes of several."""

    def __init__(self, access: Access, several: Several) -> None:
        self._access = access
        self._several = several

    async def plan_tag_change(self, caller: Asking, given: GivenTagChange) -> BulkChangeView:
        """Look at what a change of several tags of a repository would do: nothing is changed before it is started.

        Who operates the registry and who manages access there see it too; you alone can start it. What became of each
        is told for 30 days.
        """
        repository = RepositoryName.parse(given.repository)
        permit = self._access.path(caller.who, repository, caller.origin)
        names = None if given.tags is None else [Tag.parse(each) for each in given.tags]
        wish = Wish(given.target, given.label, given.value, given.match, given.pattern, given.replace)
        picked = Picked(names, given.tag_filter())
        return await self._show(caller, await self._several.plan(permit, Kind(given.kind), picked, wish))

    async def plan_repository_change(self, caller: Asking, given: GivenRepositoryChange) -> BulkChangeView:
        """Look at what a change of several repositories would do: nothing is changed before it is started."""
        below = RepositoryName.parse(given.below) if given.below else ""
        permit = self._access.path(caller.who, below, caller.origin)
        picked = PickedRepositories(given.repositories, given.repository_filter())
        return await self._show(caller, await self._several.plan_repositories(permit, Kind(given.kind), picked))

    async def list_changes(
        self,
        caller: Asking,
        paging: Paged,
        path: Annotated[str, Query(max_length=_NAME, description="Only at and below this path.")] = "",
        state: Annotated[StateWord | None, Query(description="Only in this state.")] = None,
    ) -> Page[BulkChangeView]:
        """Changes of several tags or repositories, newest first: those that you looked at, for who operates the
        registry all, and for who manages access to the whole of `path` all there. They are told for 30 days."""
        permit = self._access.path(caller.who, RepositoryName.parse(path) if path else "", caller.origin)
        wanted = State(state) if state is not None else None
        page = await self._several.seen.look(permit, wanted, older=paging.after_number(), limit=paging.limit)
        return paging.part(page.changes, lambda each: _view(each, None, page.makers[each.account]), page.next)

    async def show_change(self, caller: Asking, id: Id) -> BulkChangeView:
        """Show a change that you looked at, or that you see in the list, and how far it is."""
        return await self._show(caller, id)

    async def list_change_items(
        self,
        caller: Asking,
        paging: Paged,
        id: Id,
        outcome: Annotated[Word | None, Query(description="Only with this outcome.")] = None,
    ) -> Page[BulkItemView]:
        """The tags or repositories of a change, by name: what would become of each, or what did and why not."""
        permit = self._access.path(caller.who, "", caller.origin)
        wanted = Outcome[outcome.upper()] if outcome is not None else None
        change = await self._several.show(permit, id)
        page = await self._several.items(permit, id, wanted, paging.after_text(), "", paging.limit)
        return paging.part(page.items, lambda item: _item(change, item), page.next or None)

    async def start_change(self, caller: Asking, id: Id) -> BulkChangeView:
        """Let a change that was looked at be done, by a job with your rights; what moved since is left."""
        await self._several.start(self._access.path(caller.who, "", caller.origin), id)
        return await self._show(caller, id)

    async def undo_change(self, caller: Asking, id: Id) -> BulkChangeView:
        """Take back what a change did, by another one, which is the answer; what was pushed since stays."""
        permit = self._access.path(caller.who, "", caller.origin)
        return await self._show(caller, await self._several.undo(permit, id))

    async def _show(self, caller: Asking, id: int) -> BulkChangeView:
        permit = self._access.path(caller.who, "", caller.origin)
        change = await self._several.show(permit, id)
        protection = None
        if change.kind is Kind.PROTECT and change.state is State.LOOKED_AT and change.counts.get(Outcome.WAITS):
            there = self._access.path(caller.who, change.path, caller.origin)
            protection = ProtectionView.model_validate(await self._several.protection(there, id))
        makers = await self._several.seen.makers(permit, [change])
        return _view(change, protection, makers[change.account])


def _view(change: Change, protection: ProtectionView | None, by: str) -> BulkChangeView:
    wish = change.wish
    return BulkChangeView(
        id=change.id,
        kind=change.kind.value,
        path=change.path,
        state=change.state.value,
        counts=OutcomesView(**{outcome.name.lower(): change.counts.get(outcome, 0) for outcome in Outcome}),
        newer=change.newer,
        target=wish.target,
        label=wish.name,
        value=wish.text,
        match=wish.match,
        pattern=wish.pattern,
        replace=wish.replace,
        protection=protection,
        undoes=change.undoes or None,
        undone_by=change.undone or None,
        job=change.job or None,
        by=by,
        made_at=change.made_at,
        ended_at=change.ended_at or None,
    )


def _item(change: Change, item: Item) -> BulkItemView:
    of_tags = not change.kind.of_repositories
    return BulkItemView(
        name=item.name,
        was=item.was if of_tags else None,
        now=item.now if of_tags else None,
        renamed=item.renamed or None,
        before=item.before,
        outcome=item.outcome.name.lower(),  # type: ignore[arg-type]
        why=item.why,
    )


def change_routes(access: Access, several: Several) -> Routes:
    """The routes of `/changes`."""
    on = ChangeHandlers(access, several)
    return routes(
        "/changes",
        "changes",
        Route("POST", "/tags", on.plan_tag_change, 201),
        Route("POST", "/repositories", on.plan_repository_change, 201),
        Route("GET", "", on.list_changes),
        Route("GET", "/{id}", on.show_change),
        Route("GET", "/{id}/items", on.list_change_items),
        Route("POST", "/{id}/start", on.start_change, 202),
        Route("POST", "/{id}/undo", on.undo_change, 202),
    )
