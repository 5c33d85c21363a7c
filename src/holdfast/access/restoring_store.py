"""The statements of putting credentials in order after a restore."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.db.query import Command, Query


class ChangeRow(NamedTuple):
    """A change of the journal."""

    id: int
    at: int
    actor: str
    kind: str
    data: str


class LiveRow(NamedTuple):
    """How many people have a password, and how many keys are live."""

    passwords: int
    keys: int


END_WEB_SESSIONS = Command("delete from web_session")
END_REFRESH_TOKENS = Command("delete from refresh_token")
END_INVITATIONS = Command(
    "update invitation set gone_at = :now, gone_by = 'system' where gone_at is null and expires_at > :now"
)
END_SIGNING_KEYS = Command("delete from signing_key where purpose = :purpose")
CHANGES = Query(
    """
    select id, at, actor, kind, data from journal
    where id > :after and kind = any(:kinds) order by id limit :limit
    """,
    ChangeRow,
)
LIVE = Query(
    """
    select
      (select count(*) from account where gone_at is null and disabled_at is null
        and (verifier is not null or password is not null)) as passwords,
      (select count(*) from api_key where gone_at is null) as keys
    """,
    LiveRow,
)
