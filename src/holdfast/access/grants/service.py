"""`Grants`: who was given which role where, and who is denied what.

Promises: a grant is made and removed only by who manages access on the whole of what it can match, and confers only
what its maker holds there (`delegating`); a deny is lifted only by who could have made the allow that it takes away,
and never from below its maker's reach; a change stands in the journal and holds at the next request of every node; the
last administrator stays. Raises besides what is named: `Denied`, `StalePermit`, `holdfast.db.errors`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import NamedTuple

from holdfast.access.delegating import (
    circumstances_of,
    require_administrator_left,
    require_confer,
    require_scope,
)
from holdfast.access.errors import Conflict, Denied, Invalid, Unknown
from holdfast.access.grants.change import change, touch
from holdfast.access.grants.listing import kept_of, told, visible
from holdfast.access.grants.model import KeptGrant, NewGrant
from holdfast.access.grants.sight import named, sees
from holdfast.access.grants.store import (
    ADD_GRANT,
    COUNT_GRANTS,
    GRANT,
    REMOVE_GRANT,
    SAME_GRANT,
)
from holdfast.access.model import Identity
from holdfast.access.policy.delegation import Made, may_lift, reach
from holdfast.access.policy.globs import GlobInvalid, parse_scope
from holdfast.access.policy.languages import Scope
from holdfast.access.policy.model import (
    SYSTEM_ACTIONS,
    TAG_ACTIONS,
    Action,
    Circumstances,
    Conditions,
    Effect,
    Grant,
    Grantee,
)
from holdfast.access.policy.written import read_conditions, write_conditions
from holdfast.access.rights import roles_of
from holdfast.access.subjects import parse_subject, resolve
from holdfast.db.port import Database, Reader, Unit
from holdfast.journal.model import ChangeKind, Origin
from holdfast.journal.service import note
from holdfast.oci.errors import NameInvalid
from holdfast.oci.name import RepositoryName

PAGE_LIMIT = 1001
MOST_TO_ONE = 20_000
"""Grants to one subject: all of them are read for its requests."""
_NOTE = 512


class Asked(NamedTuple):
    """A grant that was asked for, checked by itself: it could be, whoever makes it."""

    subject: str
    effect: Effect
    role: str | None
    deny: frozenset[Action]
    scope: Scope
    conditions: Conditions
    expires_at: int
    note: str


class Cause(NamedTuple):
    """Why a grant comes to be, where its maker did not ask for it in so many words: who acted, as the journal names
    him, and what else the journal keeps of it."""

    actor: str
    data: Mapping[str, object]


class Grants:
    """The grants and denies of an installation."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def add(self, caller: Identity, new: NewGrant, *, origin: Origin) -> KeptGrant:
        """Make a grant or a deny. Raises `Invalid`; `Unknown` when there is no such subject; `Conflict` when the same
        grant stands already."""
        asked = check_grant(new)

        async def add(unit: Unit, version: int, here: Circumstances) -> KeptGrant:
            return await add_grant(unit, caller, asked, version=version, here=here, origin=origin)

        return await change(self._db, caller, origin, add)

    async def remove(self, caller: Identity, id: int, *, origin: Origin) -> None:
        """Take a grant or a deny back. Raises `Unknown`; `Conflict` for what makes the last administrator."""

        async def remove(unit: Unit, version: int, here: Circumstances) -> None:
            kept = await self._seen(unit, caller, id, here)
            await remove_grant(unit, caller, kept, version=version, here=here, origin=origin)

        await change(self._db, caller, origin, remove)

    async def get(self, caller: Identity, id: int, *, origin: Origin) -> KeptGrant:
        """One grant that the caller may see. Raises `Unknown`."""
        return await self._seen(self._db, caller, id, await circumstances_of(self._db, caller, origin))

    async def page(
        self,
        caller: Identity,
        *,
        subject: str | None = None,
        path: str | None = None,
        after: int = 0,
        limit: int = 100,
        origin: Origin,
    ) -> list[KeptGrant]:
        """Up to `limit` grants that the caller may see, by number, those after `after`. `subject`: to this one alone;
        `path`: those that can match something at or below it. Raises `Invalid`."""
        if path:
            _check_path(path)
        here = await circumstances_of(self._db, caller, origin)
        most = min(limit, PAGE_LIMIT)
        return await visible(self._db, caller, here, subject=subject, path=path, after=after, limit=most)

    @staticmethod
    async def _seen(reader: Reader, caller: Identity, id: int, here: Circumstances) -> KeptGrant:
        row = await reader.one(GRANT, id=id)
        found = await kept_of(reader, [row]) if row is not None else []
        if not found or not sees(caller, found[0].grant, named(caller), here):
            raise Unknown(f"there is no grant {id} in your sight")
        return told(caller, found[0], here)


