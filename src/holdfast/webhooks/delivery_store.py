"""The statements over deliveries and their attempts. Each returns or changes a bounded number of rows."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.db.query import Command, Query


class DeliveryRow(NamedTuple):
    """A delivery. `pos`: the place of its event; `part`: so many of its bodies were taken."""

    webhook_id: int
    pos: int
    kind: str
    path: str
    state: int
    part: int
    attempts: int
    made_at: int
    due_at: int
    until_at: int
    ended_at: int | None


class AttemptRow(NamedTuple):
    """An attempt. `at`: microseconds; `ms`: how long it took; `request`, `answer`: headers as JSON."""

    n: int
    at: int
    ms: int
    part: int
    status: int | None
    error: str
    request: str
    answer: str
    body: str


class Place(NamedTuple):
    """The place of a delivery."""

    pos: int


class StandingRow(NamedTuple):
    """How a webhook stands: deliveries that wait, and what came of its newest ones lately."""

    webhook_id: int
    waiting: int
    delivered: int
    given_up: int


class LastRow(NamedTuple):
    """The last attempt at a delivery. `status` None: there was no answer."""

    pos: int
    at: int
    ms: int
    status: int | None
    error: str


# One statement for many: `rows` is a JSON array of [webhook_id, pos, kind, path].
class TroubledRow(NamedTuple):
    """A webhook that needs somebody. `failing_since`: its target does not answer since then; `given_up`: so many
    events it was not told."""

    id: int
    path: str
    name: str
    failing_since: int | None
    given_up: int


ADD = Command(
    """
    insert into webhook_delivery (webhook_id, pos, kind, path, made_at, due_at, until_at)
    select cast(value ->> 0 as bigint), cast(value ->> 1 as bigint), value ->> 2, value ->> 3, :made_at, :made_at,
      :until_at
    from each(:rows) where true
    on conflict (webhook_id, pos) do nothing
    """
)
# The same for events that are told again: those that ended wait once more.
ADD_AGAIN = Command(
    """
    insert into webhook_delivery (webhook_id, pos, kind, path, made_at, due_at, until_at)
    select cast(value ->> 0 as bigint), cast(value ->> 1 as bigint), value ->> 2, value ->> 3, :made_at, :made_at,
      :until_at
    from each(:rows) where true
    on conflict (webhook_id, pos) do update set state = 0, part = 0, due_at = excluded.due_at,
      until_at = excluded.until_at, ended_at = null
      where webhook_delivery.state > 0
    """
)
ADD_ENDED = Command(
    """
    insert into webhook_delivery (webhook_id, pos, kind, path, state, attempts, made_at, due_at, until_at, ended_at)
    values (:webhook_id, :pos, :kind, :path, :state, 1, :now, :now, :now, :now)
    on conflict (webhook_id, pos) do nothing
    """
)
# `rows`: [webhook_id, pos, n, at, ms, part, status, error, request, answer, body].
ADD_ATTEMPTS = Command(
    """
    insert into webhook_attempt (webhook_id, pos, n, at, ms, part, status, error, request, answer, body)
    select cast(value ->> 0 as bigint), cast(value ->> 1 as bigint), cast(value ->> 2 as bigint),
      cast(value ->> 3 as bigint), cast(value ->> 4 as bigint), cast(value ->> 5 as bigint),
      cast(value ->> 6 as bigint), value ->> 7, value ->> 8, value ->> 9, value ->> 10
    from each(:rows) where true
    on conflict (webhook_id, pos, n) do nothing
    """
)
# `rows`: [webhook_id, pos, state, part, attempts, due_at]; what somebody ended meanwhile stays as it is.
SETTLE = Command(
    """
    update webhook_delivery set state = said.state, part = said.part, attempts = said.attempts, due_at = said.due_at,
      ended_at = case when said.state > 0 then :now end
    from (
      select cast(value ->> 0 as bigint) as webhook_id, cast(value ->> 1 as bigint) as pos,
        cast(value ->> 2 as bigint) as state, cast(value ->> 3 as bigint) as part,
        cast(value ->> 4 as bigint) as attempts, cast(value ->> 5 as bigint) as due_at
      from each(:rows)
    ) said
    where webhook_delivery.webhook_id = said.webhook_id and webhook_delivery.pos = said.pos
      and webhook_delivery.state = 0
    """
)

_COLUMNS = (
    "select webhook_id, pos, kind, path, state, part, attempts, made_at, due_at, until_at, ended_at"
    " from webhook_delivery"
)
WAITING = Query(
    _COLUMNS + " where webhook_id = :webhook_id and state = 0 and pos > :after order by pos limit :limit", DeliveryRow
)
LANE = Query(
    _COLUMNS + " where webhook_id = :webhook_id and path = :path and state = 0 and pos > :after"
    " order by pos limit :limit",
    DeliveryRow,
)
ONE = Query(_COLUMNS + " where webhook_id = :webhook_id and pos = :pos", DeliveryRow)
NEWEST = Query(
    _COLUMNS + " where webhook_id = :webhook_id and pos < :before order by pos desc limit :limit", DeliveryRow
)
NEWEST_WAITING = Query(
    _COLUMNS + " where webhook_id = :webhook_id and state = 0 and pos < :before order by pos desc limit :limit",
    DeliveryRow,
)
NEWEST_GIVEN_UP = Query(
    _COLUMNS + " where webhook_id = :webhook_id and state = 2 and pos < :before order by pos desc limit :limit",
    DeliveryRow,
)
LATER = Query(
    _COLUMNS + " where webhook_id = :webhook_id and pos > :after and pos < :before order by pos limit :limit",
    DeliveryRow,
)
GIVEN_UP = Query(
    _COLUMNS + " where webhook_id = :webhook_id and state = 2 and pos > :after order by pos limit :limit", DeliveryRow
)
ATTEMPTS = Query(
    """
    select n, at, ms, part, status, error, request, answer, body from webhook_attempt
    where webhook_id = :webhook_id and pos = :pos order by n desc limit :limit
    """,
    AttemptRow,
)
LAST_ATTEMPTS = Query(
    """
    select a.pos, a.at, a.ms, a.status, a.error from webhook_attempt a
    where a.webhook_id = :webhook_id and a.pos = any(:places) and a.n = (
      select max(n.n) from webhook_attempt n where n.webhook_id = a.webhook_id and n.pos = a.pos
    )
    """,
    LastRow,
)
# `rows`: a JSON array of [webhook_id]; `limit`: of each at most so many are looked at, from the newest on.
STANDING = Query(
    """
    select cast(v.value ->> 0 as bigint) as webhook_id,
      (select count(*) from (
        select 1 as one from webhook_delivery w where w.webhook_id = cast(v.value ->> 0 as bigint) and w.state = 0
        limit :limit
      ) waits) as waiting,
      (select count(*) from (
        select d.state, d.ended_at from webhook_delivery d
        where d.webhook_id = cast(v.value ->> 0 as bigint) and d.pos < :ping order by d.pos desc limit :limit
      ) newest where newest.state = 1 and newest.ended_at >= :since) as delivered,
      (select count(*) from (
        select d.state, d.ended_at from webhook_delivery d
        where d.webhook_id = cast(v.value ->> 0 as bigint) and d.pos < :ping order by d.pos desc limit :limit
      ) newest where newest.state = 2 and newest.ended_at >= :since) as given_up
    from each(:rows) v
    """,
    StandingRow,
)
# Webhooks whose target does not answer, or that gave something up since a time; of each `most` are counted.
TROUBLED = Query(
    """
    select w.id, w.path, w.name, w.failing_since,
      (select count(*) from (
        select d.pos from webhook_delivery d
        where d.webhook_id = w.id and d.state = 2 and d.ended_at >= :since limit :most
      ) as given) as given_up
    from webhook w
    where w.id > :after and w.state = 0 and (w.failing_since is not null or exists (
      select 1 from webhook_delivery d where d.webhook_id = w.id and d.state = 2 and d.ended_at >= :since
    ))
    order by w.id limit :limit
    """,
    TroubledRow,
)
AGAIN = Command(
    """
    update webhook_delivery set state = 0, part = 0, due_at = :now, until_at = :until, ended_at = null
    where webhook_id = :webhook_id and pos = any(:places) and pos < :ping
    """
)
GIVE_UP = Command(
    """
    update webhook_delivery set state = 2, ended_at = :now
    where webhook_id = :webhook_id and state = 0 and pos = any(:places)
    """
)

# -- forgetting -------------------------------------------------------------------------------------------------------

# The place that so many newer ones follow.
KEPT_FROM = Query(
    "select pos from webhook_delivery where webhook_id = :webhook_id order by pos desc limit 1 offset :kept",
    Place,
)
WAITING_FROM = Query(
    "select pos from webhook_delivery where webhook_id = :webhook_id and state = 0"
    " order by pos desc limit 1 offset :kept",
    Place,
)
OVERDUE = Query(
    "select pos from webhook_delivery where webhook_id = :webhook_id and state = 0 and pos <= :through"
    " order by pos limit :limit",
    Place,
)
ENDED = Query(
    "select pos from webhook_delivery where webhook_id = :webhook_id and state > 0 and pos <= :through"
    " order by pos limit :limit",
    Place,
)
ENDED_BEFORE = Query(
    "select pos from webhook_delivery where webhook_id = :webhook_id and state > 0 and ended_at < :before"
    " order by pos limit :limit",
    Place,
)
EVERY = Query("select pos from webhook_delivery where webhook_id = :webhook_id order by pos limit :limit", Place)
DROP_ATTEMPTS = Command("delete from webhook_attempt where webhook_id = :webhook_id and pos = any(:places)")
DROP = Command("delete from webhook_delivery where webhook_id = :webhook_id and pos = any(:places)")
