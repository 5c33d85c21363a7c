"""Statements over how people like the pages."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.db.query import Command, Query


class ProfileRow(NamedTuple):
    """What an account chose."""

    theme: str
    density: str
    zone: str
    keys: int


class HiddenRow(NamedTuple):
    """When the first steps were put away."""

    at: int | None


PROFILE = Query("select theme, density, zone, keys from profile where account_id = :account_id", ProfileRow)
STEPS = Query("select steps_hidden_at as at from profile where account_id = :account_id", HiddenRow)
HIDE_STEPS = Command(
    """
    insert into profile (account_id, theme, density, zone, keys, steps_hidden_at)
    values (:account_id, :theme, :density, :zone, :keys, :now)
    on conflict (account_id) do update set steps_hidden_at = excluded.steps_hidden_at
    """
)
SET_PROFILE = Command(
    """
    insert into profile (account_id, theme, density, zone, keys)
    values (:account_id, :theme, :density, :zone, :keys)
    on conflict (account_id) do update set theme = excluded.theme, density = excluded.density, zone = excluded.zone,
      keys = excluded.keys
    """
)
