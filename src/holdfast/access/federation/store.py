"""Statements over issuers and rules."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.db.query import Command, Query


class TrustedRow(NamedTuple):
    """An issuer as a log-in needs it. `pinned`: 1 when its keys were given."""

    id: int
    name: str
    iss: str
    discovery: str | None
    audience: str
    preset: str | None
    pinned: int
    changed: int


class KeysRow(NamedTuple):
    """The keys of an issuer: given, or found last, when."""

    jwks: str | None
    cached: str | None
    cached_at: int | None


class MatchRow(NamedTuple):
    """A rule as a log-in needs it. `robot`: `NAMESPACE+NAME`."""

    id: int
    namespace: str
    name: str
    robot_id: int
    robot: str
    claims: str
    used_at: int | None


class IssuerRow(NamedTuple):
    """An issuer as people see it."""

    id: int
    name: str
    iss: str
    audience: str
    preset: str | None
    discovery: str | None
    jwks: str | None
    cached: str | None
    cached_at: int | None
    rules: int
    made_at: int
    made_by: str
    changed: int


class RuleRow(NamedTuple):
    """A rule as people see it."""

    id: int
    namespace: str
    name: str
    issuer: str
    robot: str
    claims: str
    used_at: int | None
    made_at: int
    made_by: str
    changed: int


class RobotRow(NamedTuple):
    """A robot."""

    id: int
    namespace: str


class IdRow(NamedTuple):
    """The id of a row."""

    id: int


TRUSTED = Query(
    """
    select id, name, iss, discovery, audience, preset, case when jwks is null then 0 else 1 end as pinned, changed
    from issuer where iss = :iss and gone_at is null order by id
    """,
    TrustedRow,
)
KEYS = Query("select jwks, cached, cached_at from issuer where id = :id", KeysRow)
KEYS_FOUND = Command(
    "update issuer set cached = :cached, cached_at = :now where id = :id and changed = :changed and gone_at is null"
)
MATCHES = Query(
    """
    select f.id, f.namespace, f.name, f.robot_id, a.name as robot, f.claims, f.used_at
    from federation_rule f join account a on a.id = f.robot_id
    where f.issuer_id = :issuer_id and f.gone_at is null and a.gone_at is null
    order by f.id
    """,
    MatchRow,
)
USED = Command("update federation_rule set used_at = :now where id = :id")
TOUCH_RULES = Command("update federation_rule set changed = :version where issuer_id = :issuer_id and gone_at is null")

_ISSUER = """
    select i.id, i.name, i.iss, i.audience, i.preset, i.discovery, i.jwks, i.cached, i.cached_at,
      (select count(*) from federation_rule f where f.issuer_id = i.id and f.gone_at is null) as rules,
      i.made_at, i.made_by, i.changed
    from issuer i
"""
ISSUERS = Query(_ISSUER + " where i.gone_at is null and i.name > :after order by i.name limit :limit", IssuerRow)
ISSUER = Query(_ISSUER + " where i.gone_at is null and i.name = :name", IssuerRow)
ADD_ISSUER = Query(
    """
    insert into issuer (name, iss, discovery, jwks, audience, preset, cached, cached_at, made_at, made_by, changed)
    values (:name, :iss, :discovery, :jwks, :audience, :preset, :cached, :cached_at, :now, :made_by, :version)
    returning id
    """,
    IdRow,
)
CHANGE_ISSUER = Command(
    "update issuer set audience = :audience, jwks = :jwks, changed = :version where id = :id and gone_at is null"
)
END_ISSUER = Command("update issuer set gone_at = :now, changed = :version where id = :id and gone_at is null")
END_RULES = Command(
    "update federation_rule set gone_at = :now, changed = :version where issuer_id = :issuer_id and gone_at is null"
)

_RULE = """
    select f.id, f.namespace, f.name, i.name as issuer, a.name as robot, f.claims, f.used_at, f.made_at, f.made_by,
      f.changed
    from federation_rule f
    join issuer i on i.id = f.issuer_id
    join account a on a.id = f.robot_id
"""
RULES = Query(
    _RULE
    + """
    where f.gone_at is null and a.gone_at is null and f.id > :after
    order by f.id limit :limit
    """,
    RuleRow,
)
RULES_OF = Query(
    _RULE
    + """
    where f.namespace = :namespace and f.gone_at is null and a.gone_at is null and f.id > :after
    order by f.id limit :limit
    """,
    RuleRow,
)
RULES_OF_ISSUER = Query(
    _RULE + " where f.issuer_id = :issuer_id and f.gone_at is null and a.gone_at is null order by f.id", RuleRow
)
RULE = Query(
    _RULE + " where f.namespace = :namespace and f.name = :name and f.gone_at is null and a.gone_at is null", RuleRow
)
END_LEFT_RULES = Command(
    """
    update federation_rule set gone_at = :now, changed = :version
    where namespace = :namespace and name = :name and gone_at is null
      and exists (select 1 from account a where a.id = federation_rule.robot_id and a.gone_at is not null)
    """
)
ADD_RULE = Query(
    """
    insert into federation_rule (namespace, name, issuer_id, robot_id, claims, made_at, made_by, changed)
    values (:namespace, :name, :issuer_id, :robot_id, :claims, :now, :made_by, :version)
    returning id
    """,
    IdRow,
)
END_RULE = Command("update federation_rule set gone_at = :now, changed = :version where id = :id and gone_at is null")
ROBOT = Query(
    "select id, namespace from account where name = :name and kind = 1 and gone_at is null and namespace is not null",
    RobotRow,
)
