"""Whose account a person of a provider has: known by issuer and subject, and by nothing else.

Promises (rule 20): neither a name nor an e-mail address ever leads to an account that is there; a name that is taken
(or was) is not given again, the new account is called after its provider too; groups are replaced, inside the same
unit; a disabled, expired or deleted account stays out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from holdfast.access.errors import Invalid
from holdfast.access.names import NAME_LIMIT, user_name
from holdfast.access.signin.errors import SignInFailed
from holdfast.access.signin.model import Person
from holdfast.access.signin.store import (
    ADD_PERSON,
    HOLDER,
    KEEP_WORD,
    NAMED,
    PROVIDER,
    UPDATE_PERSON,
    HolderRow,
    ProviderRow,
)
from holdfast.access.versions import move
from holdfast.db.port import Reader, Unit
from holdfast.journal.model import ChangeKind, Origin
from holdfast.journal.service import note

_TRIES = 1000


class ReplaceGroups(Protocol):
    """Makes an account a member of these groups of a provider, and of no other one of it; `names` without the prefix.
    Part of the unit that moved the policy version to `version`."""

    async def __call__(
        self, unit: Unit, account_id: int, provider_id: int, names: Sequence[str], *, origin: Origin
    ) -> None:
        """Replace them."""
        ...


class Linked(NamedTuple):
    """The account of a person, and whether it was made just now."""

    account_id: int
    name: str
    made: bool


class People:
    """Finds and makes the accounts of people. `groups`: how their groups are replaced."""

    def __init__(self, groups: ReplaceGroups) -> None:
        self._groups = groups

    async def link(
        self, unit: Unit, provider: ProviderRow, person: Person, wrapped: bytes | None, origin: Origin
    ) -> Linked:
        """The account of `person`, brought up to date. `wrapped`: what the provider is asked with later, sealed by
        the caller. Raises `SignInFailed`."""
        version = await move(unit)
        current = await unit.one(PROVIDER, name=provider.name)
        if current is None or current.id != provider.id or current.changed != provider.changed:
            raise SignInFailed("the provider was changed or removed meanwhile")
        holder = await unit.one(HOLDER, issuer=provider.issuer, subject=person.subject)
        if holder is None:
            linked = await self._make(unit, provider, person, version, origin)
        else:
            linked = await self._update(unit, provider, person, holder, version=version, origin=origin)
        await unit.run(KEEP_WORD, account_id=linked.account_id, wrapped=wrapped)
        await self._groups(unit, linked.account_id, provider.id, person.groups, origin=origin)
        return linked

    async def foresee(self, reader: Reader, provider: ProviderRow, person: Person, now: int) -> Linked:
        """What `link` would come to, the id 0 where it would make an account. Raises `SignInFailed`."""
        holder = await reader.one(HOLDER, issuer=provider.issuer, subject=person.subject)
        if holder is None:
            _require_made(provider)
            return Linked(0, await self._free_name(reader, provider, person), made=True)
        _require_usable(holder, now)
        return Linked(holder.id, holder.name, made=False)

    async def _make(self, unit: Unit, provider: ProviderRow, person: Person, version: int, origin: Origin) -> Linked:
        _require_made(provider)
        name = await self._free_name(unit, provider, person)
        made = await unit.one(
            ADD_PERSON,
            name=name,
            provider=provider.id,
            subject=person.subject,
            display=person.display,
            groups_note=person.note,
            made_by=f"provider:{provider.name}",
            version=version,
        )
        assert made is not None
        await note(
            unit,
            ChangeKind.USER_CREATED,
            actor=f"provider:{provider.name}",
            origin=origin,
            data={"id": made.id, "name": name, "provider": provider.name, "subject": person.subject},
        )
        return Linked(made.id, name, made=True)

    async def _update(
        self, unit: Unit, provider: ProviderRow, person: Person, holder: HolderRow, *, version: int, origin: Origin
    ) -> Linked:
        _require_usable(holder, unit.now)
        if holder.provider != provider.id:  # the same issuer under another name: what the old one gave ends
            await self._groups(unit, holder.id, holder.provider, (), origin=origin)
        await unit.run(
            UPDATE_PERSON,
            id=holder.id,
            provider=provider.id,
            display=person.display,
            groups_note=person.note,
            version=version,
        )
        return Linked(holder.id, holder.name, made=False)

    @staticmethod
    async def _free_name(reader: Reader, provider: ProviderRow, person: Person) -> str:
        """The proposed name, or the first free one of NAME@PROVIDER, NAME-2@PROVIDER, ..."""
        for number in range(_TRIES):
            suffix = "" if number == 0 else f"@{provider.name}" if number == 1 else f"-{number}@{provider.name}"
            name = person.name[: NAME_LIMIT - len(suffix)].rstrip("-._@") + suffix
            try:
                user_name(name)
            except Invalid:
                continue
            if await reader.one(NAMED, name=name) is None:
                return name
        raise SignInFailed("there is no free name for the person")


def _require_made(provider: ProviderRow) -> None:
    if not provider.creates:
        raise SignInFailed(
            "the person has no account, and the provider makes none",
            "You have no account here. Ask an administrator of this registry.",
        )


def _require_usable(holder: HolderRow, now: int) -> None:
    if holder.gone_at is not None or holder.disabled_at is not None:
        raise SignInFailed("the account is disabled or deleted")
    if holder.expires_at is not None and holder.expires_at <= now:
        raise SignInFailed("the account has expired")
