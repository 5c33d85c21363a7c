"""Statements over signing keys, refresh tokens, and the ids of the repositories that tokens are asked for."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.db.query import Command, Query


class KeyRow(NamedTuple):
    """A signing key. `public`: JWK as JSON; `ends_at`: until when it is believed, None: it has no successor."""

    kid: str
    public: str
    wrapped: bytes
    signs_from: int
    ends_at: int | None


class RepositoryRow(NamedTuple):
    """The id of a repository that is there."""

    path: str
    id: int


class RefreshRow(NamedTuple):
    """A refresh token that has not ended."""

    id: int
    account_id: int
    expires_at: int
    used_at: int | None


class SessionRow(NamedTuple):
    """A refresh token as its owner sees it."""

    id: int
    account_id: int
    account: str
    secret_id: int | None
    service: str
    client: str
    made_at: int
    expires_at: int
    used_at: int | None
    used_from: str | None
    used_agent: str | None


class OwnerRow(NamedTuple):
    """Whose refresh token it is."""

    account_id: int
    account: str
    kind: int
    namespace: str | None
    secret_id: int | None


class LiveRow(NamedTuple):
    """How many refresh tokens an account has, and where its holder signs in (None: here)."""

    total: int
    provider: int | None


SIGNING_KEYS = Query(
    """
    select kid, public, wrapped, signs_from, ends_at from signing_key
    where purpose = :purpose and (ends_at is null or ends_at > :now) order by signs_from, id
    """,
    KeyRow,
)
ADD_SIGNING_KEY = Command(
    """
    insert into signing_key (kid, purpose, public, wrapped, made_at, signs_from)
    values (:kid, :purpose, :public, :wrapped, :now, :signs_from)
    """
)
END_SIGNING_KEYS = Command(
    """
    update signing_key set ends_at = :ends_at
    where purpose = :purpose and kid <> :kid and (ends_at is null or ends_at > :ends_at)
    """
)
REPOSITORY_IDS = Query(
    "select path, id from repository where path = any(:paths) and gone_at is null and seq > 0", RepositoryRow
)
ADD_REFRESH = Command(
    """
    insert into refresh_token (account_id, secret_id, proof, hash, service, client, made_at, expires_at, changed)
    select :account_id, :secret_id, :proof, :hash, :service, :client, :now, :expires_at, version
    from policy where id = 1
    """
)
REFRESH = Query(
    """
    select id, account_id, expires_at, used_at from refresh_token
    where hash = :hash and gone_at is null and expires_at > :now
    """,
    RefreshRow,
)
REFRESH_USED = Command(
    "update refresh_token set used_at = :now, used_from = :address, used_agent = :agent where id = :id"
)
LIVE_REFRESH = Query(
    """
    select (select count(*) from refresh_token where account_id = :account_id and gone_at is null) as total, provider
    from account where id = :account_id
    """,
    LiveRow,
)
DROP_ENDED = Command("delete from refresh_token where account_id = :account_id and expires_at <= :now")
_SESSIONS = """
    select r.id, r.account_id, a.name as account, r.secret_id, r.service, r.client, r.made_at, r.expires_at, r.used_at,
      r.used_from, r.used_agent
    from refresh_token r join account a on a.id = r.account_id
"""
SESSIONS = Query(
    _SESSIONS
    + """
    where r.account_id = :account_id and r.id > :after and r.gone_at is null and r.expires_at > :now
    order by r.id limit :limit
    """,
    SessionRow,
)
OWNER = Query(
    """
    select r.account_id, a.name as account, a.kind, a.namespace, r.secret_id
    from refresh_token r join account a on a.id = r.account_id
    where r.id = :id and r.gone_at is null and r.expires_at > :now
    """,
    OwnerRow,
)
OWNER_BY_NAME = Query(
    """
    select id as account_id, name as account, kind, namespace, cast(null as bigint) as secret_id
    from account where name = :name and gone_at is null
    """,
    OwnerRow,
)
END_REFRESH = Command("update refresh_token set gone_at = :now, changed = :version where id = :id and gone_at is null")
END_REFRESHES = Command(
    "update refresh_token set gone_at = :now, changed = :version where account_id = :account_id and gone_at is null"
)
