"""Statements over requests for access. Those of accounts that are gone are told to nobody."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.db.query import Command, Query


class RequestRow(NamedTuple):
    """A request, and who asks."""

    id: int
    account_id: int
    asker: str
    action: str
    repository: str
    tag: str
    note: str
    made_at: int
    expires_at: int
    state: int
    decided_at: int | None
    decided_by: str | None
    reason: str | None
    grant_id: int | None
    given: str | None


class Id(NamedTuple):
    """A number."""

    id: int


class Counts(NamedTuple):
    """Of one person: requests that are open, and those that were made lately."""

    waiting: int
    lately: int


_REQUEST = """
    select r.id, r.account_id, a.name as asker, r.action, r.repository, r.tag, r.note, r.made_at, r.expires_at, r.state,
      r.decided_at, r.decided_by, r.reason, r.grant_id, r.given
    from access_request r join account a on a.id = r.account_id
    where a.gone_at is null
"""
_OPEN = " and (cast(:closed as integer) = 1 or (r.state = 0 and r.expires_at > :now))"
_PAGE = " and r.id < :before order by r.id desc limit :limit"
REQUEST = Query(_REQUEST + " and r.id = :id", RequestRow)
REQUESTS = Query(_REQUEST + _OPEN + _PAGE, RequestRow)
REQUESTS_OF = Query(_REQUEST + _OPEN + " and r.account_id = :account_id" + _PAGE, RequestRow)
REQUESTS_BELOW = Query(
    _REQUEST + _OPEN + " and (r.repository = :path or (r.repository >= :low and r.repository < :high))" + _PAGE,
    RequestRow,
)
LOCK_ASKER = Query("select id from account where id = :account_id for update", Id)
END_OLD = Command(
    """
    update access_request set state = 4, decided_at = expires_at
    where account_id = :account_id and state = 0 and expires_at <= :now
    """
)
COUNT = Query(
    """
    select coalesce(sum(case when state = 0 then 1 else 0 end), 0) as waiting,
      coalesce(sum(case when made_at > :since then 1 else 0 end), 0) as lately
    from access_request where account_id = :account_id
    """,
    Counts,
)
SAME = Query(
    """
    select id from access_request
    where account_id = :account_id and repository = :repository and tag = :tag and action = :action and state = 0
    """,
    Id,
)
ADD = Query(
    """
    insert into access_request (account_id, action, repository, tag, note, made_at, expires_at, state)
    values (:account_id, :action, :repository, :tag, :note, :now, :expires_at, 0)
    returning id
    """,
    Id,
)
DECIDE = Command(
    """
    update access_request set state = :state, decided_at = :now, decided_by = :by, reason = :reason
    where id = :id and state = 0 and expires_at > :now
    """
)
GIVEN = Command("update access_request set grant_id = :grant_id, given = :given where id = :id")
FORGET = Command(
    """
    delete from access_request where id in (
      select id from access_request where expires_at < :before order by expires_at limit :limit)
    """
)
