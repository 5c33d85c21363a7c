"""What is told of the tags of a page, in a bounded number of statements, whatever they are."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from holdfast.access.model import PathPermit
from holdfast.access.policy.model import Action
from holdfast.db.port import Reader
from holdfast.oci.manifest import Kind
from holdfast.oci.name import RepositoryName, signed_digest
from holdfast.registry.browsing import store
from holdfast.registry.browsing.model import ALIASES, TagLine
from holdfast.registry.browsing.shelving import Shelved, Shelving
from holdfast.registry.details.kinds import kind_of
from holdfast.registry.details.model import ReferrerKind
from holdfast.registry.immutability.rules import Blocked, Change, Rules, blocked
from holdfast.registry.immutability.service import rules_for
from holdfast.registry.reach.showing import knows_who, may_tell

T = TypeVar("T")
_REFERRERS = 50
"""So many referrers of a tag are looked at for a signature."""


class Telling:
    """Tells of tags."""

    def __init__(self, shelving: Shelving) -> None:
        self._shelving = shelving

    async def knowing(self, work: Callable[[], Awaitable[T]]) -> T:
        """Run `work`, once more where it met a content key that another node has made since."""
        return await self._shelving.knowing(work)

    async def lines(
        self, reader: Reader, permit: PathPermit, repository: RepositoryName, repo_id: int, names: Sequence[str]
    ) -> list[TagLine]:
        """The tags of these names, in the order in which they are given; without those that are not there."""
        if not names:
            return []
        audits = permit.tags(Action.READ_AUDIT, repository).everything
        rows = await reader.all(
            store.TOLD,
            repo_id=repo_id,
            path=repository,
            names=sorted(names),
            aliases=ALIASES + 3,
            referrers=_REFERRERS,
            audits=int(audits),
        )
        unknown = {row.content_id for row in rows if row.total is None}
        known = await self._shelving.look(reader, repo_id, unknown) if unknown else {}
        rules = await rules_for(reader, repository.prefixes())
        tells_who = knows_who(permit, repository)
        allows = may_tell(permit, repository).allows
        lines = {
            row.name: _line(
                row,
                known.get(row.content_id),
                rules,
                actor=row.actor if tells_who else None,
                pulled_by=row.pulled_by if row.pulled_at else None,
                allows=allows,
            )
            for row in rows
        }
        return [lines[name] for name in names if name in lines]


def _line(
    row: store.ToldRow,
    looked: Shelved | None,
    rules: Rules,
    *,
    actor: str | None,
    pulled_by: str | None,
    allows: Callable[[str], bool],
) -> TagLine:
    shown = [
        name
        for name in (row.aliases or "").split()
        if name != row.name and signed_digest(name) is None and allows(name)
    ]
    types = [None if each == "-" else each for each in (row.referrers or "").split()]
    platforms = looked.platforms if looked is not None else tuple((row.platforms or "").split())
    return TagLine(
        name=row.name,
        digest=row.digest,
        media_type=row.media_type or "",
        artifact_type=row.artifact_type or "",
        is_index=row.kind == Kind.INDEX,
        platforms=platforms,
        size=looked.total if looked is not None else (row.total if row.total is not None else row.own),
        pushed_at=row.pushed_at,
        pushed_by=actor,
        pulled_at=row.pulled_at,
        pulled_by=pulled_by,
        locked=_rule(blocked(rules, Change.MOVE, row.name)),
        held=_rule(blocked(rules, Change.DELETE, row.name)),
        aliases=tuple(shown[:ALIASES]),
        more_aliases=len(shown) > ALIASES,
        signed=row.tagged or any(kind_of(each, {}) is ReferrerKind.SIGNATURE for each in types),
        seq=row.seq,
    )


def _rule(found: Blocked | None) -> str:
    return f"{found.rule} of {found.path or 'all repositories'}" if found is not None else ""
