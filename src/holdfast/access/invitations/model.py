"""Invitations as they are shown. Times are microseconds since the epoch, by the database's clock."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from holdfast.access.policy.model import Action


class InvitationState(StrEnum):
    """Whether an invitation may be accepted; `lapsed`: whoever made it may not give that any more."""

    OPEN = "open"
    USED = "used"
    EXPIRED = "expired"
    REVOKED = "revoked"
    LAPSED = "lapsed"


class Accepted(NamedTuple):
    """Who accepted an invitation, when, and the number of the grant that he got."""

    subject: str
    at: int
    grant: int


class Invitation(NamedTuple):
    """An invitation, without its code. `namespace`: what it is to; `scope`: `REPO-GLOB[:TAG-GLOB]` of the grants that
    it gives; `grant_expires_at`: when those end, 0 never; `most`: how many may accept it; `hint`: the code's end."""

    id: int
    namespace: str
    role: str
    scope: str
    note: str
    made_by: str
    made_at: int
    expires_at: int
    grant_expires_at: int
    most: int
    uses: int
    state: InvitationState
    hint: str
    accepted: tuple[Accepted, ...] = ()


class NewInvitation(NamedTuple):
    """An invitation that was just made, with its code, which is shown this once."""

    invitation: Invitation
    code: str


class Offer(NamedTuple):
    """What whoever has the code is told before he accepts. `actions`: those of the role now."""

    namespace: str
    role: str
    actions: frozenset[Action]
    scope: str
    note: str
    made_by: str
    expires_at: int
    grant_expires_at: int


class Acceptance(NamedTuple):
    """What was accepted, and the number of the grant."""

    offer: Offer
    grant: int
