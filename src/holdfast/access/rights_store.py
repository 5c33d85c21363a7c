"""The statements that load a subject and the grants that speak of it."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.db.query import Query


class HolderRow(NamedTuple):
    """The policy version, and an account that may be used; None: it may not."""

    version: int
    name: str | None
    kind: int | None
    expires_at: int | None


class GrantRow(NamedTuple):
    """A grant, and how its subject is called."""

    id: int
    effect: int
    subject_kind: int
    subject_id: int
    role: str | None
    actions: str | None
    repository: str
    tag: str | None
    conditions: str | None
    expires_at: int | None
    note: str | None
    account_name: str | None
    account_kind: int | None
    group_name: str | None


class RoleRow(NamedTuple):
    """A custom role."""

    name: str
    actions: str


class SettingRow(NamedTuple):
    """A setting of a path."""

    path: str
    value: str


class VersionRow(NamedTuple):
    """The policy version."""

    version: int


class PersonRow(NamedTuple):
    """A person."""

    id: int


class NowRow(NamedTuple):
    """The engine's clock, microseconds."""

    now: int


NOW = Query("select cast(:now as bigint) as now", NowRow)
VERSIONS = Query("select version from policy where id = 1", VersionRow)
HOLDER = Query(
    """
    select p.version, a.name, a.kind, a.expires_at
    from policy p left join account a on a.id = :id and a.disabled_at is null and a.gone_at is null
    where p.id = 1
    """,
    HolderRow,
)
GRANT_COLUMNS = """
    select g.id, g.effect, g.subject_kind, g.subject_id, g.role, g.actions, g.repository, g.tag, g.conditions,
      g.expires_at, g.note, a.name as account_name, a.kind as account_kind, u.name as group_name
    from access_grant g
    left join account a on g.subject_kind = 1 and a.id = g.subject_id
    left join user_group u on g.subject_kind = 2 and u.id = g.subject_id
"""
# Two ranges of one index: what names the account, and what names its groups.
_OF_ACCOUNT = " where g.subject_kind = 1 and g.subject_id = :id"
_OF_ITS_GROUPS = """
    where g.subject_kind = 2 and g.subject_id in (
      select m.group_id from membership m join user_group k on k.id = m.group_id
      where m.account_id = :id and k.gone_at is null)
"""
SUBJECT_GRANTS = Query(GRANT_COLUMNS + _OF_ACCOUNT + " union all " + GRANT_COLUMNS + _OF_ITS_GROUPS, GrantRow)
GRANTS_WITH = Query(
    GRANT_COLUMNS + _OF_ACCOUNT + " union all " + GRANT_COLUMNS + " where g.subject_kind = 2"
    " and g.subject_id = any(:groups) limit :limit",
    GrantRow,
)
GROUP_GRANTS = Query(GRANT_COLUMNS + " where g.subject_kind = 2 and g.subject_id = :id", GrantRow)
GRANTS_AFTER = Query(GRANT_COLUMNS + " where g.id > :after order by g.id limit :limit", GrantRow)
ANONYMOUS_GRANTS = Query(GRANT_COLUMNS + " where g.subject_kind = 0", GrantRow)
CUSTOM_ROLES = Query("select name, actions from role", RoleRow)
VISIBILITIES = Query("select path, value from setting where name = :name", SettingRow)

ON_EVERYTHING = Query(GRANT_COLUMNS + " where g.home = '' and g.repository = '**' and g.tag is null", GrantRow)
# People whom nothing ends, no provider either: these, and those in these groups.
LASTING_PEOPLE = Query(
    """
    select a.id from account a
    where a.id = any(:accounts) and a.kind = 0 and a.provider is null and a.disabled_at is null and a.gone_at is null
      and a.expires_at is null
    union
    select a.id from membership m join user_group k on k.id = m.group_id join account a on a.id = m.account_id
    where m.group_id = any(:groups) and k.gone_at is null
      and a.kind = 0 and a.provider is null and a.disabled_at is null and a.gone_at is null and a.expires_at is null
    """,
    PersonRow,
)
