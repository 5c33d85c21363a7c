"""Whether a permit still holds, asked inside the snapshot or the unit that relies on it."""

from __future__ import annotations

from holdfast.access.errors import StalePermit
from holdfast.access.model import UNCHECKED, CatalogPermit, CredentialKind, Identity, PathPermit, Permit, PushPermit
from holdfast.access.store import STANDING
from holdfast.access.versions import move
from holdfast.db.port import Reader, Unit


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
