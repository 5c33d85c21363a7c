"""`/collections`: taking away what nothing keeps, now."""

from __future__ import annotations

from pydantic import Field

from holdfast.access.service import Access
from holdfast.api.caller import Asking
from holdfast.api.routing import Route, Routes, routes
from holdfast.api.shape import Input
from holdfast.management.jobs import JobView, job_view
from holdfast.registry.collect.asking import Asked, Collections


class GivenCollection(Input):
    """What to do. `dry_run`: say what would go, and take nothing. `namespace`: first let the history of this namespace
    or repository, and what was deleted there, keep nothing any more: it cannot be undone. `force`: also delete objects
    that no row knows when they are more than a twentieth of the store."""

    dry_run: bool = False
    namespace: str | None = Field(None, max_length=255)
    force: bool = False


class CollectionHandlers:
    """The operations on collections."""

    def __init__(self, access: Access, collections: Collections) -> None:
        self._access = access
        self._collections = collections

    async def start_collection(self, caller: Asking, given: GivenCollection) -> JobView:
        """Collect all that is due, as a job; needs `operate`.

        Its result says how much went, or with `dry_run` how much would go and the first of it. What only goes with
        something else is looked at a lease after that.
        """
        permit = self._access.path(caller.who, given.namespace or "", caller.origin)
        asked = Asked(given.namespace, given.dry_run, given.force)
        return job_view(await self._collections.start(permit, asked))


def collection_routes(access: Access, collections: Collections) -> Routes:
    """The routes of `/collections`."""
    on = CollectionHandlers(access, collections)
    return routes("/collections", "collections", Route("POST", "", on.start_collection, 202))
