"""`/repositories`: repositories as things: made empty, described, labelled, listed, deleted and brought back."""

from __future__ import annotations

from typing import Annotated, Self

from fastapi import Query
from pydantic import Field

from holdfast.access.errors import Invalid
from holdfast.access.service import Access
from holdfast.api.caller import Asking
from holdfast.api.page import Page, Paged
from holdfast.api.routing import Route, Routes, routes
from holdfast.api.shape import Input, Moment, Output, Segment
from holdfast.registry.effective.kinds import write_duration
from holdfast.registry.namespaces.ending import Ended
from holdfast.registry.namespaces.removal import Going, Gone, Removal
from holdfast.registry.namespaces.repositories import Filter, Repositories, Repository
from holdfast.registry.namespaces.saying import Facts, Saying

_Below = Annotated[str, Query(max_length=255, description="Only at and below this path.")]
_Label = Annotated[str | None, Query(max_length=400, description="Only with this label: NAME=VALUE.")]
Force = Annotated[bool, Query(description="Although tags in it may not be deleted: for administrators.")]


class SayingShape(Input):
    """What to say of a path: what is left out stays as it is. `description`: Markdown, at most 64 KiB; `labels`: a
    value, or null to take the label away."""

    description: str | None = None
    labels: dict[str, str | None] = Field(default_factory=dict)

    def saying(self) -> Saying:
        """As the services take it."""
        return Saying(
            self.description,
            {name: value for name, value in self.labels.items() if value is not None},
            tuple(name for name, value in self.labels.items() if value is None),
        )


class NewRepository(SayingShape):
    """A repository that is made empty."""

    name: str = Field(max_length=255)


class RepositoryView(Output):
    """A repository. `bytes`, `tags`: what it holds, null in lists and to who may not read all of it."""

    name: str
    made_at: Moment
    changed_at: Moment
    description: str
    labels: dict[str, str]
    bytes: int | None
    tags: int | None


class GoingView(Output):
    """What a deletion takes. `held_back`: the rule that forbids it, null: none; `window`: how long it can be undone."""

    repositories: int
    tags: int
    bytes: int
    held_back: str | None
    window: str

    @classmethod
    def of(cls, going: Going) -> Self:
        """Of what the service says."""
        repositories, tags, size, held_back, window = going
        return cls(
            repositories=repositories, tags=tags, bytes=size, held_back=held_back, window=write_duration(str(window))
        )


class EndedView(Output):
    """A repository that was deleted or came back. `id`: what it is restored by, where several had the name."""

    id: int
    name: str
    tags: int
    bytes: int


class DeletedRepositoryView(Output):
    """A deleted repository that can come back until `until`. `free`: whether its name is."""

    id: int
    name: str
    deleted_at: Moment
    until: Moment
    free: bool


class GivenRepositoryRestore(Input):
    """Which of the deleted repositories of the name comes back; without it the one deleted last."""

    id: int | None = Field(None, ge=1)


class RepositoryHandlers:
    """The operations on repositories."""

    def __init__(self, access: Access, repositories: Repositories, removal: Removal) -> None:
        self._access = access
        self._repositories = repositories
        self._removal = removal

    async def list_repositories(
        self, caller: Asking, paging: Paged, below: _Below = "", label: _Label = None
    ) -> Page[RepositoryView]:
        """Repositories that you may be told of, by name."""
        permit = self._access.path(caller.who, below, caller.origin)
        wanted = Filter(_label(label) if label is not None else None)
        found = await self._repositories.list(permit, wanted, paging.after_text(), paging.fetch)
        return paging.page(found, _view, lambda each: each.name)

    async def list_deleted_repositories(
        self, caller: Asking, paging: Paged, below: _Below = ""
    ) -> Page[DeletedRepositoryView]:
        """Deleted repositories that you may bring back, by name; of each name the one deleted last."""
        permit = self._access.path(caller.who, below, caller.origin)
        found = await self._removal.gone(permit, paging.after_text(), paging.fetch)
        return paging.page(found, _gone, lambda each: each.name)

    async def create_repository(self, caller: Asking, given: NewRepository) -> RepositoryView:
        """Make an empty repository: for who may create it; saying something of it needs 'settings', too."""
        permit = self._access.path(caller.who, given.name, caller.origin)
        return _view(await self._repositories.create(permit, given.saying()))

    async def show_repository(self, caller: Asking, repository: Segment) -> RepositoryView:
        """Show a repository, with what it holds."""
        return _view(await self._repositories.show(self._access.path(caller.who, repository, caller.origin)))

    async def change_repository(self, caller: Asking, repository: Segment, given: SayingShape) -> RepositoryView:
        """Describe or label a repository: for who may change its settings."""
        permit = self._access.path(caller.who, repository, caller.origin)
        return _view(await self._repositories.say(permit, given.saying()))

    async def show_repository_deletion(self, caller: Asking, repository: Segment) -> GoingView:
        """Show what deleting a repository would take."""
        permit = self._access.path(caller.who, repository, caller.origin)
        return GoingView.of(await self._removal.look(permit, whole=False))

    async def delete_repository(self, caller: Asking, repository: Segment, force: Force = False) -> EndedView:
        """Delete a repository, at once. Inside the history window it can be restored."""
        permit = self._access.path(caller.who, repository, caller.origin)
        return _ended(await self._removal.repository(permit, force=force))

    async def restore_repository(self, caller: Asking, repository: Segment, given: GivenRepositoryRestore) -> EndedView:
        """Bring a deleted repository back, while its name is free: for who may delete it."""
        permit = self._access.path(caller.who, repository, caller.origin)
        return _ended(await self._removal.restore(permit, given.id))


def labels_of(facts: Facts) -> dict[str, str]:
    """Labels as the API shows them."""
    return dict(facts.labels)


def _label(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise Invalid("label", "a label is written NAME=VALUE")
    return name, value


def _view(found: Repository) -> RepositoryView:
    return RepositoryView(
        name=found.name,
        made_at=found.made_at,
        changed_at=found.changed_at,
        description=found.facts.description,
        labels=labels_of(found.facts),
        bytes=found.bytes,
        tags=found.tags,
    )


def _ended(found: Ended) -> EndedView:
    return EndedView(id=found.id, name=found.name, tags=found.tags, bytes=found.bytes)


def _gone(found: Gone) -> DeletedRepositoryView:
    return DeletedRepositoryView(
        id=found.id, name=found.name, deleted_at=found.gone_at, until=found.until, free=found.free
    )


def repository_routes(access: Access, repositories: Repositories, removal: Removal) -> Routes:
    """The routes of `/repositories`."""
    on = RepositoryHandlers(access, repositories, removal)
    return routes(
        "/repositories",
        "repositories",
        Route("GET", "", on.list_repositories),
        Route("POST", "", on.create_repository, 201),
        Route("GET", "/{repository}", on.show_repository),
        Route("PATCH", "/{repository}", on.change_repository),
        Route("GET", "/{repository}/deletion", on.show_repository_deletion),
        Route("DELETE", "/{repository}", on.delete_repository),
        Route("POST", "/{repository}/restore", on.restore_repository),
    )


def deleted_repository_routes(access: Access, repositories: Repositories, removal: Removal) -> Routes:
    """The route of `/deleted-repositories`: below `/repositories` it would stand for a repository of that name."""
    on = RepositoryHandlers(access, repositories, removal)
    return routes("/deleted-repositories", "repositories", Route("GET", "", on.list_deleted_repositories))
