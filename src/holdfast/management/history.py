"""`/history`: the changes of tags, tags as they stood at an instant, and what differs between two instants."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Query

from holdfast.access.policy.globs import TagGlob
from holdfast.access.service import Access
from holdfast.api.caller import Asking
from holdfast.api.page import Page, Paged
from holdfast.api.routing import Route, Routes, routes
from holdfast.api.shape import GivenMoment, Moment, Output
from holdfast.oci.name import RepositoryName
from holdfast.registry.history.cursors import change_text, place_text, read_change, read_place
from holdfast.registry.history.model import ALWAYS, Change, Difference, Filter, Stood, What
from holdfast.registry.history.service import History
from holdfast.registry.history.targets import read_target

Word = Literal["created", "moved", "deleted"]
TargetText = Annotated[
    str,
    Query(
        max_length=400,
        description="`REPOSITORY:TAG`, `REPOSITORY`, or a namespace; `PATH/**` is the repository and all below it.",
    ),
]
RepositoryText = Annotated[str, Query(max_length=255, description="A repository.")]
_GLOB = Annotated[str | None, Query(max_length=128, description="Only tags of this glob.")]


class TagChangeView(Output):
    """One change of a tag. `was`, `now`: digests, null where there was none, and for content that is gone by now.
    `actor`, `request`: null where the caller neither changes tags there nor reads the audit."""

    repository: str
    tag: str
    action: Word
    was: str | None
    now: str | None
    at: Moment
    seq: int
    actor: str | None
    request: str | None


class StoodView(Output):
    """A tag as it stood. `digest` null: the content is gone; `since`: when it came to point there; `stored`: whether
    the digest can be pulled now."""

    tag: str
    digest: str | None
    since: Moment
    stored: bool


class StandingPage(Page[StoodView]):
    """A piece of the tags of a repository, as they stood `at`."""

    at: Moment


class TagDifferenceView(Output):
    """What became of a tag between two instants. `at`: when it last changed in between."""

    repository: str
    tag: str
    change: Word
    was: str | None
    now: str | None
    at: Moment


class HistoryHandlers:
    """The operations on history."""

    def __init__(self, access: Access, history: History) -> None:
        self._access = access
        self._history = history

    async def list_history(
        self,
        caller: Asking,
        paging: Paged,
        target: TargetText,
        *,
        tags: _GLOB = None,
        actor: Annotated[str | None, Query(max_length=512, description="`user:alice`, `robot:team+ci`.")] = None,
        action: Word | None = None,
        since: GivenMoment | None = None,
        until: GivenMoment | None = None,
    ) -> Page[TagChangeView]:
        """The changes of a tag, of the tags of a repository, or of a namespace, newest first.

        A page may be shorter than asked for and still have a next one. `since` is exclusive, `until` inclusive.
        """
        if tags is not None:
            TagGlob.parse(tags)
        wanted = Filter(tags, actor, What(action) if action else None, since or 0, ALWAYS if until is None else until)
        permit = self._access.path(caller.who, "", caller.origin)
        after = read_change(paging.after_text())
        found = await self._history.changes(permit, read_target(target), wanted, after, paging.limit)
        return paging.part(found.changes, _change, change_text(found.next))

    async def list_tags_at(
        self, caller: Asking, paging: Paged, repository: RepositoryText, at: GivenMoment | None = None
    ) -> StandingPage:
        """The tags of a repository as they stood at an instant (without one: now), in order.

        A page may be shorter than asked for and still have a next one.
        """
        permit = self._access.path(caller.who, "", caller.origin)
        path = RepositoryName.parse(repository)
        found = await self._history.standing(permit, path, at, paging.after_text(), paging.limit)
        page = paging.part(found.tags, _stood, found.next)
        return StandingPage(items=page.items, next=page.next, at=found.at)

    async def list_differences(
        self,
        caller: Asking,
        paging: Paged,
        target: TargetText,
        since: GivenMoment,
        until: GivenMoment | None = None,
    ) -> Page[TagDifferenceView]:
        """What became of the tags of a repository or namespace between two instants (without `until`: to now), in order
        of repositories and tags."""
        permit = self._access.path(caller.who, "", caller.origin)
        after = read_place(paging.after_text())
        found = await self._history.differences(
            permit, read_target(target), since, until, after=after, limit=paging.limit
        )
        return paging.part(found.found, _difference, place_text(found.next))


def _change(found: Change) -> TagChangeView:
    return TagChangeView(
        repository=found.repository,
        tag=found.tag,
        action=found.what.value,
        was=found.was,
        now=found.now,
        at=found.at,
        seq=found.seq,
        actor=found.actor,
        request=found.request,
    )


def _stood(found: Stood) -> StoodView:
    return StoodView(tag=found.tag, digest=found.digest, since=found.since, stored=found.live)


def _difference(found: Difference) -> TagDifferenceView:
    return TagDifferenceView(
        repository=found.repository, tag=found.tag, change=found.what.value, was=found.was, now=found.now, at=found.at
    )


def history_routes(access: Access, history: History) -> Routes:
    """The routes of `/history`."""
    on = HistoryHandlers(access, history)
    return routes(
        "/history",
        "history",
        Route("GET", "", on.list_history),
        Route("GET", "/tags", on.list_tags_at),
        Route("GET", "/differences", on.list_differences),
    )
