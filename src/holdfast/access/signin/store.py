"""Statements over providers, the people that they vouch for, and browser sessions."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.db.query import Command, Query


class ProviderRow(NamedTuple):
    """A provider; `secret` is sealed."""

    id: int
    name: str
    issuer: str
    client_id: str
    secret: bytes | None
    scopes: str
    groups_claim: str | None
    name_claim: str
    title: str | None
    creates: int
    made_at: int
    made_by: str
    gone_at: int | None
    changed: int


class HolderRow(NamedTuple):
    """The account of a person whom a provider vouches for."""

    id: int
    name: str
    provider: int
    disabled_at: int | None
    expires_at: int | None
    gone_at: int | None


class IdRow(NamedTuple):
    """The id of a row."""

    id: int


class SessionRow(NamedTuple):
    """A browser session and its account, which may be used. `unasked_since`: when the person signed in with a provider
    that cannot be asked again, None: it can, or there is none."""

    hash: bytes
    account_id: int
    name: str
    display: str | None
    method: str
    made_at: int
    seen_at: int
    expires_at: int
    address: str | None
    agent: str | None
    groups_note: str | None
    provider: int | None
    unasked_since: int | None
    bare: int


class CheckRow(NamedTuple):
    """How a provider's word about a person stands. `gone_at`: the provider was removed."""

    provider: str | None
    gone_at: int | None
    wrapped: bytes | None
    checked_at: int | None
    asked_at: int | None
    failed_at: int | None
    refused_at: int | None


class SubjectRow(NamedTuple):
    """What a provider calls a person."""

    subject: str | None


class CalledRow(NamedTuple):
    """A group that has, or had, a name."""

    id: int
    name: str
    provider: int | None
    gone_at: int | None


class EndedRow(NamedTuple):
    """How a session that was ended was begun."""

    method: str


_PROVIDER = """
    select id, name, issuer, client_id, secret, scopes, groups_claim, name_claim, title, creates, made_at, made_by,
      gone_at, changed
    from identity_provider
"""
PROVIDER = Query(_PROVIDER + " where name = :name and gone_at is null", ProviderRow)
PROVIDER_EVER = Query(_PROVIDER + " where name = :name", ProviderRow)
PROVIDER_OF_ISSUER = Query(_PROVIDER + " where issuer = :issuer and gone_at is null order by id limit 1", ProviderRow)
_OF_ACCOUNT = " where id = (select a.provider from account a where a.id = :account_id)"
PROVIDER_OF_ACCOUNT = Query(_PROVIDER + _OF_ACCOUNT, ProviderRow)
PROVIDERS = Query(_PROVIDER + " where gone_at is null and name > :after order by name limit :limit", ProviderRow)
ADD_PROVIDER = Query(
    """
    insert into identity_provider (name, issuer, client_id, secret, scopes, groups_claim, name_claim, title, creates,
      made_at, made_by, changed)
    values (:name, :issuer, :client_id, :secret, :scopes, :groups_claim, :name_claim, :title, :creates,
      :now, :made_by, :version)
    returning id
    """,
    IdRow,
)
CHANGE_PROVIDER = Command(
    """
    update identity_provider set client_id = :client_id, secret = :secret, scopes = :scopes,
      groups_claim = :groups_claim, name_claim = :name_claim, title = :title, creates = :creates, gone_at = null,
      changed = :version
    where id = :id
    """
)
REMOVE_PROVIDER = Command(
    "update identity_provider set gone_at = :now, secret = null, changed = :version where id = :id and gone_at is null"
)

PEOPLE_OF_PROVIDER = Query("select id from account where provider = :id", IdRow)
REFUSE_PEOPLE = Command(
    """
    update provider_session set refused_at = :now, wrapped = null
    where account_id in (select id from account where provider = :id)
    """
)
END_SESSIONS_OF_PROVIDER = Command(
    "delete from web_session where account_id in (select id from account where provider = :id)"
)

