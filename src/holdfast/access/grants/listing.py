"""Lists of grants, as far as a caller may see them.

Promises: whoever sees little costs little: what is read are the grants that name the caller, and those that live on or
below the paths where it manages access or reads the audit; every grant that stays is seen once.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from holdfast.access.errors import Unknown
from holdfast.access.grants.model import KeptGrant
from holdfast.access.grants.sight import named, sees, sees_all, sight_homes
from holdfast.access.grants.store import GRANTS, GRANTS_AROUND, GRANTS_NUMBERED, GRANTS_TO, KeptRow
from holdfast.access.model import Identity
from holdfast.access.policy.delegation import oversees
from holdfast.access.policy.languages import Scope, below, meet
from holdfast.access.policy.model import Circumstances, GranteeKind
from holdfast.access.rights import grants_of
from holdfast.access.rights_store import GrantRow
from holdfast.access.subjects import resolve
from holdfast.db.port import Reader

_BATCH = 500
_MOST_PATHS = 32
_Rows = Callable[[int], Awaitable[list[KeptRow]]]


async def visible(
    reader: Reader,
    caller: Identity,
    here: Circumstances,
    *,
    subject: str | None,
    path: str | None,
    after: int,
    limit: int,
) -> list[KeptGrant]:
    """Up to `limit` grants by number, those after `after`, that the caller may see: to `subject` alone (None: any), and
    that can match something at or below `path`. Raises `Invalid`; `Unknown`, to who sees all, for a subject that is not
    there."""
    own = named(caller)
    rows = await _rows(reader, caller, own, here, subject=subject, path=path)
    around = below(path) if path else None
    found: list[KeptGrant] = []
    while rows is not None and len(found) < limit:
        batch = await rows(after)
        for kept in await kept_of(reader, batch):
            about = around is None or meet(Scope(kept.grant.repository), around, tags=False)
            if about and sees(caller, kept.grant, own, here):
                found.append(told(caller, kept, here))
        if len(batch) < _BATCH:
            break
        after = batch[-1].id
    return found[:limit]


def tells_use(caller: Identity, kept: KeptGrant, here: Circumstances) -> bool:
    """Whether the caller, who may see a grant, is told when it was used: the use of others is for who oversees it."""
    grant = kept.grant
    own = grant.grantee.kind is GranteeKind.ACCOUNT and grant.grantee.id == caller.subject.id
    return own or oversees(caller.rights, Scope(grant.repository, grant.tag), here)


def told(caller: Identity, kept: KeptGrant, here: Circumstances) -> KeptGrant:
    """A grant as it is told to who may see it."""
    return kept if tells_use(caller, kept, here) else kept._replace(used_at=None)


async def kept_of(reader: Reader, rows: list[KeptRow]) -> list[KeptGrant]:
    """The grants that these rows say."""
    if not rows:
        return []
    grants = await grants_of(reader, [GrantRow._make(row[: len(GrantRow._fields)]) for row in rows])
    return [
        KeptGrant(grant, row.made_at, row.made_by, row.made_over, row.used_at)
        for grant, row in zip(grants, rows, strict=True)
    ]


async def _rows(
    reader: Reader,
    caller: Identity,
    own: frozenset[int],
    here: Circumstances,
    *,
    subject: str | None,
    path: str | None,
) -> _Rows | None:
    """What reads the next rows after a number, the visible ones among them; None: there are none."""
    if subject is not None:
        try:
            to = await resolve(reader, subject)
        except Unknown:  # whether it is there is told to nobody else
            if sees_all(caller, here):
                raise
            return None
        return lambda after: reader.all(GRANTS_TO, kind=int(to.kind), subject_id=to.id, after=after, limit=_BATCH)
    if path:
        parts = path.split("/")
        above = ["/".join(parts[:depth]) for depth in range(len(parts) + 1)]
        return lambda after: _around(reader, above, path, after)
    homes = sight_homes(caller)
    if "" in homes or len(homes) > _MOST_PATHS:
        return lambda after: reader.all(GRANTS, after=after, limit=_BATCH)

    async def merged(after: int) -> list[KeptRow]:
        numbers = sorted(number for number in own if number > after)[:_BATCH]
        rows = {row.id: row for row in await reader.all(GRANTS_NUMBERED, ids=numbers)} if numbers else {}
        for home in homes:
            rows |= {row.id: row for row in await _around(reader, [home], home, after)}
        return [rows[number] for number in sorted(rows)[:_BATCH]]

    return merged


async def _around(reader: Reader, homes: list[str], path: str, after: int) -> list[KeptRow]:
    """The next grants that live at one of `homes` or below `path`."""
    low, high = f"{path}/", f"{path}0"  # '0' is the character after '/'
    return await reader.all(GRANTS_AROUND, homes=homes, low=low, high=high, after=after, limit=_BATCH)
