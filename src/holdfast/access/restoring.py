"""Credentials after a restore: what was signed in is ended, and what changed since is told.

A database that was put back knows passwords, keys and grants as they were when it was copied: what was revoked or
replaced since is good again until somebody ends it again. Nothing here decides that; it is listed.
"""

from __future__ import annotations

import json
from typing import NamedTuple

from holdfast.access import restoring_store as store
from holdfast.access.tokens.keys import TOKENS
from holdfast.access.versions import move, touch_everyone
from holdfast.db.port import Database, Reader, Unit
from holdfast.journal.model import ChangeKind, Origin
from holdfast.journal.service import note

_PAGE = 1000
_MOST = 10_000
CREDENTIALS = (
    ChangeKind.USER_CREATED,
    ChangeKind.USER_DISABLED,
    ChangeKind.USER_ENABLED,
    ChangeKind.USER_DELETED,
    ChangeKind.PASSWORD_CHANGED,
    ChangeKind.ROBOT_CREATED,
    ChangeKind.ROBOT_DISABLED,
    ChangeKind.ROBOT_ENABLED,
    ChangeKind.ROBOT_DELETED,
    ChangeKind.KEY_CREATED,
    ChangeKind.KEY_ROTATED,
    ChangeKind.KEY_REVOKED,
    ChangeKind.MEMBER_ADDED,
    ChangeKind.MEMBER_REMOVED,
    ChangeKind.ROLE_CHANGED,
    ChangeKind.ROLE_DELETED,
    ChangeKind.GRANT_ADDED,
    ChangeKind.GRANT_REMOVED,
    ChangeKind.INVITATION_REVOKED,
    ChangeKind.VISIBILITY_CHANGED,
    ChangeKind.FEDERATION_RULE_ADDED,
    ChangeKind.FEDERATION_RULE_REMOVED,
    ChangeKind.ISSUER_REMOVED,
    ChangeKind.PROVIDER_REMOVED,
)
"""The changes that decide who gets in, and to what."""


class Change(NamedTuple):
    """A change that a restored database does not know. `at`: microseconds; `what`: the facts that the journal keeps."""

    at: int
    actor: str
    kind: str
    what: dict[str, object]


class Live(NamedTuple):
    """What lets in now: people with a password, and keys."""

    passwords: int
    keys: int


async def end_everything_signed_in(db: Database, copied_at: int) -> None:
    """End every session, token and open invitation of a database that was put back, and write down that it was:
    browser sessions, refresh tokens, the keys that access tokens are signed with. `copied_at`: when it was copied,
    microseconds."""

    async def end(unit: Unit) -> None:
        version = await move(unit)
        await touch_everyone(unit, version)
        await unit.run(store.END_WEB_SESSIONS)
        await unit.run(store.END_REFRESH_TOKENS)
        await unit.run(store.END_INVITATIONS)
        await unit.run(store.END_SIGNING_KEYS, purpose=TOKENS)
        data: dict[str, object] = {"copied_at": copied_at}
        await note(unit, ChangeKind.INSTALLATION_RESTORED, actor="system", origin=Origin("restore"), data=data)

    await db.write(end, always=True)


async def changes_since(old: Reader, journal_id: int) -> list[Change]:
    """The changes of credentials and rights in `old` after the journal's row `journal_id`, at most 10,000."""
    found: list[Change] = []
    after = journal_id
    while len(found) < _MOST:
        rows = await old.all(store.CHANGES, after=after, kinds=[str(kind) for kind in CREDENTIALS], limit=_PAGE)
        if not rows:
            break
        after = rows[-1].id
        found += [Change(row.at, row.actor, row.kind, json.loads(row.data)) for row in rows]
    return found[:_MOST]


async def live(db: Reader) -> Live:
    """What lets in now."""
    row = await db.one(store.LIVE)
    return Live(row.passwords, row.keys) if row is not None else Live(0, 0)
