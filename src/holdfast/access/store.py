"""Statements over accounts, the policy version and the wrapped keys."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.db.query import Command, Query


class Account(NamedTuple):
    """An account and the policy version of the same snapshot."""

    id: int
    name: str
    password: str | None
    disabled_at: int | None
    version: int


class Standing(NamedTuple):
    """The policy version now, and the one at which an account last changed (None: it is gone or disabled)."""

    version: int
    changed: int | None


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


class Count(NamedTuple):
    """A number of rows."""

    total: int


ACCOUNT = Query(
    """
    select a.id, a.name, a.password, a.disabled_at, p.version
    from policy p join account a on a.name = :name where p.id = 1
    """,
    Account,
)
STANDING = Query(
    """
    select p.version, a.changed from policy p left join account a on a.id = :id and a.disabled_at is null
    where p.id = 1
    """,
    Standing,
)
POLICY_VERSION = Query("select version from policy where id = 1", Version)
LOCK_POLICY = Query("select version from policy where id = 1 for update", Version)
ACCOUNTS = Query("select count(*) as total from account", Count)
ADD_ACCOUNT = Command(
    """
    insert into account (name, kind, password, made_at, changed)
    select :name, :kind, :password, :now, version from policy where id = 1
    """
)
SET_PASSWORD = Command(
    """
    update account set password = :password, changed = (select version from policy where id = 1) where name = :name
    """
)
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
