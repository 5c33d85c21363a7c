"""The providers that people sign in with: administrators add, change, try and remove them.

Promises: an issuer's address is checked when it is saved, and its document must name it; one issuer is one provider,
for people are known by issuer and subject; a client secret goes in and is never shown again. The name of a removed
provider stays taken, for its groups carry it; with the same issuer it may come back.
"""

from __future__ import annotations

import re

from holdfast.access.delegating import circumstances_of, require_administrator
from holdfast.access.errors import Changed, Conflict, Invalid, ProviderAway, Unknown
from holdfast.access.model import Identity
from holdfast.access.signin.discovery import Discovery, Metadata
from holdfast.access.signin.model import Check, Provider, Wish
from holdfast.access.signin.sealing import Seal
from holdfast.access.signin.store import (
    ADD_PROVIDER,
    CHANGE_PROVIDER,
    END_SESSIONS_OF_PROVIDER,
    PEOPLE_OF_PROVIDER,
    PROVIDER,
    PROVIDER_EVER,
    PROVIDER_OF_ISSUER,
    PROVIDERS,
    REFUSE_PEOPLE,
    REMOVE_PROVIDER,
    ProviderRow,
)
from holdfast.access.standing import begin_change
from holdfast.access.versions import touch_accounts
from holdfast.db.port import Database, Reader, Unit
from holdfast.journal.model import ChangeKind, Origin
from holdfast.journal.service import note
from holdfast.remote.errors import UrlRefused
from holdfast.remote.outbound import Outbound

_NAME = re.compile(r"[a-z0-9]+(?:[.-][a-z0-9]+)*\Z")
_NAME_LIMIT = 32
_TEXT_LIMIT = 512
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")
_SHOWN = 200


class Providers:
    """The management of providers. `redirect`: from a provider's name to the address that it sends browsers back to."""

    def __init__(self, db: Database, seal: Seal, outbound: Outbound, discovery: Discovery, origin_url: str) -> None:
        self._db = db
        self._seal = seal
        self._outbound = outbound
        self._discovery = discovery
        self._origin_url = origin_url

    def redirect_uri(self, name: str) -> str:
        """Where a provider sends browsers back to; to be registered there, exactly."""
        return f"{self._origin_url}/sign-in/{name}/callback"

    async def shown(self) -> list[Provider]:
        """What the sign-in page offers everyone."""
        return [provider_of(row) for row in await self._db.all(PROVIDERS, after="", limit=_SHOWN)]

    async def page(self, caller: Identity, *, after: str, limit: int, origin: Origin) -> list[Provider]:
        """Up to `limit` providers by name, those after `after`. Raises `Denied`."""
        await self._require(self._db, caller, origin)
        return [provider_of(row) for row in await self._db.all(PROVIDERS, after=after, limit=limit)]

    async def get(self, caller: Identity, name: str, *, origin: Origin) -> Provider:
        """One provider. Raises `Denied`, `Unknown`."""
        await self._require(self._db, caller, origin)
        return provider_of(await self._row(name))

    async def add(self, caller: Identity, name: str, wish: Wish, *, origin: Origin) -> Provider:
        """Add a provider. Raises `Denied`, `Invalid`, `Conflict`."""
        await self._require(self._db, caller, origin)
        if len(name) > _NAME_LIMIT or not _NAME.match(name):
            raise Invalid("name", f"a provider's name has 1 to {_NAME_LIMIT} of a-z, 0-9, single '.' or '-' between")
        _check(wish)
        await self._reach(wish)

        async def add(unit: Unit) -> None:
            version = await begin_change(unit, caller)
            await self._require(unit, caller, origin)
            known = await unit.one(PROVIDER_EVER, name=name)
            same = await unit.one(PROVIDER_OF_ISSUER, issuer=wish.issuer)
            if same is not None:
                raise Conflict(f"the provider {same.name} has this issuer already")
            if known is not None and known.issuer != wish.issuer:
                raise Conflict(f"the name {name} was that of another provider, whose groups carry it")
            values = self._values(name, wish, None)
            if known is None:
                await unit.one(
                    ADD_PROVIDER, name=name, issuer=wish.issuer, made_by=caller.subject.actor, version=version, **values
                )
            else:
                await unit.run(CHANGE_PROVIDER, id=known.id, version=version, **values)
            await note(
                unit, ChangeKind.PROVIDER_ADDED, actor=caller.subject.actor, origin=origin, data=_data(name, wish)
            )

        await self._db.write(add)
        return provider_of(await self._row(name))

    async def change(
        self, caller: Identity, name: str, wish: Wish, *, expected: int | None = None, origin: Origin
    ) -> Provider:
        """Change everything of a provider but its name and issuer; a `wish` without a secret keeps the one it has.

        Raises `Denied`, `Unknown`, `Invalid`; `Changed` unless its `changed` is `expected`."""
        await self._require(self._db, caller, origin)
        _check(wish)
        await self._row(name)

        async def change(unit: Unit) -> None:
            version = await begin_change(unit, caller)
            await self._require(unit, caller, origin)
            known = await unit.one(PROVIDER, name=name)
            if known is None:
                raise _unknown(name)
            if expected is not None and known.changed != expected:
                raise Changed
            if known.issuer != wish.issuer:
                raise Invalid("issuer", "people are known by it: remove this provider and add another one")
            values = self._values(name, wish, known.secret)
            await unit.run(CHANGE_PROVIDER, id=known.id, version=version, **values)
            await note(
                unit, ChangeKind.PROVIDER_CHANGED, actor=caller.subject.actor, origin=origin, data=_data(name, wish)
            )

        await self._db.write(change)
        self._discovery.forget(wish.issuer)
        return provider_of(await self._row(name))

    async def remove(self, caller: Identity, name: str, *, expected: int | None = None, origin: Origin) -> None:
        """Remove a provider: its people are signed out at once, and their keys refused.

        Raises `Denied`, `Unknown`; `Changed` unless its `changed` is `expected`."""
        await self._require(self._db, caller, origin)
        await self._row(name)

        async def remove(unit: Unit) -> None:
            version = await begin_change(unit, caller)
            await self._require(unit, caller, origin)
            known = await unit.one(PROVIDER, name=name)
            if known is None:
                raise _unknown(name)
            if expected is not None and known.changed != expected:
                raise Changed
            await unit.run(REMOVE_PROVIDER, id=known.id, version=version)
            await unit.run(REFUSE_PEOPLE, id=known.id)
            await unit.run(END_SESSIONS_OF_PROVIDER, id=known.id)
            people = await unit.all(PEOPLE_OF_PROVIDER, id=known.id)
            await touch_accounts(unit, (row.id for row in people), version)
            await note(
                unit, ChangeKind.PROVIDER_REMOVED, actor=caller.subject.actor, origin=origin, data={"name": name}
            )

        await self._db.write(remove)

    async def test(self, caller: Identity, name: str, *, origin: Origin) -> list[Check]:
        """Ask the provider for its document and keys, and say what was found. Raises `Denied`, `Unknown`."""
        await self._require(self._db, caller, origin)
        row = await self._row(name)
        try:
            metadata, keys = await self._discovery.fetch(row.issuer)
        except ProviderAway as error:
            return [Check("discovery", ok=False, found=str(error))]
        self._discovery.forget(row.issuer)
        algorithms = sorted({algorithm for key in keys for algorithm in key.algorithms})
        return [
            Check("discovery", ok=True, found=f"the document is of {row.issuer}"),
            Check("keys", ok=True, found=f"{len(keys)} that ID tokens may be signed with ({', '.join(algorithms)})"),
            _pkce(metadata),
            _offline(metadata),
            Check("redirect", ok=True, found=f"register there: {self.redirect_uri(name)}"),
        ]

    @staticmethod
    async def _require(reader: Reader, caller: Identity, origin: Origin) -> None:
        require_administrator(caller, await circumstances_of(reader, caller, origin))

    async def _row(self, name: str) -> ProviderRow:
        row = await self._db.one(PROVIDER, name=name)
        if row is None:
            raise _unknown(name)
        return row

    async def _reach(self, wish: Wish) -> None:
        """The issuer's address is one that may be asked, and what answers is that issuer."""
        try:
            await self._outbound.check_url(wish.issuer)
        except UrlRefused as error:
            raise Invalid("issuer", str(error)) from error
        try:
            await self._discovery.fetch(wish.issuer)
        except ProviderAway as error:
            raise Invalid("issuer", str(error)) from error

    def _values(self, name: str, wish: Wish, kept: bytes | None) -> dict[str, object]:
        sealed = kept if wish.secret is None else self._seal.seal(secret_purpose(name), wish.secret.encode())
        return {
            "client_id": wish.client_id,
            "secret": sealed,
            "scopes": wish.scopes,
            "groups_claim": wish.groups_claim,
            "name_claim": wish.name_claim,
            "title": wish.title,
            "creates": int(wish.creates),
        }


