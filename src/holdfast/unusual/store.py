"""The statements over profiles, places, alerts and canaries. Each returns or changes a bounded number of rows."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.db.query import Command, Query


class ProfileRow(NamedTuple):
    """What is known of a subject."""

    subject: str
    data: bytes


class PlaceRow(NamedTuple):
    """Who was at a place."""

    kind: str
    name: str
    data: bytes


class NumberRow(NamedTuple):
    """A count."""

    number: int


class AlertRow(NamedTuple):
    """An alert. `closed_*` None: it is open."""

    id: int
    path: str
    subject: str
    credential: str
    network: str
    cause: str
    state: int
    score: int
    began_at: int
    last_at: int
    times: int
    findings: str
    also: str
    action: str
    closed_at: int | None
    closed_by: str | None
    note: str


class CanaryRow(NamedTuple):
    """A canary. `key_id` 0: the repository `path` is one."""

    id: int
    path: str
    key_id: int
    label: str
    made_at: int
    made_by: str


class IdRow(NamedTuple):
    """The id of a new row."""

    id: int


PROFILES = Query(
    "select subject, data from unusual_profile where subject = any(:subjects) order by subject for update", ProfileRow
)
PROFILES_OF = Query("select count(*) as number from unusual_profile where crowd = :crowd", NumberRow)
ADD_PROFILE = Command(
    """
    insert into unusual_profile (subject, crowd, data, seen_at) values (:subject, :crowd, :data, :seen_at)
    on conflict (subject) do nothing
    """
)
SET_PROFILE = Command("update unusual_profile set data = :data, seen_at = :seen_at where subject = :subject")
PLACES = Query("select kind, name, data from unusual_place where kind = :kind and name = any(:names)", PlaceRow)
PLACES_COUNT = Query("select count(*) as number from unusual_place", NumberRow)
ADD_PLACE = Command(
    """
    insert into unusual_place (kind, name, data, seen_at) values (:kind, :name, :data, :seen_at)
    on conflict (kind, name) do nothing
    """
)
SET_PLACE = Command("update unusual_place set data = :data, seen_at = :seen_at where kind = :kind and name = :name")
DROP_PROFILES = Command(
    """
    delete from unusual_profile where subject in (
      select subject from unusual_profile where crowd = :crowd and seen_at < :before order by seen_at limit :limit
    )
    """
)
DROP_PLACES = Command(
    """
    delete from unusual_place where (kind, name) in (
      select kind, name from unusual_place where seen_at < :before order by seen_at limit :limit
    )
    """
)
DROP_ALERTS = Command(
    "delete from unusual_alert where id in (select id from unusual_alert where last_at < :before limit :limit)"
)
_ALERT = """
    select id, path, subject, credential, network, cause, state, score, began_at, last_at, times, findings, also,
      action, closed_at, closed_by, note
    from unusual_alert
"""
_NEWEST = " order by id desc limit 1"
ALERT = Query(_ALERT + " where id = :id", AlertRow)
HELD_ALERT = Query(_ALERT + " where id = :id for update", AlertRow)
ALERTS = Query(_ALERT + " where id < :before order by id desc limit :limit", AlertRow)
ALERTS_IN = Query(_ALERT + " where id < :before and state = :state order by id desc limit :limit", AlertRow)
LATER_ALERTS = Query(_ALERT + " where id > :after order by id limit :limit", AlertRow)
LATER_ALERTS_IN = Query(_ALERT + " where id > :after and state = :state order by id limit :limit", AlertRow)
OPEN_OF_SUBJECT = Query(
    _ALERT + " where subject = :subject and state = 0 and cause = :cause and last_at >= :since" + _NEWEST,
    AlertRow,
)
OPEN_OF_NETWORK = Query(
    _ALERT + " where network = :network and state = 0 and cause = :cause and last_at >= :since" + _NEWEST,
    AlertRow,
)
ADD_ALERT = Query(
    """
    insert into unusual_alert
      (path, subject, credential, network, cause, score, began_at, last_at, times, findings, also, action)
    values (:path, :subject, :credential, :network, :cause, :score, :at, :at, 1, :findings, :also, :action)
    returning id
    """,
    IdRow,
)
GROW_ALERT = Command(
    """
    update unusual_alert set path = :path, score = :score, last_at = :at, times = times + 1, findings = :findings,
      also = :also, action = :action
    where id = :id
    """
)
CLOSE_ALERT = Command(
    "update unusual_alert set state = :state, closed_at = :now, closed_by = :actor, note = :note where id = :id"
)
_CANARY = "select id, path, key_id, label, made_at, made_by from canary"
CANARIES = Query(_CANARY + " where id > :after order by id limit :limit", CanaryRow)
CANARY = Query(_CANARY + " where path = :path and key_id = :key_id", CanaryRow)
CANARY_BY_ID = Query(_CANARY + " where id = :id", CanaryRow)
CANARY_COUNT = Query("select count(*) as number from canary", NumberRow)
CANARIES_AT = Query(_CANARY + " where key_id = 0 and path = any(:paths)", CanaryRow)
CANARIES_BY = Query(_CANARY + " where key_id > 0 and key_id = any(:key_ids)", CanaryRow)
ADD_CANARY = Command(
    """
    insert into canary (path, key_id, label, made_at, made_by) values (:path, :key_id, :label, :now, :made_by)
    on conflict (path, key_id) do nothing
    """
)
DROP_CANARY = Command("delete from canary where id = :id")
