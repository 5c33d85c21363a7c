"""Keys that are suspended: refused from the next request on, on every node, until somebody lifts it.

Promises: reversible, and nothing of the key is lost; the journal says who did it and why. What acts by itself never
takes a person's last way in: a key of somebody who has neither a password nor a sign-in provider is left alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from holdfast.access.errors import Suspended
from holdfast.access.keys.store import (
    KEY_OF_SECRET,
    KEYS_OF_SECRETS,
    RESUME_KEY,
    ROBOT_KEY,
    SLOW_KEY,
    SUSPEND_KEY,
    TOUCH_SECRETS,
    TOUCH_TOKENS,
    RobotKey,
    Suspendable,
)
from holdfast.access.model import Subject, SubjectKind
from holdfast.access.versions import move
from holdfast.db.port import Reader, Unit
from holdfast.journal.model import ChangeKind, Origin
from holdfast.journal.moments import rfc3339
from holdfast.journal.service import note

LONGEST_WHY = 300


async def keys_of(reader: Reader, secrets: Sequence[int]) -> dict[int, int]:
    """The ids of the keys that these secrets are of."""
    rows = await reader.all(KEYS_OF_SECRETS, ids=sorted(secrets))
    return {row.id: row.key_id for row in rows}


class Named(NamedTuple):
    """A key by its name, and its owner as the journal names him."""

    name: str
    owner: str
    suspended_at: int | None


async def key_of(reader: Reader, secret_id: int) -> Named | None:
    """The key that a secret is of; None: it is gone."""
    row = await reader.one(KEY_OF_SECRET, id=secret_id)
    if row is None:
        return None
    return Named(row.name, Subject(row.account_id, row.owner, SubjectKind(row.kind)).actor, row.suspended_at)


async def robot_key(reader: Reader, robot: str, name: str) -> RobotKey | None:
    """The key called `name` of the robot called `robot` (`NAMESPACE+NAME`), and the robot's namespace."""
    return await reader.one(ROBOT_KEY, robot=robot, name=name)


async def suspend(unit: Unit, secret_id: int, *, by: str, why: str, origin: Origin) -> str:
    """Suspend the key that a secret is of, for the program itself. Returns its name; '' when there is nothing to do, or
    it is the only way in that its owner has."""
    key = await unit.one(KEY_OF_SECRET, id=secret_id)
    if key is None or key.suspended_at is not None or (key.kind == SubjectKind.PERSON and not key.other_ways):
        return ""
    await change(unit, key.id, key.account_id, await move(unit), by=by, why=why)
    await _note(unit, ChangeKind.KEY_SUSPENDED, key, by=by, origin=origin, reason=why[:LONGEST_WHY])
    return key.name


async def slow(unit: Unit, secret_id: int, *, until: int, by: str, why: str, origin: Origin) -> str:
    """Let the key that a secret is of make few requests a minute until then, on every node from the next request on.
    Returns its name, '' when there is nothing to do."""
    key = await unit.one(KEY_OF_SECRET, id=secret_id)
    if key is None or key.suspended_at is not None:
        return ""
    await brake(unit, key.id, key.account_id, await move(unit), until=until)
    await _note(unit, ChangeKind.KEY_SLOWED, key, by=by, origin=origin, reason=why[:LONGEST_WHY], until=until)
    return key.name


async def brake(unit: Unit, key_id: int, account_id: int, version: int, *, until: int) -> None:
    """Slow a key until then; what was made of it is decided anew."""
    await unit.run(SLOW_KEY, id=key_id, until=until)
    await _touch(unit, key_id, account_id, version)


async def change(unit: Unit, key_id: int, account_id: int, version: int, *, by: str = "", why: str = "") -> None:
    """Suspend a key, or without `by` let it be used again; what was made of it is decided anew."""
    if by:
        await unit.run(SUSPEND_KEY, id=key_id, by=by, why=why[:LONGEST_WHY])
    else:
        await unit.run(RESUME_KEY, id=key_id)
    await _touch(unit, key_id, account_id, version)


async def _touch(unit: Unit, key_id: int, account_id: int, version: int) -> None:
    await unit.run(TOUCH_SECRETS, key_id=key_id, version=version)
    await unit.run(TOUCH_TOKENS, key_id=key_id, account_id=account_id, version=version)


async def _note(unit: Unit, kind: ChangeKind, key: Suspendable, *, by: str, origin: Origin, **more: object) -> None:
    owner = Subject(key.account_id, key.owner, SubjectKind(key.kind)).actor
    data: dict[str, object] = {"id": key.id, "name": key.name, "owner": owner, **more}
    path = owner.partition(":")[2].rpartition("+")[0]
    await note(unit, kind, actor=by, origin=origin, data=data, path=path)


def refusal(at: int, why: str | None) -> Suspended:
    """What the holder of a suspended key is told."""
    because = f" because of {why}" if why else ""
    return Suspended(
        f"this key was suspended at {rfc3339(at)}{because}; who owns it can lift that with `holdfast key resume`"
    )