def secret_purpose(name: str) -> str:
    """What a provider's client secret is sealed for."""
    return f"client secret of {name}"


def provider_of(row: ProviderRow) -> Provider:
    """A provider without its secret."""
    return Provider(
        row.id,
        row.name,
        row.issuer,
        row.client_id,
        row.secret is not None,
        row.scopes,
        row.groups_claim,
        row.name_claim,
        row.title,
        bool(row.creates),
        row.made_at,
        row.made_by,
        row.changed,
    )


def _unknown(name: str) -> Unknown:
    return Unknown(f"there is no provider called {name[:64]!r}")


def _data(name: str, wish: Wish) -> dict[str, object]:
    return {
        "name": name,
        "issuer": wish.issuer,
        "client": wish.client_id,
        "groups_claim": wish.groups_claim or "",
        "creates": wish.creates,
    }


def _check(wish: Wish) -> None:
    """What can be said without asking anybody. Raises `Invalid`."""
    for field in ("issuer", "client_id", "secret", "groups_claim", "name_claim", "title"):
        value = getattr(wish, field)
        if value is not None and not (0 < len(value) <= _TEXT_LIMIT and value.isprintable()):
            raise Invalid(field, f"this is 1 to {_TEXT_LIMIT} printable characters")
    words = wish.scopes.split(" ")
    if len(wish.scopes) > _TEXT_LIMIT or not all(map(_SCOPE.fullmatch, words)):
        raise Invalid("scopes", "scopes are words with single blanks between")
    if "openid" not in words:
        raise Invalid("scopes", "without the scope openid no provider says who somebody is")
    if "?" in wish.issuer or "#" in wish.issuer:
        raise Invalid("issuer", "an issuer has no query and no fragment")


def _pkce(metadata: Metadata) -> Check:
    if "S256" in metadata.pkce:
        return Check("pkce", ok=True, found="S256")
    return Check("pkce", ok=True, found="not announced: it is sent all the same")


def _offline(metadata: Metadata) -> Check:
    if "offline_access" in metadata.scopes:
        return Check("re-check", ok=True, found="offline_access: keys are re-checked while they are used")
    found = "offline_access is not offered: without a refresh token keys hold for signin.key_life after a sign-in"
    return Check("re-check", ok=True, found=found)
