"""`/invitations`: expiring invitations to a namespace. A code is in bodies only, never in a path or a query."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Query
from pydantic import Field

from holdfast.access.invitations.code import link
from holdfast.access.invitations.model import Invitation, Offer
from holdfast.access.invitations.service import NEWEST, USES_LIMIT, Invitations, Wish
from holdfast.api.caller import Asking
from holdfast.api.page import Page, Paged
from holdfast.api.routing import Route, Routes, routes
from holdfast.api.shape import GivenMoment, Id, Input, Moment, Output


class AcceptedView(Output):
    """Who accepted, when, and the number of the grant."""

    subject: str
    at: Moment
    grant: int


class InvitationView(Output):
    """An invitation, without its code. `state`: `lapsed` where its maker may not give that any more; `uses`: how many
    have accepted it, of `most`; `hint`: how its code ends; `accepted`: by whom, where one invitation is shown."""

    id: int
    state: Literal["open", "used", "expired", "revoked", "lapsed"]
    namespace: str
    role: str
    scope: str
    note: str
    made_by: str
    made_at: Moment
    expires_at: Moment
    grant_expires_at: Moment | None
    most: int
    uses: int
    hint: str
    accepted: list[AcceptedView]


class NewInvitationView(InvitationView):
    """An invitation that was just made. `code`, and the `link` that ends in it, are shown this once."""

    code: str
    link: str


class OfferView(Output):
    """What an invitation gives, and who made it."""

    namespace: str
    role: str
    actions: list[str]
    scope: str
    note: str
    made_by: str
    expires_at: Moment
    grant_expires_at: Moment | None


class AcceptanceView(OfferView):
    """What was accepted, and the number of the grant."""

    grant: int


class GivenInvitation(Input):
    """An invitation to be made. `expires_at`: null after 7 days, at most after 30; `grant_expires_at`: when what it
    gives ends, null never."""

    scope: str = Field(max_length=512, description="`NAMESPACE/**`, or another `REPO-GLOB[:TAG-GLOB]` in a namespace")
    role: str = Field(max_length=128)
    expires_at: GivenMoment | None = None
    grant_expires_at: GivenMoment | None = None
    uses: int = Field(1, ge=1, le=USES_LIMIT, description="How many people may accept it.")
    note: str = Field("", max_length=512)


class GivenCode(Input):
    """The code of an invitation, or its link."""

    code: str = Field(max_length=2048)


class InvitationHandlers:
    """The operations on invitations. `public`: the registry's URL, as clients see it."""

    def __init__(self, invitations: Invitations, public: str) -> None:
        self._invitations = invitations
        self._public = public

    async def list_invitations(
        self,
        caller: Asking,
        paging: Paged,
        *,
        path: Annotated[
            str | None, Query(max_length=255, description="Only those to namespaces at or below this path.")
        ] = None,
        closed: Annotated[bool, Query(description="Also those that are used up, over or revoked.")] = False,
    ) -> Page[InvitationView]:
        """List the open invitations that the caller made, or that give what it manages access on, newest first."""
        found = await self._invitations.page(
            caller.who,
            path=path,
            closed=closed,
            before=paging.after_number() or NEWEST,
            limit=paging.fetch,
            origin=caller.origin,
        )
        return paging.page(found, _view, lambda invitation: invitation.id)

    async def create_invitation(self, caller: Asking, given: GivenInvitation) -> NewInvitationView:
        """Make an invitation: for who manages access on all of its scope, and holds there what it gives. The code is
        shown this once.

        It holds only as long as its maker may still give that.
        """
        wish = Wish(
            given.scope,
            given.role,
            given.expires_at or 0,
            given.grant_expires_at or 0,
            given.uses,
            given.note,
        )
        made = await self._invitations.create(caller.who, wish, origin=caller.origin)
        shown = dict(_view(made.invitation))
        return NewInvitationView(**shown, code=made.code, link=link(self._public, made.code))

    async def show_invitation(self, caller: Asking, id: Id) -> InvitationView:
        """Show one invitation, and who accepted it."""
        return _view(await self._invitations.get(caller.who, id, origin=caller.origin))

    async def revoke_invitation(self, caller: Asking, id: Id) -> None:
        """Revoke an invitation; the grants that it gave stay."""
        await self._invitations.revoke(caller.who, id, origin=caller.origin)

    async def look_at_invitation(self, caller: Asking, given: GivenCode) -> OfferView:
        """Say what an invitation gives, and by whom, to whoever has its code."""
        return _offer(await self._invitations.offered(caller.who, given.code))

    async def accept_invitation(self, caller: Asking, given: GivenCode) -> AcceptanceView:
        """Accept an invitation: the caller gets a grant; for people."""
        accepted = await self._invitations.accept(caller.who, given.code, origin=caller.origin)
        return AcceptanceView(**dict(_offer(accepted.offer)), grant=accepted.grant)


def _view(invitation: Invitation) -> InvitationView:
    return InvitationView(
        id=invitation.id,
        state=invitation.state.value,
        namespace=invitation.namespace,
        role=invitation.role,
        scope=invitation.scope,
        note=invitation.note,
        made_by=invitation.made_by,
        made_at=invitation.made_at,
        expires_at=invitation.expires_at,
        grant_expires_at=invitation.grant_expires_at or None,
        most=invitation.most,
        uses=invitation.uses,
        hint=invitation.hint,
        accepted=[AcceptedView.model_validate(each) for each in invitation.accepted],
    )


def _offer(offer: Offer) -> OfferView:
    return OfferView(
        namespace=offer.namespace,
        role=offer.role,
        actions=sorted(map(str, offer.actions)),
        scope=offer.scope,
        note=offer.note,
        made_by=offer.made_by,
        expires_at=offer.expires_at,
        grant_expires_at=offer.grant_expires_at or None,
    )


def invitation_routes(invitations: Invitations, public: str) -> Routes:
    """The routes of `/invitations`."""
    on = InvitationHandlers(invitations, public)
    return routes(
        "/invitations",
        "invitations",
        Route("GET", "", on.list_invitations),
        Route("POST", "", on.create_invitation, 201),
        Route("POST", "/offered", on.look_at_invitation),
        Route("POST", "/accepted", on.accept_invitation, 201),
        Route("GET", "/{id}", on.show_invitation),
        Route("DELETE", "/{id}", on.revoke_invitation, 204),
    )
