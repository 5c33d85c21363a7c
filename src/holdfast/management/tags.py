"""`/repositories/{repository}/tags`: the tags of a repository, with what is known of each."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Query

from holdfast.access.service import Access
from holdfast.api.caller import Asking
from holdfast.api.page import Page, Paged
from holdfast.api.routing import Route, Routes, routes
from holdfast.api.shape import Moment, Output, Segment
from holdfast.oci.name import RepositoryName
from holdfast.registry.lastuse.tags import TagList, ToldTag

_Order = Annotated[Literal["name", "version"], Query(description="By name, or the highest version first.")]


class TagView(Output):
    """A tag. `size`: bytes of all its parts, each once; `pulled_at`: by the tag or by a digest of it, null: not since
    `tracked_since` of the page."""

    name: str
    digest: str
    media_type: str
    size: int
    pushed_at: Moment
    pulled_at: Moment | None


class TagsPage(Page[TagView]):
    """A piece of the tags. `tracked_since`: from when on it is known what was pulled, null: it is not."""

    tracked_since: Moment | None


class TagHandlers:
    """The operations on tags."""

    def __init__(self, access: Access, tags: TagList) -> None:
        self._access = access
        self._tags = tags

    async def list_tags(self, caller: Asking, repository: Segment, paging: Paged, order: _Order = "name") -> TagsPage:
        """The tags of a repository that the caller may be told of. A page may be shorter than asked for and still have
        a next one."""
        name = RepositoryName.parse(repository)
        permit = self._access.path(caller.who, name, caller.origin)
        found = await self._tags.page(
            permit, name, by_version=order == "version", after=paging.after_text(), limit=paging.limit
        )
        page = paging.part(found.tags, _view, found.next)
        return TagsPage(items=page.items, next=page.next, tracked_since=found.tracked_since)


def _view(tag: ToldTag) -> TagView:
    return TagView(**tag._asdict())


def tag_routes(access: Access, tags: TagList) -> Routes:
    """The routes of tags, below `/repositories`."""
    on = TagHandlers(access, tags)
    return routes("/repositories", "repositories", Route("GET", "/{repository}/tags", on.list_tags))
