"""`/namespaces`: the tree of paths above the repositories."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query
from pydantic import Field

from holdfast.access.jobs import SeenJobs
from holdfast.access.service import Access
from holdfast.api.caller import Asking
from holdfast.api.page import Page, Paged
from holdfast.api.routing import Route, Routes, routes
from holdfast.api.shape import Moment, Output, Segment
from holdfast.management.jobs import JobView, job_view
from holdfast.management.repositories import Force, GoingView, SayingShape, labels_of
from holdfast.registry.namespaces.removal import Removal
from holdfast.registry.namespaces.service import Namespace, Namespaces

_Below = Annotated[str, Query(max_length=255, description="Of this namespace; without it the first segments.")]


class NewNamespace(SayingShape):
    """A path that is to be a namespace before anything is in it."""

    path: str = Field(max_length=255)


class NamespaceView(Output):
    """A namespace. `made_at`, `made_by`: null where nobody made or described it; `bytes`, `repositories`, `tags`: of
    everything at and below it, null in lists and to who may not be told of all of it."""

    path: str
    made_at: Moment | None
    made_by: str | None
    description: str
    labels: dict[str, str]
    bytes: int | None
    repositories: int | None
    tags: int | None


class NamespaceHandlers:
    """The operations on namespaces."""

    def __init__(self, access: Access, namespaces: Namespaces, removal: Removal, jobs: SeenJobs) -> None:
        self._access = access
        self._namespaces = namespaces
        self._removal = removal
        self._jobs = jobs

    async def list_namespaces(self, caller: Asking, paging: Paged, below: _Below = "") -> Page[NamespaceView]:
        """The namespaces right below a path that you may be told of."""
        permit = self._access.path(caller.who, below, caller.origin)
        found = await self._namespaces.list(permit, paging.after_text(), paging.fetch)
        return paging.page(found, _view, lambda each: each.path)

    async def create_namespace(self, caller: Asking, given: NewNamespace) -> NamespaceView:
        """Make a path a namespace: for who may change settings on the whole of it."""
        permit = self._access.path(caller.who, given.path, caller.origin)
        return _view(await self._namespaces.create(permit, given.saying()))

    async def show_namespace(self, caller: Asking, namespace: Segment) -> NamespaceView:
        """Show a namespace, with how much is in it."""
        return _view(await self._namespaces.show(self._access.path(caller.who, namespace, caller.origin)))

    async def change_namespace(self, caller: Asking, namespace: Segment, given: SayingShape) -> NamespaceView:
        """Describe or label a namespace: for who may change settings on the whole of it."""
        permit = self._access.path(caller.who, namespace, caller.origin)
        return _view(await self._namespaces.say(permit, given.saying()))

    async def show_namespace_deletion(self, caller: Asking, namespace: Segment) -> GoingView:
        """Show what deleting a namespace would take."""
        permit = self._access.path(caller.who, namespace, caller.origin)
        return GoingView.of(await self._removal.look(permit, whole=True))

    async def delete_namespace(self, caller: Asking, namespace: Segment, force: Force = False) -> JobView:
        """Delete every repository at and below a path, by a job. Inside the history window they can be restored."""
        permit = self._access.path(caller.who, namespace, caller.origin)
        return await self._job(caller, await self._removal.namespace(permit, force=force))

    async def restore_namespace(self, caller: Asking, namespace: Segment) -> JobView:
        """Bring back everything deleted at and below a path where the name is free, by a job."""
        permit = self._access.path(caller.who, namespace, caller.origin)
        return await self._job(caller, await self._removal.restore_namespace(permit))

    async def _job(self, caller: Asking, id: int) -> JobView:
        return job_view(await self._jobs.get(caller.who, id, origin=caller.origin))


def _view(found: Namespace) -> NamespaceView:
    return NamespaceView(
        path=found.path,
        made_at=found.facts.made_at,
        made_by=found.facts.made_by,
        description=found.facts.description,
        labels=labels_of(found.facts),
        bytes=found.bytes,
        repositories=found.repositories,
        tags=found.tags,
    )


def namespace_routes(access: Access, namespaces: Namespaces, removal: Removal, jobs: SeenJobs) -> Routes:
    """The routes of `/namespaces`."""
    on = NamespaceHandlers(access, namespaces, removal, jobs)
    return routes(
        "/namespaces",
        "namespaces",
        Route("GET", "", on.list_namespaces),
        Route("POST", "", on.create_namespace, 201),
        Route("GET", "/{namespace}", on.show_namespace),
        Route("PATCH", "/{namespace}", on.change_namespace),
        Route("GET", "/{namespace}/deletion", on.show_namespace_deletion),
        Route("DELETE", "/{namespace}", on.delete_namespace, 202),
        Route("POST", "/{namespace}/restore", on.restore_namespace, 202),
    )
