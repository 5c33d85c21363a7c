"""Whether an invitation holds: whoever made it may still make the grant that it gives, wherever he is."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.access.delegating import require_confer
from holdfast.access.errors import Denied, Invalid, Unauthenticated
from holdfast.access.grants.service import check_reach
from holdfast.access.identities import Identities
from holdfast.access.invitations.model import InvitationState
from holdfast.access.invitations.store import InvitationRow
from holdfast.access.model import Identity
from holdfast.access.policy.languages import Scope
from holdfast.access.policy.model import Circumstances
from holdfast.access.rights import roles_of
from holdfast.db.port import Reader

Makers = dict[int, Identity | None]
"""Those who were looked up already, by account; None: the account may not be used."""


class Gift(NamedTuple):
    """What an invitation gives: a role on a scope, until then (microseconds, 0: for ever)."""

    role: str
    scope: Scope
    until: int


def gift_of(row: InvitationRow) -> Gift:
    """What the invitation of a row gives."""
    return Gift(row.role, Scope(row.repository, row.tag), row.grant_expires_at or 0)


async def require_giver(reader: Reader, giver: Identity, gift: Gift, here: Circumstances) -> None:
    """Raise `Denied` unless `giver` may make the grant in these circumstances; `Invalid` where there can be none."""
    actions = (await roles_of(reader)).get(gift.role)
    if actions is None:
        raise Invalid("role", f"there is no role {gift.role[:64]!r}")
    check_reach("role", actions, gift.scope)
    require_confer(giver, actions, gift.scope, gift.until, here)


async def state_of(
    reader: Reader, row: InvitationRow, now: int, identities: Identities, makers: Makers
) -> InvitationState:
    """Whether an invitation may be accepted at `now`."""
    if row.gone_at is not None:
        return InvitationState.REVOKED
    if row.uses >= row.most:
        return InvitationState.USED
    if row.expires_at <= now or (row.grant_expires_at is not None and row.grant_expires_at <= now):
        return InvitationState.EXPIRED
    if row.account_id not in makers:
        try:
            makers[row.account_id] = await identities.account(reader, row.account_id)
        except Unauthenticated:
            makers[row.account_id] = None
    maker = makers[row.account_id]
    if maker is None:
        return InvitationState.LAPSED
    try:
        await require_giver(reader, maker, gift_of(row), Circumstances("", now))
    except (Denied, Invalid):
        return InvitationState.LAPSED
    return InvitationState.OPEN