def _check_path(path: str) -> None:
    try:
        RepositoryName.parse(path)
    except NameInvalid as error:
        raise Invalid("path", error.reason) from error


def check_grant(new: NewGrant) -> Asked:
    """`new`, if it can be a grant. Raises `Invalid`."""
    parse_subject(new.subject)
    try:
        repository, tag = parse_scope(new.scope)
    except GlobInvalid as error:
        raise Invalid("scope", str(error)) from error
    scope = Scope(repository.text, tag.text if tag is not None else None)
    if (new.role is None) == (not new.deny):
        raise Invalid("role", "a grant has a role, and a deny has the actions that it denies instead")
    if len(new.note) > _NOTE or not (new.note.isprintable()):
        raise Invalid("note", f"a note is one line of at most {_NOTE} printable characters")
    if new.expires_at < 0:
        raise Invalid("expires_at", "a time is not before 1970")
    deny = read_actions(new.deny, "deny")
    if deny:
        check_reach("deny", deny, scope)
    effect = Effect.DENY if deny else Effect.ALLOW
    return Asked(
        new.subject,
        effect,
        new.role,
        deny,
        scope,
        read_conditions(dict(new.conditions) if new.conditions is not None else None),
        new.expires_at,
        new.note,
    )


def read_actions(names: tuple[str, ...] | list[str], field: str) -> frozenset[Action]:
    """The actions of these names. Raises `Invalid`."""
    known = {str(action): action for action in Action}
    for name in names:
        if name not in known:
            raise Invalid(field, f"{name[:64]!r} is no action: {', '.join(known)}")
    return frozenset(known[name] for name in names)


def check_reach(field: str, actions: frozenset[Action], scope: Scope) -> None:
    """Raise `Invalid` when a grant on `scope` could never mean what it names."""
    beyond = sorted(actions & SYSTEM_ACTIONS)
    if beyond and not scope.everything:
        raise Invalid(field, f"{', '.join(beyond)} is of the installation: it is granted and denied on '**' alone")
    if scope.tag is None:
        return
    if field == "deny" and actions - TAG_ACTIONS:
        raise Invalid(field, f"{', '.join(sorted(actions - TAG_ACTIONS))} is of repositories: leave the tags out")
    if not actions & TAG_ACTIONS:
        raise Invalid(field, "nothing in this role is about tags: leave them out")


