"""Statements over grants, roles, groups and visibility. Changes of rights write the policy version beside."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.db.query import Command, Query


class KeptRow(NamedTuple):
    """A grant, how its subject is called, and who made it."""

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
    made_at: int
    made_by: str
    made_over: str
    used_at: int | None


class Id(NamedTuple):
    """A number."""

    id: int


class GrantedRow(NamedTuple):
    """A group, and where something was given to it."""

    id: int
    repository: str


class RoleRow(NamedTuple):
    """A custom role; `actions`: a JSON list."""

    name: str
    actions: str
    description: str | None
    made_at: int
    made_by: str
    changed: int


class GroupRow(NamedTuple):
    """A group that is not gone."""

    id: int
    name: str
    provider: str | None
    description: str | None
    made_at: int
    made_by: str
    changed: int


class AccountRow(NamedTuple):
    """An account and what it is."""

    id: int
    name: str
    kind: int


class ProviderRow(NamedTuple):
    """What a provider is called."""

    name: str


class SettingRow(NamedTuple):
    """A setting of a path."""

    path: str
    value: str


class Total(NamedTuple):
    """A number of rows."""

    total: int


_KEPT = """
    select g.id, g.effect, g.subject_kind, g.subject_id, g.role, g.actions, g.repository, g.tag, g.conditions,
      g.expires_at, g.note, a.name as account_name, a.kind as account_kind, u.name as group_name, g.made_at, g.made_by,
      g.made_over, g.used_at
    from access_grant g
    left join account a on g.subject_kind = 1 and a.id = g.subject_id
    left join user_group u on g.subject_kind = 2 and u.id = g.subject_id
"""
GRANT = Query(_KEPT + " where g.id = :id", KeptRow)
GRANTS = Query(_KEPT + " where g.id > :after order by g.id limit :limit", KeptRow)
GRANTS_NUMBERED = Query(_KEPT + " where g.id = any(:ids) order by g.id", KeptRow)
GRANTS_TO = Query(
    _KEPT
    + """
    where g.subject_kind = :kind and g.subject_id = :subject_id and g.id > :after order by g.id limit :limit
    """,
    KeptRow,
)
GRANTS_AROUND = Query(
    _KEPT
    + """
    where (g.home = any(:homes) or (g.home >= :low and g.home < :high)) and g.id > :after order by g.id limit :limit
    """,
    KeptRow,
)
GRANTS_BY_ROLE = Query(_KEPT + " where g.role = :role", KeptRow)
ADD_GRANT = Query(
    """
    insert into access_grant (effect, subject_kind, subject_id, role, actions, repository, tag, conditions, home,
      expires_at, note, made_at, made_by, made_over)
    values (:effect, :kind, :subject_id, :role, :actions, :repository, :tag, :conditions, :home, :expires_at, :note,
      :now, :made_by, :made_over)
    returning id
    """,
    Id,
)
SAME_GRANT = Query(
    """
    select id from access_grant
    where subject_kind = :kind and subject_id = :subject_id and effect = :effect and coalesce(role, '') = :role
      and coalesce(actions, '') = :actions and repository = :repository and coalesce(tag, '') = :tag
      and coalesce(conditions, '') = :conditions and coalesce(expires_at, 0) = :expires_at
    limit 1
    """,
    Id,
)
REMOVE_GRANT = Command("delete from access_grant where id = :id")
COUNT_GRANTS = Query(
    "select count(*) as total from access_grant where subject_kind = :kind and subject_id = :subject_id", Total
)

_ROLE = "select name, actions, description, made_at, made_by, changed from role"
ROLE = Query(_ROLE + " where name = :name", RoleRow)
ROLES = Query(_ROLE + " where name > :after order by name limit :limit", RoleRow)
ADD_ROLE = Command(
    """
    insert into role (name, actions, description, made_at, made_by, changed)
    values (:name, :actions, :description, :now, :made_by, :version)
    """
)
CHANGE_ROLE = Command(
    "update role set actions = :actions, description = :description, changed = :version where name = :name"
)
REMOVE_ROLE = Command("delete from role where name = :name")

_GROUP = """
    select g.id, g.name, p.name as provider, g.description, g.made_at, g.made_by, g.changed
    from user_group g left join identity_provider p on p.id = g.provider
    where g.gone_at is null
"""
GROUP = Query(_GROUP + " and g.name = :name", GroupRow)
GROUPS = Query(_GROUP + " and g.name > :after order by g.name limit :limit", GroupRow)
ADD_GROUP = Query(
    """
    insert into user_group (name, provider, description, made_at, made_by, changed)
    values (:name, :provider, :description, :now, :made_by, :version)
    on conflict (name) do nothing
    returning id
    """,
    Id,
)
END_GROUP = Command("update user_group set gone_at = :now, changed = :version where id = :id")
GROUPS_GRANTED = Query(
    "select distinct subject_id as id, repository from access_grant where subject_kind = 2 and subject_id = any(:ids)",
    GrantedRow,
)
MEMBERSHIPS = Query("select group_id as id from membership where account_id = :account_id", Id)
MEMBERS = Query(
    """
    select a.id, a.name, a.kind from membership m join account a on a.id = m.account_id
    where m.group_id = :id and a.name > :after and a.gone_at is null order by a.name limit :limit
    """,
    AccountRow,
)
MEMBER_IDS = Query("select account_id as id from membership where group_id = :id", Id)
MEMBER = Query("select account_id as id from membership where group_id = :id and account_id = :account_id", Id)
ADD_MEMBER = Command("insert into membership (group_id, account_id) values (:id, :account_id) on conflict do nothing")
REMOVE_MEMBER = Command("delete from membership where group_id = :id and account_id = :account_id")
REMOVE_MEMBERS = Command("delete from membership where group_id = :id")
OF_PROVIDER = Query(
    """
    select g.id, g.name, p.name as provider, g.description, g.made_at, g.made_by, g.changed
    from membership m join user_group g on g.id = m.group_id left join identity_provider p on p.id = g.provider
    where m.account_id = :account_id and g.provider = :provider
    """,
    GroupRow,
)
PROVIDER_NAMED = Query("select name from identity_provider where id = :id", ProviderRow)

ACCOUNT_CALLED = Query("select id, name, kind from account where id = :id", AccountRow)

EFFECTIVE = Query(
    "select path, value from setting where path = any(:paths) and name = :name order by length(path) desc limit 1",
    SettingRow,
)
SET_VISIBILITY = Command(
    """
    insert into setting (path, name, value) values (:path, :name, :value)
    on conflict (path, name) do update set value = excluded.value
    """
)
RESET_VISIBILITY = Command("delete from setting where path = :path and name = :name")
