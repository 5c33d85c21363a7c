"""What an explanation needs to know of a subject."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.db.query import Query


class StateRow(NamedTuple):
    """Whether an account may be used at all."""

    disabled_at: int | None
    expires_at: int | None


class MemberRow(NamedTuple):
    """An account that a group has as a member."""

    id: int
    name: str
    kind: int


STATE = Query("select disabled_at, expires_at from account where id = :id and gone_at is null", StateRow)
HOLDERS = Query(
    """
    select a.id, a.name, a.kind from account a
    where a.gone_at is null and a.name > :after and (
      a.id in (select g.subject_id from access_grant g where g.subject_kind = 1 and g.home = any(:homes))
      or a.id in (
        select m.account_id from membership m join access_grant g on g.subject_kind = 2 and g.subject_id = m.group_id
        where g.home = any(:homes)))
    order by a.name limit :limit
    """,
    MemberRow,
)
