"""What an explanation needs to know of a subject."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.db.query import Query


class StateRow(NamedTuple):
    """Whether an account may be used at all."""

    disabled_at: int | None
    expires_at: int | None


class MemberRow(NamedTuple):
    """An account that may hold something, and whether it may be used at all."""

    id: int
    name: str
    kind: int
    disabled_at: int | None
    expires_at: int | None


class HeldRow(NamedTuple):
    """A grant, how its subject is called, and the account that it reaches."""

    id: int
    effect: int
    subject_kind: int
    subject_id: int
    role: str | None
    actions: str | None
    repository: str
    tag: str | None
    conditions: str | None
    expires_at: int | None
    note: str | None
    account_name: str | None
    account_kind: int | None
    group_name: str | None
    holder: int


STATE = Query("select disabled_at, expires_at from account where id = :id and gone_at is null", StateRow)
HOLDERS = Query(
    """
    select a.id, a.name, a.kind, a.disabled_at, a.expires_at from account a
    where a.gone_at is null and a.name > :after and (
      a.id in (select g.subject_id from access_grant g where g.subject_kind = 1 and g.home = any(:homes))
      or a.id in (
        select m.account_id from membership m join access_grant g on g.subject_kind = 2 and g.subject_id = m.group_id
        where g.home = any(:homes)))
    order by a.name limit :limit
    """,
    MemberRow,
)
_HELD = """
    select g.id, g.effect, g.subject_kind, g.subject_id, g.role, g.actions, g.repository, g.tag, g.conditions,
      g.expires_at, g.note, a.name as account_name, a.kind as account_kind, u.name as group_name
"""
# Of many accounts at once: what names them, and what names their groups, at these homes.
HELD = Query(
    _HELD
    + """
      , g.subject_id as holder
    from access_grant g
    join account a on a.id = g.subject_id
    left join user_group u on u.id = 0
    where g.subject_kind = 1 and g.subject_id = any(:ids) and g.home = any(:homes)
    union all
    """
    + _HELD
    + """
      , m.account_id as holder
    from membership m
    join user_group u on u.id = m.group_id and u.gone_at is null
    join access_grant g on g.subject_kind = 2 and g.subject_id = m.group_id
    left join account a on a.id = 0
    where m.account_id = any(:ids) and g.home = any(:homes)
    """,
    HeldRow,
)
