"""From a credential that was found good to an identity, in one snapshot: the account, what the credential rests on, and
the rights of this moment.

Promises: a token counts no longer than what it was made of: the secret of a key (with that key's limits of now), a
refresh token, a password, a rule of federation (and that of a pull request goes on reading only); and what rests on a
password alone counts for nobody of whom a second factor is required. Rights are read once a policy version and shared
by the credentials of a subject.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from holdfast.access.errors import Conflict, SecondFactorMissing, Unauthenticated
from holdfast.access.federation.presets import bounds_of
from holdfast.access.identities_store import REFRESH_HELD, RULE_HELD, SECRET_HELD, VERIFIER
from holdfast.access.keys.bounds import read_bounds
from holdfast.access.keys.suspending import refusal
from holdfast.access.model import (
    ANONYMOUS,
    Credential,
    CredentialKind,
    Identity,
    PathPermit,
    Recognised,
    Subject,
    SubjectKind,
)
from holdfast.access.policy.decide import Bound, Rights
from holdfast.access.requirement import Required
from holdfast.access.rights import grants_of, visibilities
from holdfast.access.rights_store import ANONYMOUS_GRANTS, HOLDER, SUBJECT_GRANTS, VERSIONS
from holdfast.access.throttle import Bounded
from holdfast.db.port import Database, Reader
from holdfast.journal.model import Origin

_REMEMBERED = 4096
_LASTING = frozenset({CredentialKind.KEY, CredentialKind.REFRESH})
Limits = tuple[Bound, ...] | None


class _Kept(NamedTuple):
    """Rights, and the policy version that they were read at."""

    version: int
    rights: Rights


_Known = Bounded[tuple[int, Limits], _Kept]


class Identities:
    """Reads identities. `required`: of whom a password alone is not taken."""

    def __init__(self, db: Database, required: Required = Required.NONE) -> None:
        self._db = db
        self._required = required
        self._rights: _Known = Bounded(_REMEMBERED)

    async def of(self, found: Recognised) -> Identity:
        """Who `found` is now, with all rights. Raises `Unauthenticated` when the account may not be used, or what a
        token was made of has ended; `SecondFactorMissing`."""
        return await self._db.snapshot(lambda reader: self._read(reader, found, self._rights))

    async def again(self, reader: Reader, who: Identity) -> Identity:
        """`who` as it is in the snapshot or unit of `reader`, in whichever thread that runs. Raises as `of` does."""
        found = Recognised(who.subject.id, who.credential, who.until, who.ceiling)
        return await self._read(reader, found, Bounded(1))

    async def account(self, reader: Reader, id: int, credential: str = "") -> Identity:
        """An account as it is in the snapshot or unit of `reader`, by what it came by once (`Credential.text`): the
        rights of a key or a log-in, as long as that lasts; else all of the account's. Raises `Unauthenticated` when it
        may not be used any more."""
        if not id:
            raise Unauthenticated
        return await self._read(reader, Recognised(id, _lasting(credential)), Bounded(1))

    async def _read(self, reader: Reader, found: Recognised, kept: _Known) -> Identity:
        if not found.account_id:
            row = await reader.one(VERSIONS)
            version = row.version if row is not None else 0
            rights = await _rights_of(reader, version, ANONYMOUS, None, kept)
            return Identity(ANONYMOUS, version, rights, Credential(), found.until, found.ceiling)
        now = self._db.now()
        holder = await reader.one(HOLDER, id=found.account_id)
        if holder is None or holder.name is None or holder.kind is None:
            raise Unauthenticated
        if holder.expires_at is not None and holder.expires_at <= now:
            raise Unauthenticated
        version = holder.version
        held = await _held(reader, now, found)
        subject = Subject(found.account_id, holder.name, SubjectKind(holder.kind))
        rights = await _rights_of(reader, version, subject, held.bounds, kept)
        person = subject.kind is SubjectKind.PERSON
        if person and self._required.of(rights, now) and await _by_password_alone(reader, held):
            raise SecondFactorMissing
        ends = [end for end in (held.until, holder.expires_at) if end]
        return Identity(subject, version, rights, held.credential, min(ends, default=0), held.ceiling, slow=held.slow)


def lasting(permit: PathPermit) -> Origin:
    """Where a job is asked for that acts by the rights of who asks: `Identities.account` takes its credential. Raises
    `Conflict` to who has no account, and to a machine whose token ends before the job does."""
    if not permit.subject.id:
        raise Conflict("a job does this by the rights of an account: sign in")
    if permit.credential.kind is CredentialKind.FEDERATION:
        raise Conflict("a job does this, and the token of a machine ends before it: come with a key")
    return permit.origin._replace(credential=permit.credential.text)


def _lasting(text: str) -> Credential:
    kind, _, id = text.partition(":")
    return Credential(CredentialKind(kind), int(id)) if kind in _LASTING and id else Credential()


async def _rights_of(reader: Reader, version: int, subject: Subject, bounds: Limits, kept: _Known) -> Rights:
    """The rights of a subject, read once a policy version."""
    known = kept.get((subject.id, bounds))
    if known is not None and known.version == version:
        return known.rights
    rows = await reader.all(ANONYMOUS_GRANTS)
    if subject.id:
        rows = await reader.all(SUBJECT_GRANTS, id=subject.id) + rows
    rights = Rights(subject.actor, await grants_of(reader, rows), await visibilities(reader), bounds)
    kept.put((subject.id, bounds), _Kept(version, rights))
    return rights


async def _held(reader: Reader, now: int, found: Recognised) -> Recognised:
    """`found` as it holds now: with its limits and its end. Raises `Unauthenticated`."""
    match found.credential.kind:
        case CredentialKind.PASSWORD:
            proof = await _proof(reader, found.account_id)
            if (found.ceiling is not None or found.credential.proof) and found.credential.proof != proof:
                raise Unauthenticated
            return found._replace(credential=found.credential._replace(proof=proof))
        case CredentialKind.KEY:
            return await _of_secret(reader, now, found, found.credential.id)
        case CredentialKind.REFRESH:
            row = await reader.one(REFRESH_HELD, id=found.credential.id)
            if row is None or row.account_id != found.account_id or row.expires_at <= now:
                raise Unauthenticated
            if row.proof is not None and row.proof != await _proof(reader, found.account_id):
                raise Unauthenticated
            if row.secret_id is not None:
                return await _of_secret(reader, now, found, row.secret_id)
        case CredentialKind.FEDERATION:
            rule = await reader.one(RULE_HELD, id=found.credential.id)
            if rule is None or rule.account_id != found.account_id:
                raise Unauthenticated
            return found._replace(bounds=bounds_of(found.credential.claims))
        case _:
            pass
    return found


async def _of_secret(reader: Reader, now: int, found: Recognised, secret: int) -> Recognised:
    row = await reader.one(SECRET_HELD, id=secret)
    ends = [end for end in (row.secret_ends, row.key_ends) if end] if row is not None else []
    if row is None or row.account_id != found.account_id or min(ends, default=now + 1) <= now:
        raise Unauthenticated
    if row.suspended_at is not None:
        raise refusal(row.suspended_at, row.suspended_why)
    slow = row.slowed_until is not None and row.slowed_until > now
    until = [end for end in (found.until, *ends, row.slowed_until if slow else 0) if end]
    return found._replace(until=min(until, default=0), bounds=read_bounds(row.limits), slow=slow)


async def _by_password_alone(reader: Reader, found: Recognised) -> bool:
    """Whether what a person was recognised by rests on a password, and the account has no second factor."""
    kind = found.credential.kind
    if kind is CredentialKind.REFRESH:
        token = await reader.one(REFRESH_HELD, id=found.credential.id)
        if token is not None and token.secret_id is not None:
            return False
    elif kind is not CredentialKind.PASSWORD:
        return False
    row = await reader.one(VERIFIER, id=found.account_id)
    return row is None or row.factor is None


async def _proof(reader: Reader, account: int) -> str:
    """What tells one password of an account from the next, and one without a second factor from one with it; and
    nothing of either."""
    row = await reader.one(VERIFIER, id=account)
    proof = (row.verifier if row is not None else None) or ""
    if row is not None and row.factor is not None:
        proof += f" {row.factor}"
    return hashlib.blake2b(proof.encode(), digest_size=16, person=b"holdfast proof").hexdigest()
