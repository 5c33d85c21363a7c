"""Lists of invitations, newest first, as far as a caller may see them: those it made, and those to what it manages."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from holdfast.access.grants.sight import managed_homes
from holdfast.access.invitations.store import INVITATIONS, INVITATIONS_BELOW, INVITATIONS_BY, InvitationRow
from holdfast.access.model import Identity
from holdfast.access.policy.delegation import manages
from holdfast.access.policy.languages import Scope, is_above
from holdfast.access.policy.model import Circumstances
from holdfast.db.port import Reader

_BATCH = 500
_MOST_PATHS = 32
_Rows = Callable[[int], Awaitable[list[InvitationRow]]]


async def visible(
    reader: Reader, caller: Identity, here: Circumstances, *, path: str, closed: bool, before: int, limit: int
) -> list[InvitationRow]:
    """Up to `limit` invitations, newest first, below the number `before`, to namespaces at or below `path`; `closed`:
    also those that cannot be accepted any more."""
    rows = _rows(reader, caller, path, closed=closed)
    found: list[InvitationRow] = []
    while len(found) < limit:
        batch = await rows(before)
        found += [row for row in batch if is_above(path, row.home) and sees(caller, row, here)]
        if len(batch) < _BATCH:
            break
        before = batch[-1].id
    return found[:limit]


def sees(caller: Identity, row: InvitationRow, here: Circumstances) -> bool:
    """Whether the caller made it, or manages access on all that it gives."""
    own = bool(caller.subject.id) and row.account_id == caller.subject.id
    return own or manages(caller.rights, Scope(row.repository, row.tag), here)


def _rows(reader: Reader, caller: Identity, path: str, *, closed: bool) -> _Rows:
    """What reads the next rows among which are the visible ones."""
    all_ = int(closed)
    homes = managed_homes(caller)
    if "" in homes or len(homes) > _MOST_PATHS:
        if not path:
            return lambda before: reader.all(INVITATIONS, closed=all_, before=before, limit=_BATCH)
        homes = [path]

    async def merged(before: int) -> list[InvitationRow]:
        me = caller.subject.id
        own = await reader.all(INVITATIONS_BY, account_id=me, closed=all_, before=before, limit=_BATCH)
        rows = {row.id: row for row in own}
        for home in homes:
            low, high = f"{home}/", f"{home}0"  # '0' is the character after '/'
            found = await reader.all(
                INVITATIONS_BELOW, closed=all_, path=home, low=low, high=high, before=before, limit=_BATCH
            )
            rows |= {row.id: row for row in found}
        return [rows[id] for id in sorted(rows, reverse=True)[:_BATCH]]

    return merged
