"""Statements over accounts. What changes one takes `:version`, the policy version that `versions.move` returned."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.access.accounts.model import Robot, User
from holdfast.db.query import Command, Query


class Login(NamedTuple):
    """An account that somebody logs in to. `verifier`: of its password, None: it has none; `old`: it stands where
    older programs look for it; `factor`: since when a second one is asked for."""

    id: int
    name: str
    kind: int
    verifier: str | None
    old: bool
    disabled_at: int | None
    expires_at: int | None
    provider: int | None
    factor: int | None


class GroupOf(NamedTuple):
    """A group that an account is in."""

    account_id: int
    name: str


class Taken(NamedTuple):
    """An account that has a name, in other capitals perhaps; gone ones keep theirs."""

    id: int
    name: str
    gone_at: int | None


class Count(NamedTuple):
    """A number of rows."""

    total: int


class Made(NamedTuple):
    """The id of a row."""

    id: int


LOGIN = Query(
    """
    select a.id, a.name, a.kind, coalesce(a.verifier, a.password) as verifier,
      case when a.password is null then 0 else 1 end as old, a.disabled_at, a.expires_at, a.provider,
      f.confirmed_at as factor
    from account a left join second_factor f on f.account_id = a.id
    where a.name = :name and a.gone_at is null
    """,
    Login,
)
TAKEN = Query("select id, name, gone_at from account where lower(name) = lower(:name) order by id limit 1", Taken)
ANY_ACCOUNT = Query("select id from account order by id limit 1", Made)
LOCK_POLICY = Query("select version as total from policy where id = 1 for update", Count)
ADD_ACCOUNT = Query(
    """
    insert into account (name, kind, namespace, description, display, verifier, expires_at, made_at, made_by, changed)
    values (:name, :kind, :namespace, :description, :display, :verifier, :expires_at, :now, :made_by, :version)
    returning id
    """,
    Made,
)
ADD_ADMINISTRATOR = Command(
    """
    insert into access_grant (effect, subject_kind, subject_id, role, repository, home, note, made_at, made_by)
    values (0, 1, :id, 'administrator', '**', '', 'the first administrator', :now, :made_by)
    """
)
SET_VERIFIER = Command(
    """
    update account set verifier = :verifier, password = null, password_at = :now, changed = :version where id = :id
    """
)
# The same password under other parameters, or in the place of today: nobody's rights change. While a program older than
# schema 7 serves beside this one, the place where it looks is left alone.
MOVE_VERIFIER = Command(
    """
    update account set verifier = :verifier,
      password = case when exists (select 1 from node where schema < 7 and seen >= :since) then password else null end
    where id = :id and coalesce(verifier, password) = :was
    """
)
DISABLE = Command("update account set disabled_at = :now, changed = :version where id = :id and disabled_at is null")
ENABLE = Command("update account set disabled_at = null, changed = :version where id = :id and disabled_at is not null")
DESCRIBE = Command(
    "update account set description = :description, display = :display, changed = :version where id = :id"
)
CHANGE_ROBOT = Command(
    """
    update account set description = :description, expires_at = :expires_at, changed = :version where id = :id
    """
)
REMOVE = Command(
    """
    update account set gone_at = :now, verifier = null, password = null, changed = :version
    where id = :id and gone_at is null
    """
)
DROP_GRANTS = Command("delete from access_grant where subject_kind = 1 and subject_id = :id")
DROP_MEMBERSHIPS = Command("delete from membership where account_id = :id")
DROP_PROVIDER_SESSION = Command("delete from provider_session where account_id = :id")
DROP_SECOND_FACTOR = Command("delete from second_factor where account_id = :id")
DROP_RECOVERY_CODES = Command("delete from recovery_code where account_id = :id")
DROP_PROFILE = Command("delete from profile where account_id = :id")

# What a password opened: tokens that were given for it, and browsers' sessions.
END_LOGIN_TOKENS = Command(
    """
    update refresh_token set gone_at = :now, changed = :version
    where account_id = :id and gone_at is null and secret_id is null
    """
)
END_TOKENS = Command(
    "update refresh_token set gone_at = :now, changed = :version where account_id = :id and gone_at is null"
)
END_SESSIONS = Command("delete from web_session where account_id = :id")
END_KEYS = Command("update api_key set gone_at = :now where account_id = :id and gone_at is null")
END_SECRETS = Command(
    """
    update api_secret set gone_at = :now, changed = :version
    where gone_at is null and key_id in (select k.id from api_key k where k.account_id = :id)
    """
)

_USER = """
    select a.id, a.name, a.description, a.display, p.name as provider, a.groups_note,
      case when coalesce(a.verifier, a.password) is null then 0 else 1 end as has_password,
      case when f.confirmed_at is null then 0 else 1 end as second_factor,
      a.password_at, a.made_at, a.made_by, a.signed_in_at, a.disabled_at, a.changed
    from account a left join identity_provider p on p.id = a.provider
    left join second_factor f on f.account_id = a.id
"""
USER = Query(_USER + " where a.name = :name and a.kind = 0 and a.gone_at is null", User)
GROUPS_OF = Query(
    """
    select m.account_id, g.name from membership m join user_group g on g.id = m.group_id
    where m.account_id = any(:ids) and g.gone_at is null
    """,
    GroupOf,
)
USERS = Query(_USER + " where a.name > :after and a.kind = 0 and a.gone_at is null order by a.name limit :limit", User)
_ROBOT = """
    select id, name, namespace, description, made_at, made_by, expires_at, disabled_at, changed from account
"""
ROBOT = Query(_ROBOT + " where name = :name and kind = 1 and gone_at is null", Robot)
ROBOTS = Query(_ROBOT + " where name > :after and kind = 1 and gone_at is null order by name limit :limit", Robot)
ROBOTS_OF = Query(
    _ROBOT + " where namespace = :namespace and name > :after and gone_at is null order by name limit :limit", Robot
)
