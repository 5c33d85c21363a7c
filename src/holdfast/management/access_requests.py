"""`/access-requests`: who was refused asks; who manages access there approves in one step, or declines."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Query
from pydantic import Field

from holdfast.access.requests.model import AccessRequest
from holdfast.access.requests.service import NEWEST, Requests
from holdfast.api.caller import Asking
from holdfast.api.page import Page, Paged
from holdfast.api.routing import Route, Routes, routes
from holdfast.api.shape import GivenMoment, Id, Input, Moment, Output


class AccessRequestView(Output):
    """A request: `subject` asks to do `action` in `repository` (at `tag`; null: in all of it), which may be there or
    not. `reason`: of who declined it; `grant`: the number of the grant that approving it made, `given` what that gave;
    `notice`: what still forbids what was asked for, '' nothing."""

    id: int
    state: Literal["open", "approved", "declined", "withdrawn", "expired"]
    subject: str
    action: str
    repository: str
    tag: str | None
    note: str
    made_at: Moment
    expires_at: Moment
    decided_at: Moment | None
    decided_by: str | None
    reason: str
    grant: int | None
    given: str
    notice: str


class AskedAccess(Input):
    """What is asked for. `tag`: for an action at tags."""

    action: str = Field(max_length=64, description="`pull`, `create-tag`, `delete-tag` ...")
    repository: str = Field(max_length=512)
    tag: str | None = Field(None, max_length=256)
    note: str = Field("", max_length=512, description="Why; one line.")


class Approval(Input):
    """How a request is approved. What is left out: the least built-in role that has the action, on what was asked for,
    for ever."""

    role: str | None = Field(None, max_length=128)
    scope: str | None = Field(None, max_length=512, description="`REPO-GLOB[:TAG-GLOB]`")
    expires_at: GivenMoment | None = None


class Refusal(Input):
    """Why a request is declined; its asker reads it."""

    reason: str = Field("", max_length=512)


class AccessRequestHandlers:
    """The operations on requests for access."""

    def __init__(self, requests: Requests) -> None:
        self._requests = requests

    async def list_access_requests(
        self,
        caller: Asking,
        paging: Paged,
        *,
        own: Annotated[bool, Query(description="The caller's own instead.")] = False,
        path: Annotated[
            str | None, Query(max_length=255, description="Only those about repositories at or below this path.")
        ] = None,
        closed: Annotated[bool, Query(description="Also those that are not open any more.")] = False,
    ) -> Page[AccessRequestView]:
        """List the open requests that the caller may decide, newest first: those about repositories where it manages
        access."""
        found = await self._requests.page(
            caller.who,
            own=own,
            path=path,
            closed=closed,
            before=paging.after_number() or NEWEST,
            limit=paging.fetch,
            origin=caller.origin,
        )
        return paging.page(found, request_view, lambda request: request.id)

    async def create_access_request(self, caller: Asking, given: AskedAccess) -> AccessRequestView:
        """Ask for access; for people. Whether the repository is there is not looked at.

        A request is open for 30 days. Who manages access there decides.
        """
        made = await self._requests.create(
            caller.who, given.action, given.repository, given.tag, given.note, origin=caller.origin
        )
        return request_view(made)

    async def show_access_request(self, caller: Asking, id: Id) -> AccessRequestView:
        """Show one request: the caller's own, or one that it may decide."""
        return request_view(await self._requests.get(caller.who, id, origin=caller.origin))

    async def approve_access_request(self, caller: Asking, id: Id, given: Approval) -> AccessRequestView:
        """Approve an open request, which makes a grant: for who manages access on all of its scope, and holds there
        what it gives."""
        done = await self._requests.approve(
            caller.who,
            id,
            role=given.role,
            scope=given.scope,
            expires_at=given.expires_at or 0,
            origin=caller.origin,
        )
        return request_view(done)

    async def decline_access_request(self, caller: Asking, id: Id, given: Refusal) -> AccessRequestView:
        """Decline an open request, with a reason."""
        return request_view(await self._requests.decline(caller.who, id, given.reason, origin=caller.origin))

    async def withdraw_access_request(self, caller: Asking, id: Id) -> AccessRequestView:
        """Take one's own open request back."""
        return request_view(await self._requests.withdraw(caller.who, id, origin=caller.origin))


def request_view(request: AccessRequest) -> AccessRequestView:
    """A request as the API shows it."""
    return AccessRequestView(
        id=request.id,
        state=request.state.value,
        subject=request.asker,
        action=str(request.action),
        repository=request.repository,
        tag=request.tag,
        note=request.note,
        made_at=request.made_at,
        expires_at=request.expires_at,
        decided_at=request.decided_at or None,
        decided_by=request.decided_by or None,
        reason=request.reason,
        grant=request.grant or None,
        given=request.given,
        notice=request.notice,
    )


def access_request_routes(requests: Requests) -> Routes:
    """The routes of `/access-requests`."""
    on = AccessRequestHandlers(requests)
    return routes(
        "/access-requests",
        "access requests",
        Route("GET", "", on.list_access_requests),
        Route("POST", "", on.create_access_request, 201),
        Route("GET", "/{id}", on.show_access_request),
        Route("POST", "/{id}/approve", on.approve_access_request),
        Route("POST", "/{id}/decline", on.decline_access_request),
        Route("POST", "/{id}/withdraw", on.withdraw_access_request),
    )
