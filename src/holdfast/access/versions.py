"""Policy versions: how a change of subjects or rights reaches every request of every node.

Every change moves the policy version (which locks its row, so that changes stand in a line) and writes the new version
on what it touches: an account, a group, a credential, or everyone. A permit of an older version still holds when
nothing that it rests on has a newer one (standing.py).
"""

from __future__ import annotations

from collections.abc import Iterable

from holdfast.access.store import MOVE, TOUCH_ACCOUNTS, TOUCH_EVERYONE, TOUCH_GROUP
from holdfast.db.port import Unit


async def move(unit: Unit) -> int:
    """The next policy version; the first statement of every unit that changes subjects or rights."""
    row = await unit.one(MOVE)
    assert row is not None
    return row.version


async def touch_everyone(unit: Unit, version: int) -> None:
    """A change that may touch any subject: roles, visibility, grants to anonymous."""
    await unit.run(TOUCH_EVERYONE, version=version)


async def touch_accounts(unit: Unit, ids: Iterable[int], version: int) -> None:
    """A change of these accounts, of grants to them, or of the groups that they are in."""
    await unit.run(TOUCH_ACCOUNTS, ids=sorted(ids), version=version)


async def touch_group(unit: Unit, group_id: int, version: int) -> None:
    """A change of a group, or of grants to it."""
    await unit.run(TOUCH_GROUP, id=group_id, version=version)
