"""Statements over keys and their secrets."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.db.query import Command, Query


class Held(NamedTuple):
    """A live secret, its key, and their owner."""

    id: int
    expires_at: int | None
    key_ends: int | None
    limits: str | None
    account_id: int
    name: str
    kind: int
    account_ends: int | None
    provider: int | None
    checked_at: int | None
    suspended_at: int | None
    suspended_why: str | None


class Owner(NamedTuple):
    """The account that a key is of."""

    id: int
    name: str
    kind: int
    namespace: str | None


class KeyRow(NamedTuple):
    """A key."""

    id: int
    account_id: int
    owner: str
    kind: int
    name: str
    limits: str | None
    made_at: int
    made_by: str
    expires_at: int | None
    suspended_at: int | None
    suspended_by: str | None
    suspended_why: str | None
    slowed_until: int | None


class SecretRow(NamedTuple):
    """A secret that lives."""

    id: int
    key_id: int
    hint: str
    made_at: int
    expires_at: int | None
    used_at: int | None
    used_from: str | None
    used_agent: str | None


class Suspendable(NamedTuple):
    """A key that may be suspended. `other_ways`: whether its owner has a password or a provider."""

    id: int
    account_id: int
    owner: str
    kind: int
    name: str
    suspended_at: int | None
    other_ways: int


class SoonRow(NamedTuple):
    """A key that ends soon, or that was not used for long, and whose it is. `used_at`: of its live secrets."""

    name: str
    owner: str
    kind: int
    namespace: str | None
    made_at: int
    expires_at: int | None
    used_at: int | None


class RobotKey(NamedTuple):
    """A key of a robot, and that one's namespace."""

    id: int
    namespace: str


class SecretOf(NamedTuple):
    """A secret, and the key that it is of."""

    id: int
    key_id: int


class Parent(NamedTuple):
    """The key that the caller came by."""

    id: int
    limits: str | None
    expires_at: int | None


class Actions(NamedTuple):
    """What a custom role says, as JSON."""

    actions: str


class Made(NamedTuple):
    """The id of a new row."""

    id: int


HELD = Query(
    """
    select s.id, s.expires_at, k.expires_at as key_ends, k.limits,
      a.id as account_id, a.name, a.kind, a.expires_at as account_ends, a.provider, p.checked_at,
      k.suspended_at, k.suspended_why
    from api_secret s
    join api_key k on k.id = s.key_id
    join account a on a.id = k.account_id
    left join provider_session p on p.account_id = a.id
    where s.hash = :hash and s.gone_at is null and k.gone_at is null and a.disabled_at is null and a.gone_at is null
    """,
    Held,
)
OWNER = Query("select id, name, kind, namespace from account where name = :name and gone_at is null", Owner)
_KEY = """
    select k.id, k.account_id, a.name as owner, a.kind, k.name, k.limits, k.made_at, k.made_by, k.expires_at,
      k.suspended_at, k.suspended_by, k.suspended_why, k.slowed_until
    from api_key k join account a on a.id = k.account_id
    where k.account_id = :account_id and k.gone_at is null
"""
KEY = Query(_KEY + " and k.name = :name", KeyRow)
KEYS = Query(_KEY + " and k.id > :after order by k.id limit :limit", KeyRow)
SECRETS = Query(
    """
    select id, key_id, hint, made_at, expires_at, used_at, used_from, used_agent from api_secret
    where key_id = any(:key_ids) and gone_at is null and (expires_at is null or expires_at > :now)
    """,
    SecretRow,
)
ADD_KEY = Query(
    """
    insert into api_key (account_id, name, limits, made_at, made_by, expires_at)
    values (:account_id, :name, :limits, :now, :made_by, :expires_at)
    returning id
    """,
    Made,
)
ADD_SECRET = Query(
    """
    insert into api_secret (key_id, hash, hint, made_at, changed) values (:key_id, :hash, :hint, :now, :version)
    returning id
    """,
    Made,
)
END_KEY = Command("update api_key set gone_at = :now where id = :id and gone_at is null")
END_SECRETS = Command(
    "update api_secret set gone_at = :now, changed = :version where id = any(:ids) and gone_at is null"
)
LIMIT_SECRETS = Command(
    """
    update api_secret set expires_at = :expires_at, changed = :version
    where id = any(:ids) and gone_at is null and (expires_at is null or expires_at > :expires_at)
    """
)
# The tokens that were given for the secrets of a key end with them.
END_TOKENS = Command(
    """
    update refresh_token set gone_at = :now, changed = :version
    where account_id = :account_id and secret_id = any(:ids) and gone_at is null
    """
)
KEY_OF_SECRET = Query(
    """
    select k.id, k.account_id, a.name as owner, a.kind, k.name, k.suspended_at,
      case when coalesce(a.verifier, a.password) is null and a.provider is null then 0 else 1 end as other_ways
    from api_secret s join api_key k on k.id = s.key_id join account a on a.id = k.account_id
    where s.id = :id and k.gone_at is null
    """,
    Suspendable,
)
_USED = "(select max(s.used_at) from api_secret s where s.key_id = k.id and s.gone_at is null)"
_SOON = (
    "select k.name, a.name as owner, a.kind, a.namespace, k.made_at, k.expires_at, "  # noqa: S608
    + _USED
    + " as used_at from api_key k join account a on a.id = k.account_id"
    " where k.gone_at is null and a.gone_at is null and a.disabled_at is null"
)
ENDING = Query(
    _SOON + " and k.expires_at is not null and k.expires_at > :now and k.expires_at < :until"
    " order by k.expires_at, k.id limit :limit",
    SoonRow,
)
IDLE = Query(
    _SOON + " and k.account_id = :account_id and k.made_at < :before and (k.expires_at is null or k.expires_at > :now)"
    " and coalesce(" + _USED + ", 0) < :before order by k.id limit :limit",
    SoonRow,
)
KEYS_OF_SECRETS = Query("select id, key_id from api_secret where id = any(:ids)", SecretOf)
ROBOT_KEY = Query(
    """
    select k.id, a.namespace from account a join api_key k on k.account_id = a.id
    where a.name = :robot and a.kind = 1 and a.gone_at is null and k.name = :name and k.gone_at is null
    """,
    RobotKey,
)
SUSPEND_KEY = Command("update api_key set suspended_at = :now, suspended_by = :by, suspended_why = :why where id = :id")
RESUME_KEY = Command(
    """
    update api_key set suspended_at = null, suspended_by = null, suspended_why = null, slowed_until = null
    where id = :id
    """
)
SLOW_KEY = Command("update api_key set slowed_until = :until where id = :id")
TOUCH_SECRETS = Command("update api_secret set changed = :version where key_id = :key_id and gone_at is null")
TOUCH_TOKENS = Command(
    """
    update refresh_token set changed = :version
    where account_id = :account_id and secret_id in (select id from api_secret where key_id = :key_id)
      and gone_at is null
    """
)
PARENT = Query(
    "select k.id, k.limits, k.expires_at from api_secret s join api_key k on k.id = s.key_id where s.id = :id", Parent
)
PARENT_OF_TOKEN = Query(
    """
    select k.id, k.limits, k.expires_at from refresh_token r
    join api_secret s on s.id = r.secret_id join api_key k on k.id = s.key_id where r.id = :id
    """,
    Parent,
)
ROLE = Query("select actions from role where name = :name", Actions)
# Not a change of rights: the policy version stays.
USED = Command(
    """
    update api_secret set used_at = :at, used_from = :address, used_agent = :agent
    where id = :id and (used_at is null or used_at < :at)
    """
)
