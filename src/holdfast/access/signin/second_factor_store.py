"""Statements over second factors and recovery codes."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.db.query import Command, Query


class FactorRow(NamedTuple):
    """The second factor of an account. `wrapped`: its secret, sealed; `confirmed_at` None: it is being set up."""

    name: str
    wrapped: bytes
    made_at: int
    confirmed_at: int | None
    step: int
    failures: int
    failed_at: int


class LeftRow(NamedTuple):
    """How many recovery codes were not used."""

    total: int


class IdRow(NamedTuple):
    """The id of an account."""

    id: int


class OwnerRow(NamedTuple):
    """An account that could have a second factor; `verifier` None: no password opens it."""

    name: str
    kind: int
    verifier: str | None
    provider: int | None


_FACTOR = """
    select a.name, f.wrapped, f.made_at, f.confirmed_at, f.step, f.failures, f.failed_at
    from second_factor f join account a on a.id = f.account_id
    where f.account_id = :account_id and a.gone_at is null
"""
FACTOR = Query(_FACTOR, FactorRow)
FACTOR_LOCKED = Query(_FACTOR + " for update", FactorRow)
NAMED = Query("select id from account where name = :name and kind = 0 and gone_at is null", IdRow)
OWNER = Query(
    """
    select name, kind, coalesce(verifier, password) as verifier, provider from account
    where id = :account_id and gone_at is null and disabled_at is null
    """,
    OwnerRow,
)
# One that is in use is left as it is.
BEGIN_FACTOR = Command(
    """
    insert into second_factor (account_id, wrapped, made_at) values (:account_id, :wrapped, :now)
    on conflict (account_id) do update set wrapped = excluded.wrapped, made_at = excluded.made_at, step = 0,
      failures = 0, failed_at = 0
    where second_factor.confirmed_at is null
    """
)
CONFIRM_FACTOR = Command("update second_factor set confirmed_at = :now where account_id = :account_id")
USE_STEP = Command(
    """
    update second_factor set step = :step, failures = 0, failed_at = 0 where account_id = :account_id and step < :step
    """
)
RIGHT_AGAIN = Command("update second_factor set failures = 0, failed_at = 0 where account_id = :account_id")
WRONG_AGAIN = Command(
    "update second_factor set failures = failures + 1, failed_at = :now where account_id = :account_id"
)
DROP_FACTOR = Command("delete from second_factor where account_id = :account_id")

ADD_CODE = Command("insert into recovery_code (account_id, hash) values (:account_id, :hash)")
USE_CODE = Command(
    """
    update recovery_code set used_at = :now where account_id = :account_id and hash = :hash and used_at is null
    """
)
CODES_LEFT = Query(
    "select count(*) as total from recovery_code where account_id = :account_id and used_at is null", LeftRow
)
DROP_CODES = Command("delete from recovery_code where account_id = :account_id")
# Tokens that were given for a password alone.
END_PASSWORD_TOKENS = Command(
    """
    update refresh_token set gone_at = :now, changed = :version
    where account_id = :account_id and gone_at is null and secret_id is null
    """
)
