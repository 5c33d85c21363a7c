"""Statements over the aggregates of use."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.access.usage.model import KeptUse
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


class LostRow(NamedTuple):
    """Use that is not in the aggregates."""

    lost: int


class OldDay(NamedTuple):
    """A day."""

    day: int


class OldUse(NamedTuple):
    """The key of an aggregate."""

    key: bytes


class LastRow(NamedTuple):
    """When a reference was pulled last."""

    reference: str
    last_at: int


class PullRow(NamedTuple):
    """How often somebody pulled by one reference, in one way."""

    subject: str
    agent: str
    network: str
    reference: str
    times: int
    first_at: int
    last_at: int


class Number(NamedTuple):
    """One number, None where there is none."""

    number: int | None


class PlaceRow(NamedTuple):
    """The highest place that a batch of the feed has got."""

    pos: int


class BatchRow(NamedTuple):
    """A batch of the feed: JSON, a list of lists in the order of `FedUse`."""

    pos: int
    uses: str


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
MARK_GRANT = Command("update access_grant set used_at = :at where id = :id and (used_at is null or used_at < :at)")
MEMBERSHIPS = Query(
    """
    select m.account_id, g.name from membership m join user_group g on g.id = m.group_id
    where m.account_id = any(:ids) and g.gone_at is null
    """,
    MemberRow,
)
USES_SINCE = Query(
    """
    select key, day, subject, groups, credential, claims, network, agent, action, repository, reference, allowed,
      count as times, first_at, last_at
    from access_use where key > :after and day >= :since order by key limit :limit
    """,
    KeptUse,
)
LOST_SINCE = Query(
    "select cast(coalesce(sum(count), 0) as bigint) as lost from access_use_overflow where day >= :since", LostRow
)
LAST_PULLS = Query(
    """
    select reference, max(last_at) as last_at from access_use
    where repository = :repository and action = 'pull' and allowed = 1 and reference <> '' group by reference
    """,
    LastRow,
)
PULLS = Query(
    """
    select subject, agent, network, reference, cast(sum(count) as bigint) as times, min(first_at) as first_at,
      max(last_at) as last_at
    from access_use
    where repository = :repository and reference = any(:references) and day >= :since and action = 'pull'
      and allowed = 1
    group by subject, agent, network, reference
    order by max(last_at) desc limit :limit
    """,
    PullRow,
)
OLD_DAY = Query("select day from access_use where day < :before order by day limit 1", OldDay)
OLD_USES = Query("select key from access_use where day = :day order by key limit :limit", OldUse)
DROP_USES = Command("delete from access_use where day = :day and key <= :last")
DROP_DAYS = Command("delete from access_use_overflow where day < :before")

# -- the feed ---------------------------------------------------------------------------------------------------------

ADD_BATCH = Command("insert into use_feed (at, uses) values (:now, :uses)")
UNPLACED = Query("select min(id) as number from use_feed where pos is null", Number)
LOCK_PLACES = Query("select pos from use_place where id = 1 for update skip locked", PlaceRow)
PLACES = Query("select pos from use_place where id = 1", PlaceRow)
SET_PLACES = Command("update use_place set pos = :pos where id = 1")
WAITING_BATCHES = Query("select id as number from use_feed where pos is null order by id limit :limit", Number)
PLACE_BATCHES = Command(
    """
    update use_feed set pos = placed.pos
    from (select id, :base + row_number() over (order by id) as pos from use_feed where id = any(:ids)) placed
    where use_feed.id = placed.id
    """
)
BATCHES = Query("select pos, uses from use_feed where pos > :after order by pos limit :limit", BatchRow)
DROPPABLE = Query("select min(pos) as number from use_feed where pos <= :through or at < :before", Number)
DROP_BATCHES = Command("delete from use_feed where pos <= :through or at < :before")
