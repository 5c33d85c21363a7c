"""`/purges`: content that must not be here, and the digests that are refused."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query
from pydantic import Field

from holdfast.access.jobs import SeenJobs
from holdfast.access.service import Access
from holdfast.api.caller import Asking
from holdfast.api.page import Page, Paged
from holdfast.api.routing import Route, Routes, routes
from holdfast.api.shape import Input, Moment, Output
from holdfast.management.jobs import JobView, job_view
from holdfast.registry.purge.harm import Harm
from holdfast.registry.purge.service import Purge, PurgedDigest

_NEWEST = (1 << 63) - 1
_Repository = Annotated[str, Query(max_length=255)]
_Reference = Annotated[str, Query(max_length=256, description="A tag, or a digest of a manifest or blob.")]
_Digest = Annotated[str, Path(max_length=256)]


class NamedView(Output):
    """A tag or a manifest of a repository."""

    repository: str
    name: str


class HarmView(Output):
    """What a purge breaks. `shown_in`: how many repositories show the content; `repositories`, `tags`, `users`
    (manifests that name it as a part), `referrers`: those that you may be told of, at most 100 of each; `hidden`: there
    is more."""

    digest: str
    size: int
    shown_in: int
    repositories: list[str]
    tags: list[NamedView]
    users: list[NamedView]
    referrers: list[NamedView]
    hidden: bool


class GivenPurge(Input):
    """What to purge, and why: whoever pushes it again is told."""

    repository: str = Field(max_length=255)
    reference: str = Field(max_length=256)
    reason: str


class PurgeView(Output):
    """A purge that was done: nothing serves the digest any more. `job`: ends tags and links on it."""

    digest: str
    job: JobView


class PurgedView(Output):
    """A digest that is refused, why, by whom and since when."""

    digest: str
    size: int
    reason: str
    purged_by: str
    purged_at: Moment


class PurgeHandlers:
    """The operations on purges."""

    def __init__(self, access: Access, purge: Purge, jobs: SeenJobs) -> None:
        self._access = access
        self._purge = purge
        self._jobs = jobs

    async def list_purges(self, caller: Asking, paging: Paged) -> Page[PurgedView]:
        """The digests that are refused, the newest content first: for who may purge."""
        permit = self._access.path(caller.who, "", caller.origin)
        found = await self._purge.list(permit, paging.after_number() or _NEWEST, paging.fetch)
        return paging.page(found, _purged, lambda each: each.id)

    async def show_purge_harm(self, caller: Asking, repository: _Repository, reference: _Reference) -> HarmView:
        """Show what purging a tag's or digest's content would break."""
        permit = self._access.path(caller.who, repository, caller.origin)
        return _harm(await self._purge.look(permit, reference))

    async def purge(self, caller: Asking, given: GivenPurge) -> PurgeView:
        """Purge content from every repository at once, and refuse its digest from now on."""
        permit = self._access.path(caller.who, given.repository, caller.origin)
        asked = await self._purge.purge(permit, given.reference, given.reason)
        job = await self._jobs.get(caller.who, asked.job, origin=caller.origin)
        return PurgeView(digest=asked.digest, job=job_view(job))

    async def lift_purge(self, caller: Asking, digest: _Digest) -> None:
        """Let a purged digest be pushed again; it does not come back by itself."""
        await self._purge.lift(self._access.path(caller.who, "", caller.origin), digest)


def _harm(found: Harm) -> HarmView:
    return HarmView.model_validate(found)


def _purged(found: PurgedDigest) -> PurgedView:
    return PurgedView(
        digest=found.digest, size=found.size, reason=found.reason, purged_by=found.actor, purged_at=found.at
    )


def purge_routes(access: Access, purge: Purge, jobs: SeenJobs) -> Routes:
    """The routes of `/purges`."""
    on = PurgeHandlers(access, purge, jobs)
    return routes(
        "/purges",
        "purges",
        Route("GET", "", on.list_purges),
        Route("GET", "/harm", on.show_purge_harm),
        Route("POST", "", on.purge, 202),
        Route("DELETE", "/{digest}", on.lift_purge, 204),
    )
