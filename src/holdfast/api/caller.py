"""Who calls: what every handler takes first and hands to its service."""

from __future__ import annotations

from typing import Annotated, NamedTuple

from fastapi import Depends, Request

from holdfast.access.errors import InsufficientScope, Unauthenticated
from holdfast.access.model import UNCHECKED, Identity
from holdfast.journal.model import Origin

SCOPE = "registry:management:*"
"""What a token must have been asked for to be taken here."""
_KEY = "holdfast.caller"


class Caller(NamedTuple):
    """The identity that was recognised, and the request that its changes are recorded with."""

    who: Identity
    origin: Origin


async def _asking(request: Request) -> Caller:
    found: Caller = request.scope[_KEY]
    return found


Asking = Annotated[Caller, Depends(_asking)]
"""The annotation by which a handler gets its `Caller`."""


def admit(who: Identity) -> Identity:
    """`who`, if it may call at all: somebody, and by a token only where the token was asked for this.

    Raises `Unauthenticated`, `InsufficientScope`.
    """
    if not who.subject.id and who.version != UNCHECKED:
        raise Unauthenticated
    if who.ceiling is not None and not any(
        (entry.kind, entry.name) == ("registry", "management") and "*" in entry.actions for entry in who.ceiling
    ):
        raise InsufficientScope(SCOPE)
    return who


def place(scope: dict[str, object], caller: Caller) -> None:
    """Let `Asking` find `caller` in this request."""
    scope[_KEY] = caller
