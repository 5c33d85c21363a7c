"""`Invitations`: expiring invitations to a namespace. Whoever is signed in and has the code may accept one, by which he
gets an ordinary grant.

Promises: made only by who may make the grant that it gives; it holds only as long as its maker may still make it, which
is decided anew in the unit that accepts it; a code is shown once and kept as a keyed hash; what cannot be accepted, for
whatever reason, is answered in the same words as a code that never was. Of two who accept the last use at once one gets
it. Raises besides what is named: `Denied`, `StalePermit`, `holdfast.db.errors`.
"""

from __future__ import annotations

from typing import NamedTuple

from holdfast.access.delegating import circumstances_of
from holdfast.access.errors import Conflict, Denied, Invalid, Unknown
from holdfast.access.grants.change import change
from holdfast.access.grants.model import NewGrant
from holdfast.access.grants.service import Cause, add_grant, check_grant
from holdfast.access.identities import Identities
from holdfast.access.invitations.code import code_in, hint, keyed_hash, new_code
from holdfast.access.invitations.holding import Gift, Makers, gift_of, require_giver, state_of
from holdfast.access.invitations.listing import sees, visible
from holdfast.access.invitations.model import Acceptance, Accepted, Invitation, InvitationState, NewInvitation, Offer
from holdfast.access.invitations.store import (
    ADD,
    ADD_USE,
    BY_HASH,
    COUNT_OPEN,
    FORGET,
    FORGET_USES,
    INVITATION,
    LOCK_MAKER,
    OLD,
    REVOKE,
    USE,
    USED,
    USES,
    InvitationRow,
)
from holdfast.access.model import Identity, Subject, SubjectKind
from holdfast.access.names import namespace_path
from holdfast.access.policy.model import Action, Circumstances
from holdfast.access.rights import roles_of
from holdfast.access.standing import check_permit
from holdfast.db.port import Database, Reader, Unit
from holdfast.journal.model import ChangeKind, Origin
from holdfast.journal.service import note

NEWEST = (1 << 63) - 1
"""Before which the newest invitations come."""
PAGE_LIMIT = 1001
OPEN_LIMIT = 100
"""Open invitations that somebody has made at most."""
USES_LIMIT = 100
_DAY = 24 * 3600 * 1_000_000
LIFE = 7 * _DAY
"""For how long an invitation is open where nothing is said, in microseconds."""
LONGEST = 30 * _DAY
KEPT = 90 * _DAY
"""For how long an invitation is remembered after its time."""
_FORGOTTEN = 500
_UNKNOWN = "there is no such invitation, or it cannot be accepted any more: ask for a new one"


class Wish(NamedTuple):
    """An invitation to make. `scope`: `REPO-GLOB[:TAG-GLOB]`; `expires_at` 0: after `LIFE`; `grant_expires_at`: when
    what it gives ends, 0 never; `most`: how many may accept it."""

    scope: str
    role: str
    expires_at: int = 0
    grant_expires_at: int = 0
    most: int = 1
    note: str = ""


