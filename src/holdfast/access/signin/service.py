"""Signing in with a provider (rule 20): the way there and back is that of flow.py; what it ends with is a session.

Promises: nothing is kept for a sign-in that was begun and not finished; a call-back of a trial (trial.py) signs nobody
in. Where it goes on afterwards is a path of ours.
"""

from __future__ import annotations

from collections.abc import Mapping

from holdfast.access.signin.claims import person_of
from holdfast.access.signin.flow import Begun, Flow
from holdfast.access.signin.model import Provider, SignedIn
from holdfast.access.signin.people import People
from holdfast.access.signin.providers import Providers, provider_of
from holdfast.access.signin.sealing import Seal
from holdfast.access.signin.sessions import Sessions
from holdfast.db.port import Database, Unit
from holdfast.journal.model import Origin

_PENDING = "sign-in under way"


class SignIn:
    """Begins and finishes sign-ins with providers."""

    def __init__(
        self, db: Database, seal: Seal, flow: Flow, *, providers: Providers, people: People, sessions: Sessions
    ) -> None:
        self._db = db
        self._seal = seal
        self._flow = flow
        self._providers = providers
        self._people = people
        self._sessions = sessions

    async def begin(self, name: str, next_path: str) -> Begun:
        """Where to send a browser that signs in with the provider `name`. Raises `Unknown`, `ProviderAway`."""
        return await self._flow.begin(_PENDING, name, {"next": local_path(next_path)}, lasting=True)

    async def finish(self, name: str, query: Mapping[str, str], cookie: str, origin: Origin) -> SignedIn:
        """Finish a sign-in with what the browser brought back. `cookie`: the value that `begin` gave for this state.

        Raises `SignInFailed`, `ProviderAway`.
        """
        pending = self._flow.pending(_PENDING, query.get("state", ""), cookie)
        answered = await self._flow.answered(name, query, pending)
        row = answered.row
        person = person_of(answered.claims, provider_of(row))
        wrapped = None
        if answered.refresh_token is not None:
            wrapped = self._seal.seal(refresh_purpose(row.id), answered.refresh_token.encode())

        async def sign_in(unit: Unit) -> SignedIn:
            await self._flow.take(unit, row, pending)
            linked = await self._people.link(unit, row, person, wrapped, origin)
            value = await self._sessions.begin(unit, linked.account_id, f"user:{linked.name}", row.name, origin)
            return SignedIn(linked.account_id, linked.name, value, str(pending["next"]))

        return await self._db.write(sign_in)

    async def offered(self) -> list[Provider]:
        """The providers that the sign-in page names."""
        return await self._providers.shown()


def refresh_purpose(provider_id: int) -> str:
    """What a provider's refresh token is sealed for."""
    return f"refresh token of provider {provider_id}"


def local_path(text: str) -> str:
    """`text` if it is a path of ours, else "/": nothing that a browser would take for another host."""
    plain = text.isascii() and text.isprintable() and len(text) <= 1024
    if plain and text.startswith("/") and not text.startswith("//") and not set(text) & set("\\ \"'<>"):
        return text
    return "/"
