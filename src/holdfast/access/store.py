"""Statements over accounts, the policy version and the wrapped keys."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.db.query import Command, Query


class Account(NamedTuple):
    """An account. `verifier`: of its password, None: it has none."""

    id: int
    name: str
    verifier: str | None
    disabled_at: int | None


class Standing(NamedTuple):
    """The policy version now, and those at which things last changed that a permit rests on: what touches everyone,
    the account (None: it is gone or disabled), its groups, its credential (None: it rests on none of the kind, or the
    row is gone)."""

    version: int
    everyone: int
    account: int | None
    groups: int | None
    secret: int | None
    refresh: int | None
    rule: int | None


class Certified(NamedTuple):
    """An account that may be used, and whose person does not sign in elsewhere."""

    id: int
    kind: int


class Version(NamedTuple):
    """The policy version."""

    version: int


class Wrapped(NamedTuple):
    """A key as the database holds it: wrapped by the master key."""

    wrapped: bytes


class Secret(NamedTuple):
    """A key, wrapped, and when it was made (None: by a program that did not note it)."""

    name: str
    wrapped: bytes
    made_at: int | None


class Installation(NamedTuple):
    """Which installation this database is."""

    uuid: str


ACCOUNT = Query(
    """
    select id, name, coalesce(verifier, password) as verifier, disabled_at from account
    where name = :name and gone_at is null
    """,
    Account,
)
CERTIFIED = Query(
    """
    select id, kind from account
    where name = :name and disabled_at is null and gone_at is null and provider is null
    """,
    Certified,
)
STANDING = Query(
    """
    select p.version, p.everyone,
      (select a.changed from account a where a.id = :id and a.disabled_at is null and a.gone_at is null) as account,
      (select max(g.changed) from membership m join user_group g on g.id = m.group_id where m.account_id = :id)
        as groups,
      (select s.changed from api_secret s where s.id = :secret) as secret,
      (select r.changed from refresh_token r where r.id = :refresh) as refresh,
      (select f.changed from federation_rule f where f.id = :rule) as rule
    from policy p where p.id = 1
    """,
    Standing,
)
POLICY_VERSION = Query("select version from policy where id = 1", Version)
POLICY_CHANGED = Command("update policy set version = version + 1 where id = 1")
SECRET = Query("select wrapped from secret where name = :name", Wrapped)
SECRETS = Query("select name, wrapped, made_at from secret order by name", Secret)
ADD_SECRET = Command(
    "insert into secret (name, wrapped, made_at) values (:name, :wrapped, :now) on conflict (name) do nothing"
)
REWRAP_SECRET = Command("update secret set wrapped = :wrapped where name = :name and wrapped = :was")
DROP_SECRET = Command("delete from secret where name = :name")
INSTALLATION = Query("select uuid from installation where id = 1", Installation)
ADD_INSTALLATION = Command(
    "insert into installation (id, uuid, made_at) values (1, :uuid, :now) on conflict (id) do nothing"
)


class Moved(NamedTuple):
    """The policy version after a change."""

    version: int


MOVE = Query("update policy set version = version + 1 where id = 1 returning version", Moved)
TOUCH_EVERYONE = Command("update policy set everyone = :version where id = 1")
TOUCH_ACCOUNTS = Command("update account set changed = :version where id = any(:ids)")
TOUCH_GROUP = Command("update user_group set changed = :version where id = :id")