class Invitations:
    """The invitations of an installation. `hash_key`: what codes are hashed with."""

    def __init__(self, db: Database, hash_key: bytes) -> None:
        self._db = db
        self._hash_key = hash_key
        self._identities = Identities(db)

    async def create(self, caller: Identity, wish: Wish, *, origin: Origin) -> NewInvitation:
        """A new invitation and its code, for who may make the grant that it gives, wherever he is. Raises `Invalid`;
        `Conflict` when he has too many open ones."""
        if not caller.subject.id:
            raise Denied("an invitation is made by somebody: sign in")
        if not 1 <= wish.most <= USES_LIMIT:
            raise Invalid("uses", f"an invitation is for 1 to {USES_LIMIT} people")
        me = caller.subject
        asked = check_grant(NewGrant(me.actor, wish.scope, wish.role, expires_at=wish.grant_expires_at, note=wish.note))
        if not asked.scope.home:
            raise Invalid("scope", "an invitation is to a namespace: its scope begins with the name of one")
        code = new_code()

        async def create(unit: Unit) -> NewInvitation:
            await check_permit(unit, caller)
            here = await circumstances_of(unit, caller, origin)
            ends = wish.expires_at or unit.now + LIFE
            _check_times(ends, wish.grant_expires_at, unit.now)
            await self._require(unit, caller, Gift(wish.role, asked.scope, wish.grant_expires_at), here)
            await unit.one(LOCK_MAKER, account_id=me.id)
            count = await unit.one(COUNT_OPEN, account_id=me.id)
            if count is not None and count.total >= OPEN_LIMIT:
                raise Conflict(f"{count.total} invitations of yours are open: revoke some")
            row = await unit.one(
                ADD,
                hash=keyed_hash(self._hash_key, code),
                hint=hint(code),
                account_id=me.id,
                role=wish.role,
                repository=asked.scope.repository,
                tag=asked.scope.tag,
                home=asked.scope.home,
                grant_expires_at=wish.grant_expires_at or None,
                note=wish.note,
                most=wish.most,
                expires_at=ends,
            )
            assert row is not None
            made = await self._seen(unit, caller, row.id, here)
            await _note(unit, ChangeKind.INVITATION_CREATED, caller, origin, made, expires_at=ends, uses=wish.most)
            return NewInvitation(await self._told(unit, made, here.now), code)

        return await self._db.write(create)

    async def revoke(self, caller: Identity, id: int, *, origin: Origin) -> None:
        """End an invitation; the grants that it gave stay. For its maker, and who manages access on all that it gives.
        Raises `Unknown`, `Conflict` when it was revoked already."""

        async def revoke(unit: Unit) -> None:
            await check_permit(unit, caller)
            row = await self._seen(unit, caller, id, await circumstances_of(unit, caller, origin))
            if not await unit.run(REVOKE, id=id, by=caller.subject.actor):
                raise Conflict(f"invitation {id} was revoked already")
            await _note(unit, ChangeKind.INVITATION_REVOKED, caller, origin, row)

        await self._db.write(revoke)

    async def get(self, caller: Identity, id: int, *, origin: Origin) -> Invitation:
        """One invitation that the caller may see, with who accepted it. Raises `Unknown`."""

        async def read(reader: Reader) -> Invitation:
            here = await circumstances_of(reader, caller, origin)
            told = await self._told(reader, await self._seen(reader, caller, id, here), here.now)
            uses = await reader.all(USES, id=id)
            accepted = tuple(Accepted(Subject(u.account_id, u.name).actor, u.used_at, u.grant_id) for u in uses)
            return told._replace(accepted=accepted)

        return await self._db.snapshot(read)

    async def page(
        self,
        caller: Identity,
        *,
        path: str | None = None,
        closed: bool = False,
        before: int = NEWEST,
        limit: int = 100,
        origin: Origin,
    ) -> list[Invitation]:
        """Up to `limit` invitations that the caller made or that give what it manages, newest first, whose number is
        below `before`. `path`: to namespaces at or below it; `closed`: also those that are used up, over or revoked.
        Raises `Invalid`."""
        if path:
            namespace_path(path)

        async def read(reader: Reader) -> list[Invitation]:
            here = await circumstances_of(reader, caller, origin)
            most = min(limit, PAGE_LIMIT)
            rows = await visible(reader, caller, here, path=path or "", closed=closed, before=before, limit=most)
            makers: Makers = {}
            return [await self._told(reader, row, here.now, makers) for row in rows]

        return await self._db.snapshot(read)

    async def offered(self, caller: Identity, code: str) -> Offer:
        """What the invitation of `code` (or of a link that ends in it) gives, to whoever has it and is signed in.
        Raises `Unknown`."""
        _require_person(caller)

        async def read(reader: Reader) -> Offer:
            row = await self._open(reader, code, self._db.now())
            return _offer(row, (await roles_of(reader)).get(row.role, frozenset()))

        return await self._db.snapshot(read)

    async def accept(self, caller: Identity, code: str, *, origin: Origin) -> Acceptance:
        """Accept the invitation of `code` (or of a link that ends in it). Raises `Unknown`; `Conflict` when the caller
        has accepted it already, or has that grant."""
        _require_person(caller)
        me = caller.subject

        async def accept(unit: Unit, version: int, _here: Circumstances) -> Acceptance:
            row = await self._open(unit, code, unit.now)
            if await unit.one(USED, id=row.id, account_id=me.id) is not None:
                raise Conflict("you have accepted this invitation already")
            if not await unit.run(USE, id=row.id):
                raise Unknown(_UNKNOWN)
            maker = await self._identities.account(unit, row.account_id)
            asked = check_grant(
                NewGrant(
                    me.actor,
                    str(gift_of(row).scope),
                    row.role,
                    expires_at=row.grant_expires_at or 0,
                    note=f"invitation {row.id}",
                )
            )
            cause = Cause(me.actor, {"invitation": row.id, "maker": maker.subject.actor})
            there = Circumstances("", unit.now)
            kept = await add_grant(unit, maker, asked, version=version, here=there, origin=origin, cause=cause)
            await unit.run(ADD_USE, id=row.id, account_id=me.id, grant_id=kept.id)
            await _note(unit, ChangeKind.INVITATION_ACCEPTED, caller, origin, row, grant=kept.id)
            return Acceptance(_offer(row, kept.grant.actions), kept.id)

        return await change(self._db, caller, origin, accept)

    async def _open(self, reader: Reader, text: str, now: int) -> InvitationRow:
        """The invitation of a code, if it can be accepted now. Raises `Unknown`, the same for every cause."""
        code = code_in(text)
        hash_ = keyed_hash(self._hash_key, code or "")
        row = await reader.one(BY_HASH, hash=hash_)
        if (
            code is None
            or row is None
            or await state_of(reader, row, now, self._identities, {}) is not InvitationState.OPEN
        ):
            raise Unknown(_UNKNOWN)
        return row

    async def _require(self, unit: Unit, caller: Identity, gift: Gift, here: Circumstances) -> None:
        """Raise `Denied` unless the caller may make the grant now, with what it came by, and its account may make it
        from anywhere: when it is accepted, the caller is somewhere else. Raises `Invalid` for no role."""
        await require_giver(unit, caller, gift, here)
        maker = await self._identities.account(unit, caller.subject.id)
        await require_giver(unit, maker, gift, Circumstances("", here.now))

    @staticmethod
    async def _seen(reader: Reader, caller: Identity, id: int, here: Circumstances) -> InvitationRow:
        row = await reader.one(INVITATION, id=id)
        if row is None or not sees(caller, row, here):
            raise Unknown(f"there is no invitation {id} in your sight")
        return row

    async def _told(self, reader: Reader, row: InvitationRow, now: int, makers: Makers | None = None) -> Invitation:
        return Invitation(
            row.id,
            row.home,
            row.role,
            str(gift_of(row).scope),
            row.note,
            _maker(row),
            row.made_at,
            row.expires_at,
            row.grant_expires_at or 0,
            row.most,
            row.uses,
            await state_of(reader, row, now, self._identities, makers if makers is not None else {}),
            row.hint,
        )