# Linked by issuer and subject: a provider that was removed and added under another name finds its people again.
HOLDER = Query(
    """
    select a.id, a.name, a.provider, a.disabled_at, a.expires_at, a.gone_at
    from identity_provider p join account a on a.provider = p.id
    where p.issuer = :issuer and a.provider_subject = :subject
    order by a.id limit 1
    """,
    HolderRow,
)
NAMED = Query("select id from account where lower(name) = lower(:name) limit 1", IdRow)
ADD_PERSON = Query(
    """
    insert into account (name, kind, provider, provider_subject, display, groups_note, signed_in_at, made_at, made_by,
      changed)
    values (:name, 0, :provider, :subject, :display, :groups_note, :now, :now, :made_by, :version)
    returning id
    """,
    IdRow,
)
UPDATE_PERSON = Command(
    """
    update account set provider = :provider, display = :display, groups_note = :groups_note, signed_in_at = :now,
      changed = :version
    where id = :id
    """
)
GROUPS_CALLED = Query("select id, name, provider, gone_at from user_group where name = any(:names)", CalledRow)
GROUPS_BESIDE = Query(
    """
    select g.id, g.name, g.provider, g.gone_at from membership m join user_group g on g.id = m.group_id
    where m.account_id = :account_id and g.gone_at is null and coalesce(g.provider, 0) <> :provider order by g.name
    """,
    CalledRow,
)
SIGNED_IN = Command("update account set signed_in_at = :now where id = :id")
KEEP_WORD = Command(
    """
    insert into provider_session (account_id, wrapped, checked_at, asked_at, failed_at, refused_at)
    values (:account_id, :wrapped, :now, null, null, null)
    on conflict (account_id) do update set wrapped = excluded.wrapped, checked_at = excluded.checked_at,
      asked_at = null, failed_at = null, refused_at = null
    """
)
WORD = Query(
    """
    select p.name as provider, p.gone_at, s.wrapped, s.checked_at, s.asked_at, s.failed_at, s.refused_at
    from account a left join identity_provider p on p.id = a.provider
    left join provider_session s on s.account_id = a.id
    where a.id = :account_id
    """,
    CheckRow,
)
# One process asks at a time: a provider that gives a new refresh token at each use takes two uses of one for a theft.
CLAIM_WORD = Command(
    """
    update provider_session set asked_at = :now
    where account_id = :account_id and wrapped = :was and refused_at is null
      and (asked_at is null or asked_at < :before)
    """
)
RENEW_WORD = Command(
    """
    update provider_session set wrapped = :wrapped, checked_at = :now, asked_at = null, failed_at = null
    where account_id = :account_id and wrapped = :was
    """
)
MISS_WORD = Command(
    """
    update provider_session set failed_at = coalesce(failed_at, :now)
    where account_id = :account_id and wrapped = :was
    """
)
REFUSE_WORD = Command(
    """
    update provider_session set refused_at = :now, asked_at = null, wrapped = null
    where account_id = :account_id and wrapped = :was
    """
)
SUBJECT = Query("select provider_subject as subject from account where id = :account_id", SubjectRow)
END_SESSIONS = Command("delete from web_session where account_id = :account_id")
TOUCH_PERSON = Command("update account set changed = :version where id = :id")

ADD_SESSION = Command(
    """
    insert into web_session (hash, account_id, method, made_at, seen_at, expires_at, address, agent)
    values (:hash, :account_id, :method, :now, :now, :expires_at, :address, :agent)
    """
)
USE_CALLBACK = Command(
    """
    insert into web_session (hash, account_id, method, made_at, seen_at, expires_at)
    values (:hash, null, :method, :now, :now, :expires_at) on conflict (hash) do nothing
    """
)
_SESSION = """
    select w.hash, w.account_id, a.name, a.display, w.method, w.made_at, w.seen_at, w.expires_at, w.address, w.agent,
      a.groups_note, a.provider, case when p.wrapped is null then p.checked_at end as unasked_since,
      case when f.confirmed_at is null and coalesce(a.verifier, a.password) is not null then 1 else 0 end as bare
    from web_session w join account a on a.id = w.account_id left join provider_session p on p.account_id = a.id
    left join second_factor f on f.account_id = a.id
"""
_LIVE = " and w.expires_at > :now and w.seen_at > :idle_since and a.disabled_at is null and a.gone_at is null"
SESSION = Query(_SESSION + " where w.hash = :hash" + _LIVE, SessionRow)
SESSIONS = Query(
    _SESSION + " where w.account_id = :account_id" + _LIVE + " order by w.seen_at desc, w.hash limit :limit", SessionRow
)
SEE_SESSION = Command("update web_session set seen_at = :now where hash = :hash and seen_at < :before")
END_SESSION = Query(
    "delete from web_session where hash = :hash and account_id = :account_id returning method",
    EndedRow,
)
END_OTHER_SESSIONS = Command("delete from web_session where account_id = :account_id and hash <> :hash")
END_TOKENS = Command(
    """
    update refresh_token set gone_at = :now, changed = :version where account_id = :account_id and gone_at is null
    """
)
DROP_ENDED = Command("delete from web_session where expires_at <= :now")
