"""The statements over webhooks themselves."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.db.query import Command, Query


class Id(NamedTuple):
    """The id of a webhook."""

    id: int


class Total(NamedTuple):
    """A number."""

    total: int


class WebhookRow(NamedTuple):
    """A webhook. `filter`: JSON; `sealed`: see vault.py; `changed`: moves with what the deliverer must notice."""

    id: int
    path: str
    name: str
    target: str
    shape: str
    filter: str
    sights: int
    sealed: bytes
    old_until: int | None
    signed: bool
    template: str | None
    content_type: str
    concurrency: int
    state: int
    why: str
    changed: int
    failing_since: int | None
    probe_at: int | None
    probes: int
    paused_until: int | None
    made_at: int
    made_by: str


class Subscribed(NamedTuple):
    """What is asked of a webhook when events are told."""

    id: int
    path: str
    shape: str
    filter: str
    sights: int
    made_at: int


class Busy(NamedTuple):
    """An enabled webhook that something waits for."""

    id: int
    changed: int


_COLUMNS = (
    "select id, path, name, target, shape, filter, sights, sealed, old_until, signed, template, content_type,"
    " concurrency, state, why, changed, failing_since, probe_at, probes, paused_until, made_at, made_by from webhook"
)
ONE = Query(_COLUMNS + " where id = :id and state < 2", WebhookRow)
HELD = Query(_COLUMNS + " where id = :id and state < 2 for update", WebhookRow)
PAGE = Query(_COLUMNS + " where id > :after and state < 2 order by id limit :limit", WebhookRow)
PAGE_OF = Query(_COLUMNS + " where id > :after and path = :path and state < 2 order by id limit :limit", WebhookRow)
PAGE_BEFORE = Query(_COLUMNS + " where id < :before and state < 2 order by id desc limit :limit", WebhookRow)
NAMED = Query("select id from webhook where path = :path and name = :name", Id)
COUNT = Query("select count(*) as total from webhook where state < 2", Total)
COUNT_OF = Query("select count(*) as total from webhook where path = :path and state < 2", Total)
ANY = Query("select id from webhook limit 1", Id)
SUBSCRIBED = Query(
    "select id, path, shape, filter, sights, made_at from webhook where path = any(:paths) and state = 0 order by id",
    Subscribed,
)
BUSY = Query(
    """
    select w.id, w.changed from webhook w
    where w.state = 0 and exists (select 1 from webhook_delivery d where d.webhook_id = w.id and d.state = 0)
    """,
    Busy,
)
NEW = Query(
    """
    insert into webhook (path, name, target, shape, filter, sights, sealed, signed, template, content_type,
      concurrency, made_at, made_by)
    values (:path, :name, :target, :shape, :filter, :sights, :sealed, :signed, :template, :content_type,
      :concurrency, :now, :made_by)
    returning id
    """,
    Id,
)
SEAL = Command("update webhook set sealed = :sealed where id = :id")
CHANGE = Command(
    """
    update webhook set name = :name, target = :target, shape = :shape, filter = :filter, sights = :sights,
      sealed = :sealed, template = :template, content_type = :content_type,
      concurrency = :concurrency, changed = changed + 1
    where id = :id
    """
)
ROTATE = Command(
    "update webhook set sealed = :sealed, signed = 1, old_until = :old_until, changed = changed + 1 where id = :id"
)
SET_STATE = Command(
    """
    update webhook set state = :state, why = :why, failing_since = null, probe_at = null, probes = 0,
      paused_until = null, changed = changed + 1
    where id = :id
    """
)
DELETE = Command(
    "update webhook set state = 2, name = name || '#' || cast(id as text), sealed = :sealed, changed = changed + 1"
    " where id = :id"
)
TOUCH = Command("update webhook set changed = changed + 1 where id = :id")
FAILING = Command(
    "update webhook set failing_since = :since, probe_at = :probe_at, probes = :probes where id = :id and state = 0"
)
PAUSE = Command("update webhook set paused_until = :until where id = :id")
ALL_IDS = Query("select id from webhook where id > :after order by id limit :limit", Id)
DELETED = Query("select id from webhook where state = 2 order by id limit :limit", Id)
FORGET = Command("delete from webhook where id = :id and state = 2")
# Whether there is a repository at a path.
REPOSITORY = Query("select id from repository where path = :path and gone_at is null", Id)