async def add_grant(
    unit: Unit,
    caller: Identity,
    asked: Asked,
    *,
    version: int,
    here: Circumstances,
    origin: Origin,
    cause: Cause | None = None,
) -> KeptGrant:
    """Make a grant in a unit that moved the policy version to `version`; checks all that `Grants.add` does."""
    if asked.expires_at and asked.expires_at <= here.now:
        raise Invalid("expires_at", "this time is past")
    require_scope(caller, asked.scope, here)  # before any name is looked up
    if asked.role is None:
        actions = asked.deny
    else:
        found = (await roles_of(unit)).get(asked.role)
        if found is None:
            raise Invalid("role", f"there is no role {asked.role[:64]!r}")
        actions = found
        check_reach("role", actions, asked.scope)
        require_confer(caller, actions, asked.scope, asked.expires_at, here)
    grantee = await resolve(unit, asked.subject)
    await _check_room(unit, grantee, asked)
    made_over = reach(caller.rights, asked.scope, here)
    actor = caller.subject.actor
    row = await unit.one(
        ADD_GRANT,
        effect=int(asked.effect),
        kind=int(grantee.kind),
        subject_id=grantee.id,
        role=asked.role,
        actions=_denied(asked),
        repository=asked.scope.repository,
        tag=asked.scope.tag,
        conditions=_stored(asked.conditions),
        home=asked.scope.home,
        expires_at=asked.expires_at or None,
        note=asked.note or None,
        made_by=actor,
        made_over=made_over,
    )
    assert row is not None
    await touch(unit, grantee, version)
    if asked.effect is Effect.DENY and Action.ADMINISTER in actions:
        await require_administrator_left(unit)
    grant = Grant(
        row.id,
        asked.effect,
        grantee,
        asked.role,
        actions,
        asked.scope.repository,
        asked.scope.tag,
        asked.conditions,
        asked.expires_at,
        asked.note,
    )
    acted, why = cause or Cause(actor, {})
    await note(unit, ChangeKind.GRANT_ADDED, actor=acted, origin=origin, data={**said_of(grant), **why})
    return KeptGrant(grant, unit.now, actor, made_over)


async def remove_grant(
    unit: Unit, caller: Identity, kept: KeptGrant, *, version: int, here: Circumstances, origin: Origin
) -> None:
    """Take a grant back, in a unit that moved the policy version to `version`; the caller may see it."""
    grant = kept.grant
    if grant.effect is Effect.ALLOW:
        require_scope(caller, Scope(grant.repository, grant.tag), here)
    elif not may_lift(caller.rights, caller.subject.actor, grant, Made(kept.made_by, kept.made_over), here):
        raise Denied(
            "a deny is lifted only by who manages access on all of it, as far up as its maker did, and holds there "
            "what it denies",
            action=str(Action.MANAGE_ACCESS),
            repository=grant.repository,
        )
    await unit.run(REMOVE_GRANT, id=grant.id)
    await touch(unit, grant.grantee, version)
    if grant.effect is Effect.ALLOW and Action.ADMINISTER in grant.actions:
        await require_administrator_left(unit)
    await note(unit, ChangeKind.GRANT_REMOVED, actor=caller.subject.actor, origin=origin, data=said_of(grant))


def said_of(grant: Grant) -> dict[str, object]:
    """What the journal keeps of a grant."""
    said: dict[str, object] = {"grant": grant.id, "subject": grant.grantee.name, "scope": grant.scope}
    if grant.effect is Effect.DENY:
        said["deny"] = sorted(grant.actions)
    else:
        said["role"] = grant.role
    if grant.conditions.any:
        said["conditions"] = write_conditions(grant.conditions)
    if grant.expires_at:
        said["expires_at"] = grant.expires_at
    return said


async def _check_room(unit: Unit, grantee: Grantee, asked: Asked) -> None:
    """Raise `Conflict` when the same grant stands already, or the subject has too many."""
    count = await unit.one(COUNT_GRANTS, kind=int(grantee.kind), subject_id=grantee.id)
    if count is not None and count.total >= MOST_TO_ONE:
        raise Conflict(f"{grantee.name} has {count.total} grants already: use wider globs, or groups")
    same = await unit.one(
        SAME_GRANT,
        kind=int(grantee.kind),
        subject_id=grantee.id,
        effect=int(asked.effect),
        role=asked.role or "",
        actions=_denied(asked) or "",
        repository=asked.scope.repository,
        tag=asked.scope.tag or "",
        conditions=_stored(asked.conditions) or "",
        expires_at=asked.expires_at,
    )
    if same is not None:
        raise Conflict(f"this grant stands already: it is number {same.id}")


def _denied(asked: Asked) -> str | None:
    return json.dumps(sorted(asked.deny)) if asked.role is None else None


def _stored(conditions: Conditions) -> str | None:
    written = write_conditions(conditions)
    return json.dumps(written, sort_keys=True) if written else None
