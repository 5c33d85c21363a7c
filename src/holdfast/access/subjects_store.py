"""How subjects are found by name."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.db.query import Query


class NamedAccount(NamedTuple):
    """An account that is not gone."""

    id: int


class NamedGroup(NamedTuple):
    """A group that has or had a name. `provider`: the id of its provider."""

    id: int
    provider: int | None
    gone_at: int | None


ACCOUNT_NAMED = Query("select id from account where name = :name and kind = :kind and gone_at is null", NamedAccount)
GROUP_NAMED = Query("select id, provider, gone_at from user_group where name = :name", NamedGroup)
