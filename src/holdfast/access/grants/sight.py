"""What of the rights of others a caller may see: the grants that name it or its groups, and those on paths where it
holds manage-access or read-audit."""

from __future__ import annotations

from holdfast.access.model import Identity, PathPermit
from holdfast.access.policy.delegation import manages, oversees
from holdfast.access.policy.languages import Scope, below, is_above
from holdfast.access.policy.model import Action, Circumstances, Effect, Grant


def named(caller: Identity) -> frozenset[int]:
    """The numbers of the grants that name the caller or its groups."""
    return frozenset(grant.id for grant in caller.rights.grants if grant.grantee.id)


def sees(caller: Identity, grant: Grant, own: frozenset[int], here: Circumstances) -> bool:
    """Whether the caller, whom the grants `own` name, may see `grant`."""
    return grant.id in own or oversees(caller.rights, Scope(grant.repository, grant.tag), here)


def sees_all(caller: Identity, here: Circumstances) -> bool:
    """Whether the caller may see all that there is: administrators, and auditors of everything."""
    return oversees(caller.rights, Scope("**"), here)


def knows(permit: PathPermit, path: str, *, whole: bool) -> bool:
    """Whether the holder may be told of the repository `path`, or with `whole` of anything at or below the namespace:
    by its rights alone, whatever is there."""
    if oversees_path(permit, path, whole=whole):
        return True
    shown = permit.rights.shown(permit.here)
    if not whole:
        return shown.shows(path)
    prefixes = shown.prefixes()
    return prefixes is None or any(is_above(each, path) or is_above(path, each) for each in prefixes)


def oversees_path(permit: PathPermit, path: str, *, whole: bool) -> bool:
    """Whether the holder may see who may do what in the repository `path`, or with `whole` in the whole namespace."""
    return oversees(permit.rights, below(path) if whole else Scope(path), permit.here)


def manages_path(permit: PathPermit, path: str, *, whole: bool) -> bool:
    """Whether the holder manages access on the repository `path`, or with `whole` on the whole namespace."""
    return manages(permit.rights, below(path) if whole else Scope(path), permit.here)


def sight_homes(caller: Identity) -> list[str]:
    """The paths, none inside another, on or below which lives whatever others were given that the caller may see."""
    return _homes(caller, {Action.ADMINISTER, Action.MANAGE_ACCESS, Action.READ_AUDIT})


def managed_homes(caller: Identity) -> list[str]:
    """The paths, none inside another, on or below which lies whatever the caller manages access on."""
    return _homes(caller, {Action.ADMINISTER, Action.MANAGE_ACCESS})


def _homes(caller: Identity, telling: set[Action]) -> list[str]:
    homes = {
        Scope(grant.repository).home
        for grant in caller.rights.grants
        if grant.effect is Effect.ALLOW and not telling.isdisjoint(grant.actions)
    }
    return sorted(home for home in homes if homes.isdisjoint(_above(home)))


def _above(path: str) -> list[str]:
    """The paths that `path` lies inside."""
    parts = path.split("/") if path else []
    return ["/".join(parts[:depth]) for depth in range(len(parts))]
