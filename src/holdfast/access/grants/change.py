"""The frame of every change of rights: the version moves first, then the caller is proven to be what he was."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from holdfast.access.delegating import circumstances_of
from holdfast.access.model import Identity
from holdfast.access.policy.model import Circumstances, Grantee, GranteeKind
from holdfast.access.standing import begin_change
from holdfast.access.versions import touch_accounts, touch_everyone, touch_group
from holdfast.db.port import Database, Unit
from holdfast.journal.model import Origin

T = TypeVar("T")


async def change(
    db: Database, caller: Identity, origin: Origin, work: Callable[[Unit, int, Circumstances], Awaitable[T]]
) -> T:
    """Run `work` in one unit, with the new policy version and the caller's circumstances. Raises `StalePermit`."""

    async def unit_of_work(unit: Unit) -> T:
        version = await begin_change(unit, caller)
        return await work(unit, version, await circumstances_of(unit, caller, origin))

    return await db.write(unit_of_work)


async def touch(unit: Unit, grantee: Grantee, version: int) -> None:
    """Make a change of a grant to `grantee` hold at the next request."""
    if grantee.kind is GranteeKind.ACCOUNT:
        await touch_accounts(unit, [grantee.id], version)
    elif grantee.kind is GranteeKind.GROUP:
        await touch_group(unit, grantee.id, version)
    else:
        await touch_everyone(unit, version)