def _check_times(ends: int, grant_ends: int, now: int) -> None:
    if not now < ends <= now + LONGEST:
        raise Invalid("expires_at", f"an invitation is open for {LONGEST // _DAY} days at most, from now on")
    if grant_ends and grant_ends <= now:
        raise Invalid("grant_expires_at", "this time is past")


def _require_person(caller: Identity) -> None:
    if not caller.subject.id or caller.subject.kind is not SubjectKind.PERSON:
        raise Denied("invitations are accepted by people: sign in as one")


def _maker(row: InvitationRow) -> str:
    return Subject(row.account_id, row.maker, SubjectKind(row.maker_kind)).actor


def _offer(row: InvitationRow, actions: frozenset[Action]) -> Offer:
    return Offer(
        row.home,
        row.role,
        actions,
        str(gift_of(row).scope),
        row.note,
        _maker(row),
        row.expires_at,
        row.grant_expires_at or 0,
    )


async def _note(
    unit: Unit, kind: ChangeKind, caller: Identity, origin: Origin, row: InvitationRow, **more: object
) -> None:
    data: dict[str, object] = {
        "invitation": row.id,
        "namespace": row.home,
        "role": row.role,
        "scope": str(gift_of(row).scope),
        "maker": _maker(row),
        **more,
    }
    await note(unit, kind, actor=caller.subject.actor, origin=origin, data=data)


async def forget_invitations(db: Database) -> int:
    """Remove what ended long ago; how many."""
    before = db.now() - KEPT

    async def forget(unit: Unit) -> int:
        ids = [row.id for row in await unit.all(OLD, before=before, limit=_FORGOTTEN)]
        await unit.run(FORGET_USES, ids=ids)
        return await unit.run(FORGET, ids=ids)

    total = gone = await db.write(forget)
    while gone == _FORGOTTEN:
        gone = await db.write(forget)
        total += gone
    return total
