"""The statements that say whether the credential behind a token is good still, and what bounds it."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.db.query import Query


class HeldSecret(NamedTuple):
    """A secret of a key that has not ended, whose owner no sign-in provider has refused. Times in microseconds;
    `limits`: of the key, JSON, None: none."""

    account_id: int
    limits: str | None
    secret_ends: int | None
    key_ends: int | None
    suspended_at: int | None
    suspended_why: str | None
    slowed_until: int | None


class HeldRefresh(NamedTuple):
    """A refresh token that has not ended, and what it was given for."""

    account_id: int
    secret_id: int | None
    proof: str | None
    expires_at: int


class HeldRule(NamedTuple):
    """A rule of federation that stands, and whose issuer does."""

    account_id: int


class Verifier(NamedTuple):
    """What an account's password is held against. `factor`: since when a second one is asked for, None: it is not."""

    verifier: str | None
    factor: int | None


SECRET_HELD = Query(
    """
    select k.account_id, k.limits, s.expires_at as secret_ends, k.expires_at as key_ends,
      k.suspended_at, k.suspended_why, k.slowed_until
    from api_secret s join api_key k on k.id = s.key_id
    where s.id = :id and s.gone_at is null and k.gone_at is null
      and not exists (
        select 1 from provider_session p where p.account_id = k.account_id and p.refused_at is not null
      )
    """,
    HeldSecret,
)
REFRESH_HELD = Query(
    "select account_id, secret_id, proof, expires_at from refresh_token where id = :id and gone_at is null", HeldRefresh
)
RULE_HELD = Query(
    """
    select f.robot_id as account_id from federation_rule f join issuer i on i.id = f.issuer_id
    where f.id = :id and f.gone_at is null and i.gone_at is null
    """,
    HeldRule,
)
VERIFIER = Query(
    """
    select coalesce(a.verifier, a.password) as verifier, f.confirmed_at as factor
    from account a left join second_factor f on f.account_id = a.id
    where a.id = :id
    """,
    Verifier,
)
