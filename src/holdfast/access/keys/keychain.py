"""The keys of an account: made, shown, rotated and ended by their owner, or by who is over a robot.

A key has one secret, or two while it is rotated, so that whoever still uses the old one has time to change. Every
method takes the caller first and decides by itself; what it changes is noted in the journal in the same unit, and holds
at the next request of every node. Raises besides what is named: `Unknown` (not in the caller's sight), `Denied`,
`StalePermit`, `holdfast.db.errors`.

`owner` is written `user:NAME` or `robot:NAMESPACE+NAME`; None is the caller itself.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from holdfast.access.delegating import circumstances_of, require_manage, require_over_grantee
from holdfast.access.errors import Conflict, Denied, Invalid, Unknown
from holdfast.access.keys import suspending
from holdfast.access.keys.asking import EVERYTHING, no_later, parent_id, read_asked, within
from holdfast.access.keys.bounds import plain_bounds, read_bounds, write_bounds
from holdfast.access.keys.model import Asked, Key, NewKey, Secret
from holdfast.access.keys.secret import hint, keyed_hash, new_secret
from holdfast.access.keys.service import DEFAULTS, KeySettings
from holdfast.access.keys.store import (
    ADD_KEY,
    ADD_SECRET,
    END_KEY,
    END_SECRETS,
    END_TOKENS,
    KEY,
    KEYS,
    LIMIT_SECRETS,
    OWNER,
    SECRETS,
    KeyRow,
    Owner,
    SecretRow,
)
from holdfast.access.keys.suspending import LONGEST_WHY
from holdfast.access.model import CredentialKind, Identity, Subject, SubjectKind
from holdfast.access.names import key_name, may_exist
from holdfast.access.policy.model import Action, GranteeKind
from holdfast.access.standing import begin_change
from holdfast.db.port import Database, Reader, Unit
from holdfast.journal.model import ChangeKind, Origin
from holdfast.journal.service import note

T = TypeVar("T")
PAGE_LIMIT = 1000
KEYS_LIMIT = 100
"""Keys that an account has at most."""
LONGEST_SLOW = 30 * 86400 * 1_000_000
"""Microseconds for which a key can be slowed at once."""
_MAKERS = frozenset(
    {CredentialKind.PASSWORD, CredentialKind.KEY, CredentialKind.REFRESH, CredentialKind.SESSION, CredentialKind.NONE}
)
"""By what one has to come to make a key: not by what is kept nowhere (a machine's own token)."""


class Keychain:
    """The keys of an installation. `hash_key`: as for `Keys`."""

    def __init__(self, db: Database, hash_key: bytes, settings: KeySettings = DEFAULTS) -> None:
        self._db = db
        self._hash_key = hash_key
        self._settings = settings

    @property
    def hash_key(self) -> bytes:
        """What secrets that are shown once are hashed with."""
        return self._hash_key

    async def create(
        self,
        caller: Identity,
        name: str,
        *,
        owner: str | None = None,
        bounds: Sequence[Asked] | None = None,
        expires_at: int | None = None,
        origin: Origin,
    ) -> NewKey:
        """A new key, and its secret. `bounds` None: all that the owner may; made with a key, it has that one's bounds
        and end at most. For a robot: by who could confer everything that it holds; for another person by nobody.

        Raises `Invalid`; `Conflict` when the owner has a key of that name, or too many.
        """
        key_name(name)
        if expires_at is not None and expires_at <= self._db.now():
            raise Invalid("expires_at", "this is not in the future")
        secret = new_secret()

        async def add(unit: Unit, version: int) -> NewKey:
            of = await self._making(unit, caller, owner, origin)
            asked = await read_asked(unit, bounds) if bounds is not None else None
            limits = await within(unit, caller, asked)
            ends = await no_later(unit, caller, expires_at)
            if await unit.one(KEY, account_id=of.id, name=name) is not None:
                raise Conflict(f"{_actor(of)} has a key called {name!r}")
            if len(await unit.all(KEYS, account_id=of.id, after=0, limit=KEYS_LIMIT)) >= KEYS_LIMIT:
                raise Conflict(f"{_actor(of)} has {KEYS_LIMIT} keys: revoke some")
            made = await unit.one(
                ADD_KEY,
                account_id=of.id,
                name=name,
                limits=write_bounds(limits),
                made_by=caller.subject.actor,
                expires_at=ends,
            )
            assert made is not None
            await self._add_secret(unit, made.id, secret, version)
            key = await self._found(unit, of, name)
            what = {"expires_at": ends, "bounds": plain_bounds(limits)}
            await self._note(unit, ChangeKind.KEY_CREATED, caller, origin, key, **what)
            return NewKey(key, secret)

        return await self._change(caller, add)

    async def page(
        self, caller: Identity, *, owner: str | None = None, after: int = 0, limit: int = 100, origin: Origin
    ) -> list[Key]:
        """Up to `limit` keys of an account by id, those after `after`: one's own, a robot's for who manages its
        namespace, anybody's for an administrator. Raises `Unknown`."""
        of = await self._seen(self._db, caller, owner, origin)
        rows = await self._db.all(KEYS, account_id=of.id, after=after, limit=min(limit, PAGE_LIMIT))
        secrets = await self._db.all(SECRETS, key_ids=[row.id for row in rows])
        return [_key(row, secrets) for row in rows]

    async def get(self, caller: Identity, name: str, *, owner: str | None = None, origin: Origin) -> Key:
        """One key, by its name. Raises `Unknown`."""
        return await self._found(self._db, await self._seen(self._db, caller, owner, origin), name)

    async def rotate(
        self,
        caller: Identity,
        name: str,
        *,
        owner: str | None = None,
        overlap: int | None = None,
        origin: Origin,
    ) -> NewKey:
        """A second secret of the key. The one until now lives on for `overlap` microseconds (None: as is set), or until
        `finish`; one that was being replaced already ends now. For who could have made the key. Raises `Invalid`."""
        if overlap is not None and overlap < 0:
            raise Invalid("overlap", "this is less than nothing")
        secret = new_secret()

        async def change(unit: Unit, version: int) -> NewKey:
            of = await self._making(unit, caller, owner, origin)
            key = await self._found(unit, of, name)
            await self._require_reach(unit, caller, key)
            if key.expires_at is not None and key.expires_at <= self._db.now():
                raise Conflict(f"the key {name!r} has expired: make another one")
            keep = self._settings.overlap if overlap is None else overlap
            newest, older = [each.id for each in key.secrets[:1]], [each.id for each in key.secrets[1:]]
            if keep:
                await unit.run(LIMIT_SECRETS, ids=newest, expires_at=unit.now + keep, version=version)
            await self._end(unit, of, older if keep else newest + older, version)
            await self._add_secret(unit, key.id, secret, version)
            fresh = await self._found(unit, of, name)
            await self._note(unit, ChangeKind.KEY_ROTATED, caller, origin, fresh, overlap=keep // 1_000_000)
            return NewKey(fresh, secret)

        return await self._change(caller, change)

    async def finish(self, caller: Identity, name: str, *, owner: str | None = None, origin: Origin) -> Key:
        """End all secrets of the key but the newest, now: everything uses the new one. For who sees the key."""

        async def change(unit: Unit, version: int) -> Key:
            of = await self._seen(unit, caller, owner, origin)
            key = await self._found(unit, of, name)
            await self._require_reach(unit, caller, key)
            if len(key.secrets) > 1:
                await self._end(unit, of, [each.id for each in key.secrets[1:]], version)
                await self._note(unit, ChangeKind.KEY_ROTATED, caller, origin, key, finished=True)
            return await self._found(unit, of, name)

        return await self._change(caller, change)

    async def revoke(self, caller: Identity, name: str, *, owner: str | None = None, origin: Origin) -> None:
        """End the key, and the tokens that were given for it. Its name is free again. For who sees the key."""

        async def change(unit: Unit, version: int) -> None:
            of = await self._seen(unit, caller, owner, origin)
            key = await self._found(unit, of, name)
            await self._require_reach(unit, caller, key)
            await unit.run(END_KEY, id=key.id)
            await self._end(unit, of, [each.id for each in key.secrets], version)
            await self._note(unit, ChangeKind.KEY_REVOKED, caller, origin, key)

        await self._change(caller, change)

    async def suspend(self, caller: Identity, name: str, why: str, *, owner: str | None = None, origin: Origin) -> Key:
        """Refuse the key, and the tokens that were given for it, until `resume`. For who may revoke it. Raises
        `Conflict` for the key that the caller came by."""

        async def begin(unit: Unit, version: int) -> Key:
            of = await self._seen(unit, caller, owner, origin)
            key = await self._found(unit, of, name)
            await self._require_reach(unit, caller, key)
            if await parent_id(unit, caller) == key.id:
                raise Conflict("this is the key that you come by: it could not lift that again")
            if key.suspended_at is None:
                await suspending.change(unit, key.id, of.id, version, by=caller.subject.actor, why=why)
                await self._note(unit, ChangeKind.KEY_SUSPENDED, caller, origin, key, reason=why[:LONGEST_WHY])
            return await self._found(unit, of, name)

        return await self._change(caller, begin)

    async def slow(
        self, caller: Identity, name: str, why: str, *, span: int, owner: str | None = None, origin: Origin
    ) -> Key:
        """Let the key make few requests a minute for `span` microseconds, on every node, or until `resume`. For who may
        revoke it. Raises `Invalid`; `Conflict` for a key that is suspended."""
        if not 0 < span <= LONGEST_SLOW:
            raise Invalid("for", f"a key is slowed for 1 s to {LONGEST_SLOW // (86400 * 1_000_000)} days")

        async def begin(unit: Unit, version: int) -> Key:
            of = await self._seen(unit, caller, owner, origin)
            key = await self._found(unit, of, name)
            await self._require_reach(unit, caller, key)
            if key.suspended_at is not None:
                raise Conflict(f"the key {name!r} is suspended: it is refused already")
            until = unit.now + span
            await suspending.brake(unit, key.id, of.id, version, until=until)
            said = why[:LONGEST_WHY]
            await self._note(unit, ChangeKind.KEY_SLOWED, caller, origin, key, reason=said, until=until)
            return await self._found(unit, of, name)

        return await self._change(caller, begin)

    async def resume(self, caller: Identity, name: str, *, owner: str | None = None, origin: Origin) -> Key:
        """Let a key that is suspended or slowed be used as before. For who may revoke it."""

        async def lift(unit: Unit, version: int) -> Key:
            of = await self._seen(unit, caller, owner, origin)
            key = await self._found(unit, of, name)
            await self._require_reach(unit, caller, key)
            if key.suspended_at is not None or key.slowed_until is not None:
                await suspending.change(unit, key.id, of.id, version)
                await self._note(unit, ChangeKind.KEY_RESUMED, caller, origin, key)
            return await self._found(unit, of, name)

        return await self._change(caller, lift)

    async def _change(self, caller: Identity, work: Callable[[Unit, int], Awaitable[T]]) -> T:
        async def change(unit: Unit) -> T:
            version = await begin_change(unit, caller)
            return await work(unit, version)

        return await self._db.write(change)

    async def _making(self, unit: Unit, caller: Identity, owner: str | None, origin: Origin) -> Owner:
        """The account that the caller may make a key of."""
        of = await self._seen(unit, caller, owner, origin)
        if caller.credential.kind not in _MAKERS:
            raise Denied("a machine that comes by its issuer's token makes no keys")
        if of.id != caller.subject.id:
            if of.kind != SubjectKind.ROBOT:
                raise Denied("nobody makes keys of another person")
            await require_manage(unit, caller, of.namespace or "", origin)
            await require_over_grantee(unit, caller, GranteeKind.ACCOUNT, of.id, origin)
        return of

    async def _require_reach(self, unit: Unit, caller: Identity, key: Key) -> None:
        """Raise `Denied` when the caller came by another key that may less than this one, or ends before it: with the
        new secret it would have more, and it could end what is above it."""
        if await parent_id(unit, caller) == key.id:
            return
        await within(unit, caller, key.bounds if key.bounds is not None else EVERYTHING)
        if await no_later(unit, caller, key.expires_at) != key.expires_at:
            raise Denied("a key that ends earlier may not rotate or end this one")

    async def _seen(self, reader: Reader, caller: Identity, owner: str | None, origin: Origin) -> Owner:
        """The account whose keys the caller may see."""
        kind, _, name = (owner if owner is not None else caller.subject.actor).partition(":")
        of: Owner | None = None
        if may_exist(name):
            of = await reader.one(OWNER, name=name)
        if of is None or _actor(of) != f"{kind}:{name}":
            raise Unknown(f"there is no {owner or 'account of yours'!r} in your sight"[:512])
        if of.id == caller.subject.id:
            return of
        if of.kind == SubjectKind.ROBOT:
            try:
                await require_manage(reader, caller, of.namespace or "", origin)
            except Denied:
                raise Unknown(f"there is no {owner!r} in your sight"[:512]) from None
        elif not caller.rights.system(Action.ADMINISTER, await circumstances_of(reader, caller, origin)):
            raise Unknown(f"there is no {owner!r} in your sight"[:512])
        return of

    @staticmethod
    async def _found(reader: Reader, of: Owner, name: str) -> Key:
        row: KeyRow | None = None
        if may_exist(name):
            row = await reader.one(KEY, account_id=of.id, name=name)
        if row is None:
            raise Unknown(f"{_actor(of)} has no key {name[:64]!r}")
        return _key(row, await reader.all(SECRETS, key_ids=[row.id]))

    async def _add_secret(self, unit: Unit, key_id: int, secret: str, version: int) -> None:
        hashed = keyed_hash(self._hash_key, secret)
        await unit.one(ADD_SECRET, key_id=key_id, hash=hashed, hint=hint(secret), version=version)

    @staticmethod
    async def _end(unit: Unit, of: Owner, ids: Sequence[int], version: int) -> None:
        if ids:
            await unit.run(END_SECRETS, ids=ids, version=version)
            await unit.run(END_TOKENS, account_id=of.id, ids=ids, version=version)

    @staticmethod
    async def _note(unit: Unit, kind: ChangeKind, caller: Identity, origin: Origin, key: Key, **more: object) -> None:
        hints = [each.hint for each in key.secrets]
        data: dict[str, object] = {"id": key.id, "name": key.name, "owner": key.owner, "hints": hints, **more}
        namespace = key.owner.partition(":")[2].rpartition("+")[0]
        await note(unit, kind, actor=caller.subject.actor, origin=origin, data=data, path=namespace)


def _actor(of: Owner | KeyRow) -> str:
    name = of.owner if isinstance(of, KeyRow) else of.name
    return Subject(of.id, name, SubjectKind(of.kind)).actor


def _key(row: KeyRow, secrets: Sequence[SecretRow]) -> Key:
    own = sorted((each for each in secrets if each.key_id == row.id), key=lambda each: each.id, reverse=True)
    return Key(
        row.id,
        _actor(row),
        row.name,
        read_bounds(row.limits),
        row.made_at,
        row.made_by,
        row.expires_at,
        tuple(map(_secret, own)),
        row.suspended_at,
        row.suspended_by,
        row.suspended_why,
        row.slowed_until,
    )


def _secret(row: SecretRow) -> Secret:
    return Secret(row.id, row.hint, row.made_at, row.expires_at, row.used_at, row.used_from, row.used_agent)
