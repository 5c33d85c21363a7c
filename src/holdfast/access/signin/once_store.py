"""Statements over what may be sent once only."""

from __future__ import annotations

from holdfast.db.query import Command

TAKE = Command("insert into form_once (hash, at) values (:hash, :now) on conflict (hash) do nothing")
FORGET = Command(
    "delete from form_once where hash in (select hash from form_once where at < :before order by at limit :limit)"
)
