"""Statements that read the whole policy, and past use to try a draft on."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.access.rights_store import VersionRow
from holdfast.db.query import Query


class RoleRow(NamedTuple):
    """A custom role."""

    name: str
    actions: str
    description: str | None


class GroupRow(NamedTuple):
    """A group; `provider` null: a local one."""

    id: int
    name: str
    provider: int | None
    description: str | None


class MemberRow(NamedTuple):
    """A member of a group."""

    group_id: int
    account_id: int
    name: str
    kind: int


class LimitRow(NamedTuple):
    """What a secret of a key, or a refresh token that was given for one, is limited to."""

    id: int
    limits: str | None


class TagRow(NamedTuple):
    """A tag."""

    name: str


class UseRow(NamedTuple):
    """An aggregate of use."""

    key: bytes
    subject: str
    groups: str
    credential: str
    claims: str
    network: str
    agent: str
    action: str
    repository: str
    reference: str
    allowed: bool
    times: int
    first_at: int
    last_at: int


class OverflowRow(NamedTuple):
    """Use that is not in the aggregates."""

    lost: int


LOCKED_VERSION = Query("select version from policy where id = 1 for update", VersionRow)
ALL_ROLES = Query("select name, actions, description from role order by name", RoleRow)
ALL_GROUPS = Query("select id, name, provider, description from user_group where gone_at is null", GroupRow)
ALL_MEMBERS = Query(
    """
    select m.group_id, m.account_id, a.name, a.kind from membership m join account a on a.id = m.account_id
    join user_group g on g.id = m.group_id
    where a.gone_at is null and g.gone_at is null and (m.group_id, m.account_id) > (:group_id, :account_id)
    order by m.group_id, m.account_id limit :limit
    """,
    MemberRow,
)
SECRET_LIMITS = Query(
    "select s.id, k.limits from api_secret s join api_key k on k.id = s.key_id where s.id = any(:ids)", LimitRow
)
REFRESH_LIMITS = Query(
    """
    select r.id, k.limits from refresh_token r join api_secret s on s.id = r.secret_id join api_key k on k.id = s.key_id
    where r.id = any(:ids)
    """,
    LimitRow,
)
USES = Query(
    """
    select key, subject, groups, credential, claims, network, agent, action, repository, reference, allowed,
      count as times, first_at, last_at
    from access_use where key > :after and day >= :since order by key limit :limit
    """,
    UseRow,
)
OVERFLOW = Query(
    "select cast(coalesce(sum(count), 0) as bigint) as lost from access_use_overflow where day >= :since", OverflowRow
)
# The tags that a digest is under now: its own, those of the indexes that list it, and of those that list these.
REACHING = Query(
    """
    select t.name from tag t
    where t.repo_id = (select r.id from repository r where r.path = :repository and r.gone_at is null)
      and t.content_id in (
        select c.id from content c where c.digest = :digest
        union select e.keeper_id from content c join edge e on e.kept_id = c.id and e.repo_id = t.repo_id
          where c.digest = :digest
        union select f.keeper_id from content c join edge e on e.kept_id = c.id and e.repo_id = t.repo_id
          join edge f on f.kept_id = e.keeper_id and f.repo_id = t.repo_id where c.digest = :digest)
    order by t.name limit :limit
    """,
    TagRow,
)
