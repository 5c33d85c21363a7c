"""May this caller make that change of rights: what every management service of `access` asks before it writes.

The questions are decided from the rights that the caller was recognised with; the unit that writes proves by
`check_permit` that they still hold. A refusal speaks of the caller's own rights over what he named, and of nothing
else: it is the same whether or not the thing exists. Scopes are decided exactly (policy/delegation.py).
"""

from __future__ import annotations

from collections.abc import Iterable

from holdfast.access.errors import Conflict, Denied
from holdfast.access.model import Identity, PathPermit
from holdfast.access.policy.delegation import conferred, manages, missing
from holdfast.access.policy.globs import RepositoryGlob
from holdfast.access.policy.languages import Scope, below
from holdfast.access.policy.model import ANYWHERE, Action, Circumstances, Effect, Grant, Grantee, GranteeKind
from holdfast.access.rights import grants_of
from holdfast.access.rights_store import (
    ANONYMOUS_GRANTS,
    GROUP_GRANTS,
    LASTING_PEOPLE,
    NOW,
    ON_EVERYTHING,
    SUBJECT_GRANTS,
    GrantRow,
)
from holdfast.db.port import Reader, Unit
from holdfast.journal.model import Origin


async def circumstances_of(reader: Reader, caller: Identity, origin: Origin) -> Circumstances:
    """What the conditions of the caller's grants look at, in this request."""
    row = await reader.one(NOW)
    return Circumstances(origin.address, row.now if row is not None else 0, caller.credential.claims)


def scope_of(path_or_glob: str) -> Scope:
    """A path is itself and everything below it ('' is everything); what holds a `*` is a glob. Raises `GlobInvalid`."""
    scope = Scope(path_or_glob) if "*" in path_or_glob else below(path_or_glob)
    RepositoryGlob.parse(scope.repository)
    return scope


def require_administrator(caller: Identity, here: Circumstances = ANYWHERE) -> None:
    """Raise `Denied` unless the caller is an administrator. Without `here` (`circumstances_of`) only a grant without
    end and conditions counts."""
    if not caller.rights.system(Action.ADMINISTER, here):
        raise Denied("this needs an administrator", action=str(Action.ADMINISTER))


def manages_somewhere(caller: Identity, here: Circumstances) -> bool:
    """Whether the caller manages access on the whole of any scope."""
    if caller.rights.system(Action.ADMINISTER, here):
        return True
    return any(
        grant.effect is Effect.ALLOW
        and Action.MANAGE_ACCESS in grant.actions
        and manages(caller.rights, Scope(grant.repository), here)
        for grant in caller.rights.grants
    )


async def require_manage(reader: Reader, caller: Identity, path_or_glob: str, origin: Origin) -> None:
    """Raise `Denied` unless the caller manages access on the whole of a path (and all below it) or of a glob. Where
    there is no literal prefix: unless it is an administrator. Raises `GlobInvalid`."""
    require_scope(caller, scope_of(path_or_glob), await circumstances_of(reader, caller, origin))


def require_scope(caller: Identity | PathPermit, scope: Scope, here: Circumstances) -> None:
    """Raise `Denied` unless the caller manages access on the whole of `scope`."""
    if not manages(caller.rights, scope, here):
        whole = "an administrator" if not scope.home else f"'{Action.MANAGE_ACCESS}' on the whole of {scope.repository}"
        raise Denied(f"this needs {whole}", action=str(Action.MANAGE_ACCESS), repository=scope.repository)


def require_confer(
    caller: Identity | PathPermit, actions: Iterable[Action], scope: Scope, until: int, here: Circumstances
) -> None:
    """Raise `Denied` unless the caller may make a grant of `actions` on `scope` that lasts until `until`
    (microseconds, 0: for ever): it manages the scope, and holds there what the grant confers, without conditions."""
    require_scope(caller, scope, here)
    lacking = missing(caller.rights, conferred(actions, scope), scope, until, here)
    if lacking:
        raise Denied(
            f"you cannot pass on {', '.join(lacking)} on {scope}: that needs to be yours on the whole of it, without "
            "conditions and for as long",
            repository=scope.repository,
            actions=[str(action) for action in lacking],
        )


async def require_over_grantee(reader: Reader, caller: Identity, kind: GranteeKind, id: int, origin: Origin) -> None:
    """Raise `Denied` unless the caller could confer everything that this account (by itself and by its groups) or this
    group holds: for whatever lets the caller, or someone of its choice, act as it."""
    if kind is GranteeKind.ACCOUNT and id and id == caller.subject.id:
        return
    here = await circumstances_of(reader, caller, origin)
    for grant in await held_by(reader, kind, id):
        if grant.effect is Effect.DENY or (grant.expires_at and grant.expires_at <= here.now):
            continue
        if not may_confer(caller, grant, here):
            raise Denied("this confers rights that you cannot pass on")


def may_confer(caller: Identity, grant: Grant, here: Circumstances) -> bool:
    """Whether the caller could have made this grant."""
    scope = Scope(grant.repository, grant.tag)
    confers = conferred(grant.actions, scope)
    return manages(caller.rights, scope, here) and not missing(caller.rights, confers, scope, grant.expires_at, here)


async def held_by(reader: Reader, kind: GranteeKind, id: int) -> list[Grant]:
    """The grants to an account and its groups, to a group, or to everyone."""
    rows: list[GrantRow]
    if kind is GranteeKind.ACCOUNT:
        rows = await reader.all(SUBJECT_GRANTS, id=id)
    elif kind is GranteeKind.GROUP:
        rows = await reader.all(GROUP_GRANTS, id=id)
    else:
        rows = await reader.all(ANONYMOUS_GRANTS)
    return await grants_of(reader, rows)


async def administering(reader: Reader, now: int) -> list[Grantee]:
    """Whom a grant that has not ended makes an administrator, whatever its conditions are, and whatever is denied
    (`Rights.ever`). `now`: microseconds."""
    return [
        grant.grantee
        for grant in await grants_of(reader, await reader.all(ON_EVERYTHING))
        if grant.effect is Effect.ALLOW and Action.ADMINISTER in grant.actions and not 0 < grant.expires_at <= now
    ]


async def require_administrator_left(unit: Unit) -> None:
    """Raise `Conflict` unless, with what `unit` has written so far, a person remains who is not disabled and is an
    administrator without conditions and without end, by a grant of his own or of a local group."""
    everything = await grants_of(unit, await unit.all(ON_EVERYTHING))
    about = [grant for grant in everything if Action.ADMINISTER in grant.actions]
    allows = [g for g in about if g.effect is Effect.ALLOW and not g.conditions.any and not g.expires_at]
    denied = [g.grantee for g in about if g.effect is Effect.DENY]
    # What a provider says of its groups may change at any sign-in: they (named PROVIDER/NAME) keep nobody.
    left = await _people(unit, [grant.grantee for grant in allows if "/" not in grant.grantee.name])
    if left and denied:
        left -= await _people(unit, denied)
    if not left or any(grantee.kind is GranteeKind.ANONYMOUS for grantee in denied):
        raise Conflict("this would leave no administrator: the last one stays")


async def _people(reader: Reader, grantees: Iterable[Grantee]) -> set[int]:
    """The accounts that these grantees are, or have as members."""
    accounts = [grantee.id for grantee in grantees if grantee.kind is GranteeKind.ACCOUNT]
    groups = [grantee.id for grantee in grantees if grantee.kind is GranteeKind.GROUP]
    return {row.id for row in await reader.all(LASTING_PEOPLE, accounts=accounts, groups=groups)}
