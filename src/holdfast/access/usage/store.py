"""Statements over the aggregates of use."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.db.query import Command, Query


class DayRow(NamedTuple):
    """How full a day is: its rows of permitted and of denied use, and the use that found no room."""

    allowed_rows: int
    denied_rows: int
    lost: int


class MemberRow(NamedTuple):
    """A group that an account is in."""

    account_id: int
    name: str


LOCK_DAY = Query(
    "select allowed_rows, denied_rows, count as lost from access_use_overflow where day = :day for update", DayRow
)
ADD_DAY = Command(
    """
    insert into access_use_overflow (day, allowed_rows, denied_rows, count) values (:day, 0, 0, 0)
    on conflict (day) do nothing
    """
)
SET_DAY = Command(
    """
    update access_use_overflow set allowed_rows = :allowed_rows, denied_rows = :denied_rows, count = :lost
    where day = :day
    """
)
ADD_USE = Command(
    """
    update access_use set count = count + :times,
      first_at = case when first_at < :first_at then first_at else :first_at end,
      last_at = case when last_at > :last_at then last_at else :last_at end
    where key = :key
    """
)
PUT_USE = Command(
    """
    insert into access_use (key, day, subject, groups, credential, claims, network, agent, action, repository,
      reference, allowed, count, first_at, last_at)
    values (:key, :day, :subject, :groups, :credential, :claims, :network, :agent, :action, :repository,
      :reference, :allowed, :times, :first_at, :last_at)
    """
)
MEMBERSHIPS = Query(
    """
    select m.account_id, g.name from membership m join user_group g on g.id = m.group_id
    where m.account_id = any(:ids) and g.gone_at is null
    """,
    MemberRow,
)
