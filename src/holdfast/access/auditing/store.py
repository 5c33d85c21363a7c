"""Statements over the keys that sign checkpoints."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.db.query import Command, Query


class KeyRow(NamedTuple):
    """A key that signs checkpoints. `public`: JWK as JSON."""

    kid: str
    public: str
    wrapped: bytes


AUDIT_KEYS = Query(
    "select kid, public, wrapped from signing_key where purpose = :purpose order by signs_from, id", KeyRow
)
ADD_AUDIT_KEY = Command(
    """
    insert into signing_key (kid, purpose, public, wrapped, made_at, signs_from)
    values (:kid, :purpose, :public, :wrapped, :now, :now)
    """
)
