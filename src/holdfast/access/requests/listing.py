"""Lists of requests, newest first, as far as a caller may see them: its own, and those about what it manages.

Promises: whoever manages little costs little: what is read are the requests about repositories on or below the paths
where it manages access; every request that stays is seen once.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from holdfast.access.grants.sight import managed_homes
from holdfast.access.model import Identity, Subject
from holdfast.access.policy.delegation import manages
from holdfast.access.policy.languages import Scope, is_above
from holdfast.access.policy.model import Action, Circumstances
from holdfast.access.requests.model import AccessRequest, Decision, RequestState
from holdfast.access.requests.store import REQUESTS, REQUESTS_BELOW, REQUESTS_OF, RequestRow
from holdfast.db.port import Reader

_BATCH = 500
_MOST_PATHS = 32
_Rows = Callable[[int], Awaitable[list[RequestRow]]]


async def visible(
    reader: Reader,
    caller: Identity,
    here: Circumstances,
    *,
    own: bool,
    path: str,
    closed: bool,
    before: int,
    limit: int,
) -> list[AccessRequest]:
    """Up to `limit` requests, newest first, below the number `before`: the caller's `own`, or those that it may decide,
    about repositories at or below `path`; `closed`: also those that are not open any more."""
    rows = _of(reader, caller, closed=closed) if own else _about(reader, caller, path, closed=closed)
    found: list[AccessRequest] = []
    while rows is not None and len(found) < limit:
        batch = await rows(before)
        for row in batch:
            seen = own or manages(caller.rights, Scope(row.repository), here)
            if seen and is_above(path, row.repository):
                found.append(request_of(row, here.now))
        if len(batch) < _BATCH:
            break
        before = batch[-1].id
    return found[:limit]


def own_of(caller: Identity, row: RequestRow) -> bool:
    """Whether the caller asked."""
    return bool(caller.subject.id) and row.account_id == caller.subject.id


def request_of(row: RequestRow, now: int) -> AccessRequest:
    """The request that a row says, at `now`."""
    state = Decision(row.state)
    if state is Decision.OPEN and row.expires_at <= now:
        state = Decision.EXPIRED
    return AccessRequest(
        row.id,
        Subject(row.account_id, row.asker).actor,
        Action(row.action),
        row.repository,
        row.tag or None,
        row.note,
        row.made_at,
        row.expires_at,
        RequestState(state.name.lower()),
        row.decided_at or 0,
        row.decided_by or "",
        row.reason or "",
        row.grant_id or 0,
        row.given or "",
    )


def _of(reader: Reader, caller: Identity, *, closed: bool) -> _Rows | None:
    if not caller.subject.id:
        return None
    me, all_ = caller.subject.id, int(closed)
    return lambda before: reader.all(REQUESTS_OF, account_id=me, closed=all_, before=before, limit=_BATCH)


def _about(reader: Reader, caller: Identity, path: str, *, closed: bool) -> _Rows | None:
    """What reads the next rows among which are those that the caller may decide; None: there are none."""
    all_ = int(closed)
    homes = managed_homes(caller)
    if not homes:
        return None
    if path:
        homes = [path]
    if "" in homes or len(homes) > _MOST_PATHS:
        return lambda before: reader.all(REQUESTS, closed=all_, before=before, limit=_BATCH)

    async def merged(before: int) -> list[RequestRow]:
        rows: dict[int, RequestRow] = {}
        for home in homes:
            low, high = f"{home}/", f"{home}0"  # '0' is the character after '/'
            found = await reader.all(
                REQUESTS_BELOW, closed=all_, path=home, low=low, high=high, before=before, limit=_BATCH
            )
            rows |= {row.id: row for row in found}
        return [rows[id] for id in sorted(rows, reverse=True)[:_BATCH]]

    return merged
