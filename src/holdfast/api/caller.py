"""Who calls: what every handler takes first and hands to its service; and whether he still may as an answer lasts."""

from __future__ import annotations

from typing import Annotated, NamedTuple

from fastapi import Depends, Request

from holdfast.access.errors import InsufficientScope, Unauthenticated
from holdfast.access.model import UNCHECKED, Identity
from holdfast.access.service import Access
from holdfast.journal.model import Origin

SCOPE = "registry:management:*"
"""What a token must have been asked for to be taken here."""
_KEY = "holdfast.caller"
_LASTING = "holdfast.lasting"


class Caller(NamedTuple):
    """The identity that was recognised, and the request that its changes are recorded with."""

    who: Identity
    origin: Origin


class Lasting:
    """Who gets an answer that lasts, decided anew for each part of it. `authorization`: the credential that came."""

    def __init__(self, access: Access, authorization: bytes | None, caller: Caller) -> None:
        self._access = access
        self._authorization = authorization
        self._caller = caller
        self._proven = caller.who.version

    async def at(self, version: int) -> Caller:
        """The caller as he is now. `version`: the policy version, read since the last time; nothing is asked where that
        is the one that was proven. Raises `Unauthenticated`, `InsufficientScope`, `Throttled`, `Busy`, `StalePermit`,
        `DatabaseError`."""
        who, origin = self._caller
        if who.version == UNCHECKED or (version == self._proven and not self._access.ended(who)):
            return self._caller
        who = admit(await self._access.still(who, self._authorization, origin))
        self._caller = Caller(who, origin._replace(credential=who.credential.text))
        self._proven = max(version, who.version)
        return self._caller


async def _asking(request: Request) -> Caller:
    found: Caller = request.scope[_KEY]
    return found


Asking = Annotated[Caller, Depends(_asking)]
"""The annotation by which a handler gets its `Caller`."""


async def _lasting(request: Request) -> Lasting:
    found: Lasting = request.scope[_LASTING]
    return found


Staying = Annotated[Lasting, Depends(_lasting)]
"""The annotation by which a handler whose answer lasts gets its `Lasting`."""


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


def place(scope: dict[str, object], caller: Caller, lasting: Lasting) -> None:
    """Let `Asking` find `caller` in this request, and `Staying` what tells whether he still may."""
    scope[_KEY] = caller
    scope[_LASTING] = lasting
