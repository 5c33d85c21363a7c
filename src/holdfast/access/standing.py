"""Whether a permit still holds, asked inside the snapshot or the unit that relies on it; or, by an answer that only
reads and asks many services, once for all of them.

Why one proof at the end is enough (`reading`, `check_reading`, `settled`). Versions only grow, and a change of rights
writes the new one on what it touches, in the unit that makes it. So if nothing that the permit rests on has a newer
version in a statement that begins when every read is over, it had none in any of them: each was allowed when it was
made, although none of them asked. Who takes a right away and then puts a secret there is safe: a read that sees the
secret began after the right was gone, and so does the proof. What is not proven is not told: `settled` comes before
the answer leaves, for a refusal as well as for a page (else a refusal would tell what is there), and an answer whose
proof fails is thrown away whole. What this must not do, and does not:

- put off anything that writes: units ask `check_permit`, which never waits;
- outlive the answer: an identity gets its `Proof` for one answer, in a copy of its own, and nothing that is remembered
  between answers keeps what was read under it;
- vouch for others: permits of other identities, and those that a statement proves itself (`prove`), carry none.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from msgspec.structs import replace

from holdfast.access.errors import StalePermit
from holdfast.access.model import (
    UNCHECKED,
    CatalogPermit,
    CredentialKind,
    Identity,
    PathPermit,
    Permit,
    Proof,
    PushPermit,
)
from holdfast.access.store import STANDING
from holdfast.access.versions import move
from holdfast.db.port import Reader, Unit

T = TypeVar("T")


def prove(holder: Permit | Identity, version: int, repository_id: int = 0) -> None:
    """Raise `StalePermit` unless `version`, the policy version that a statement returned, is the one decided at, and
    the repository, where the statement returned one, is the one that the credential speaks of."""
    if holder.version not in (UNCHECKED, version):
        raise StalePermit
    if repository_id and isinstance(holder, Permit) and holder.repository_id not in (0, repository_id):
        raise StalePermit


async def check_permit(reader: Reader, permit: Permit | CatalogPermit | PathPermit | Identity) -> None:
    """Raise `StalePermit` when something changed since the permit was issued (the identity was recognised) that may
    touch it: its account, a group of it, a grant to one of them or to everyone, a role, its credential."""
    if permit.version == UNCHECKED:
        return
    credential = permit.credential
    row = await reader.one(
        STANDING,
        id=permit.subject.id,
        secret=credential.id if credential.kind is CredentialKind.KEY else 0,
        refresh=credential.id if credential.kind is CredentialKind.REFRESH else 0,
        rule=credential.id if credential.kind is CredentialKind.FEDERATION else 0,
    )
    if row is None or row.version == permit.version:
        return
    touched: list[int | None] = [row.everyone, row.groups or 0]
    if permit.subject.id:
        touched.append(row.account)
    rows = {CredentialKind.KEY: row.secret, CredentialKind.REFRESH: row.refresh, CredentialKind.FEDERATION: row.rule}
    if credential.id and credential.kind in rows:
        touched.append(rows[credential.kind])
    if any(changed is None or changed > permit.version for changed in touched):
        raise StalePermit


async def check_reading(reader: Reader, permit: PathPermit | Identity) -> None:
    """`check_permit`, for what only reads: where the answer proves all that it read at its end, this is owed."""
    if permit.proof is None:
        await check_permit(reader, permit)
    else:
        permit.proof.owed = True


def reading(who: Identity) -> Identity:
    """`who`, for one answer that only reads: what its permits read is proven by `settled`, in which they belong."""
    return replace(who, proof=Proof())


async def settled(reader: Reader, who: Identity, work: Callable[[], Awaitable[T]]) -> T:
    """What `work` gives or raises, once it is proven that what `who` was decided by still held when it ended.

    Raises `StalePermit` instead of either when it did not.
    """
    try:
        found = await work()
    except Exception:
        await _settle(reader, who)
        raise
    await _settle(reader, who)
    return found


async def _settle(reader: Reader, who: Identity) -> None:
    if who.proof is not None and who.proof.owed:
        await check_permit(reader, who)


async def renewed(unit: Reader, permit: PushPermit) -> PushPermit:
    """The permit as it holds in this unit: itself, or one that is decided anew here, so that a change of rights that
    leaves it standing fails no upload under way. Raises `StalePermit`, `Denied`, `InsufficientScope`."""
    try:
        await check_permit(unit, permit)
    except StalePermit:
        if permit.renew is None:
            raise
        return await permit.renew(unit)
    return permit


async def begin_change(unit: Unit, caller: Identity) -> int:
    """The next policy version, for a change that `caller` makes. The version moves first, which locks its row: what the
    caller is proven to be then cannot change under the unit. Raises `StalePermit`."""
    version = await move(unit)
    await check_permit(unit, caller)
    return version
