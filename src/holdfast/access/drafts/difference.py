"""What a policy file would change. Pure."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.access.drafts.model import Draft, GrantLine, GroupLine, RoleLine


class Change(NamedTuple):
    """One step. `kind`: what is changed (`role`, `group`, `member`, `grant`, `visibility`); `how`: `add`, `change` or
    `remove`; `said`: for people; `line`: what is to be done, by the kind."""

    kind: str
    how: str
    said: str
    line: RoleLine | GroupLine | GrantLine | tuple[str, str] | tuple[str, bool | None]


def difference(now: Draft, wanted: Draft) -> list[Change]:
    """The steps from `now` to `wanted`, of what `wanted` speaks of; in an order in which each can be made: what is
    given comes before what is taken."""
    found: list[Change] = []
    if wanted.roles is not None:
        found += _roles(now.roles or (), wanted.roles)
    if wanted.groups is not None:
        found += _groups(now.groups or (), wanted.groups)
    if wanted.grants is not None:
        found += _grants(now.grants or (), wanted.grants)
    if wanted.visibility is not None:
        found += _visibility(dict(now.visibility or {}), dict(wanted.visibility))
    order = {
        (kind, how): place
        for place, (kind, how) in enumerate(
            [
                *[(kind, how) for kind in ("role", "group") for how in ("add", "change")],
                *[("member", "add"), ("grant", "add"), ("visibility", "change")],
                *[(kind, "remove") for kind in ("grant", "member", "group", "role")],
            ]
        )
    }
    return sorted(found, key=lambda change: order[change.kind, change.how])


def _roles(now: tuple[RoleLine, ...], wanted: tuple[RoleLine, ...]) -> list[Change]:
    had = {role.name: role for role in now}
    found = []
    for role in wanted:
        said = f"role {role.name}: {', '.join(role.actions)}"
        if role.name not in had:
            found.append(Change("role", "add", said, role))
        elif had[role.name] != role:
            found.append(Change("role", "change", said, role))
    names = {role.name for role in wanted}
    return found + [Change("role", "remove", f"role {role.name}", role) for role in now if role.name not in names]


def _groups(now: tuple[GroupLine, ...], wanted: tuple[GroupLine, ...]) -> list[Change]:
    had = {group.name: group for group in now}
    found = []
    for group in wanted:
        before = had.get(group.name)
        if before is None:
            found.append(Change("group", "add", f"group {group.name}", group))
        members = set(before.members) if before is not None else set()
        for member in sorted(set(group.members) - members):
            found.append(Change("member", "add", f"{member} in group {group.name}", (group.name, member)))
        for member in sorted(members - set(group.members)):
            found.append(Change("member", "remove", f"{member} in group {group.name}", (group.name, member)))
    names = {group.name for group in wanted}
    return found + [Change("group", "remove", f"group {group.name}", group) for group in now if group.name not in names]


def _grants(now: tuple[GrantLine, ...], wanted: tuple[GrantLine, ...]) -> list[Change]:
    had = {grant.same for grant in now}
    kept = {grant.same for grant in wanted}
    return [Change("grant", "add", grant.said, grant) for grant in wanted if grant.same not in had] + [
        Change("grant", "remove", grant.said, grant) for grant in now if grant.same not in kept
    ]


def _visibility(now: dict[str, bool], wanted: dict[str, bool]) -> list[Change]:
    found = []
    for path in sorted(set(now) | set(wanted)):
        if now.get(path) != wanted.get(path):
            public = wanted.get(path)
            word = "as above it" if public is None else "public" if public else "private"
            found.append(Change("visibility", "change", f"{path or 'everything'} is {word}", (path, public)))
    return found
