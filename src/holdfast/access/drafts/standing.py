"""The policy that stands, read in one snapshot."""

from __future__ import annotations

import json
from typing import NamedTuple

from holdfast.access.drafts.model import Draft, GrantLine, GroupLine, RoleLine, line_of, within
from holdfast.access.drafts.store import ALL_GROUPS, ALL_MEMBERS, ALL_ROLES
from holdfast.access.model import Subject, SubjectKind
from holdfast.access.policy.globs import RepositoryGlob
from holdfast.access.policy.model import Grant
from holdfast.access.rights import grants_of, visibilities
from holdfast.access.rights_store import GRANTS_AFTER, VERSIONS
from holdfast.db.port import Reader

_BATCH = 5000


class Standing(NamedTuple):
    """Everything that decides, at policy version `version`. `grants` are those that have not ended; `members`: the
    names of members by the name of a group, those of providers too."""

    version: int
    roles: tuple[RoleLine, ...]
    groups: tuple[GroupLine, ...]
    grants: tuple[Grant, ...]
    visibility: dict[str, bool]
    members: dict[str, frozenset[str]]

    def draft(self, path: str) -> Draft:
        """The same as a file that speaks of `path`."""
        lines = tuple(line_of(grant) for grant in self.grants if within(path, home_of(grant)))
        shown = {name: public for name, public in self.visibility.items() if within(path, name)}
        if path:
            return Draft(path, None, None, lines, shown)
        return Draft("", self.roles, self.groups, lines, shown)


def home_of(grant: Grant | GrantLine) -> str:
    """Where a grant lives."""
    repository = grant.repository if isinstance(grant, Grant) else grant.scope.partition(":")[0]
    return RepositoryGlob.parse(repository).home


async def read_standing(reader: Reader, now: int) -> Standing:
    """The policy of this moment; `now`: microseconds, to leave out what has ended."""
    version = await reader.one(VERSIONS)
    grants: list[Grant] = []
    after = 0
    while True:
        rows = await reader.all(GRANTS_AFTER, after=after, limit=_BATCH)
        grants += await grants_of(reader, rows)
        if len(rows) < _BATCH:
            break
        after = rows[-1].id
    members = await _members(reader)
    groups = await reader.all(ALL_GROUPS)
    return Standing(
        version.version if version is not None else 0,
        tuple(
            RoleLine(row.name, tuple(sorted(json.loads(row.actions))), row.description)
            for row in await reader.all(ALL_ROLES)
        ),
        tuple(
            GroupLine(row.name, tuple(sorted(members.get(row.id, ()))), row.description)
            for row in groups
            if row.provider is None
        ),
        tuple(grant for grant in grants if not grant.expires_at or grant.expires_at > now),
        await visibilities(reader),
        {row.name: frozenset(members.get(row.id, ())) for row in groups},
    )


async def _members(reader: Reader) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    group_id = account_id = 0
    while True:
        rows = await reader.all(ALL_MEMBERS, group_id=group_id, account_id=account_id, limit=_BATCH)
        for row in rows:
            found.setdefault(row.group_id, []).append(Subject(1, row.name, SubjectKind(row.kind)).actor)
        if len(rows) < _BATCH:
            return found
        group_id, account_id = rows[-1].group_id, rows[-1].account_id
