"""The statements of plans. Each returns or changes a bounded number of rows."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.db.query import Command, Query


class RepositoryRow(NamedTuple):
    """A repository that is there, and its place in its own history."""

    id: int
    path: str
    seq: int


class TagRow(NamedTuple):
    """A tag as it is. `at`: when it was pushed."""

    name: str
    content_id: int
    seq: int
    version_key: str
    at: int


class PushedRow(NamedTuple):
    """A push of a tag, newest first; `content_id` None: another one came after it."""

    seq: int
    name: str
    at: int
    content_id: int | None
    version_key: str | None


class LastId(NamedTuple):
    """The last content of a page; None: there is none."""

    content_id: int | None


class LinkRow(NamedTuple):
    """A manifest, and when it was pushed."""

    content_id: int
    put_at: int


class ContentId(NamedTuple):
    """The id of content."""

    content_id: int


class WasRow(NamedTuple):
    """When a tag ceased to point to a manifest last."""

    content_id: int
    at: int


class BodyRow(NamedTuple):
    """Stored bytes of a manifest or configuration."""

    content_id: int
    digest: str
    wrapped_key: bytes | None
    bytes: bytes


class Pair(NamedTuple):
    """What is kept, and what keeps it."""

    kept_id: int
    keeper_id: int


class Total(NamedTuple):
    """A number."""

    total: int


class PlanId(NamedTuple):
    """The id of a plan."""

    id: int


class PlanRow(NamedTuple):
    """A plan. `state`: see `PlanState`; `bytes`: what it frees, `freed`: what the items freed that were carried out;
    `tried`: the rules that it was made with, None: those that held."""

    id: int
    path: str
    owner: str | None
    cause: str
    state: int
    made_at: int
    made_by: str
    applied_at: int | None
    applied_by: str | None
    tracked_since: int | None
    repositories: int
    tags: int
    drops: int
    keeps: int
    bytes: int
    dropped: int
    skipped: int
    freed: int
    tried: str | None


class ItemRow(NamedTuple):
    """An item of a plan; `name` '' is an untagged manifest."""

    repo_id: int
    name: str
    content_id: int
    seq: int
    at: int
    uses: bool


class ShownItem(NamedTuple):
    """An item of a plan as people see it."""

    repo_id: int
    repository: str
    name: str
    content_id: int
    digest: str | None
    seq: int
    at: int
    verdict: int
    rule: str
    reason: str
    bytes: int
    outcome: int
    skipped: str | None


class CountedRow(NamedTuple):
    """How many there are of content."""

    content_id: int
    total: int


class SettingRow(NamedTuple):
    """The rules of a path."""

    path: str
    value: str


class ScheduleRow(NamedTuple):
    """When the rules of a path are due."""

    path: str
    cron: str
    next_at: int


class Sums(NamedTuple):
    """What became of the items of a plan."""

    outcome: int
    items: int
    bytes: int


REPOSITORIES = Query(
    """
    select id, path, seq from repository
    where path > :after and path >= :low and path < :high and gone_at is null order by path limit :limit
    """,
    RepositoryRow,
)
REPOSITORY = Query("select id, path, seq from repository where path = :path and gone_at is null", RepositoryRow)
REPOSITORY_OF = Query("select id, path, seq from repository where id = :id and gone_at is null", RepositoryRow)
TAGS = Query(
    """
    select t.name, t.content_id, t.seq, t.version_key, coalesce(e.at, :now) as at from tag t
    left join tag_event e on e.repo_id = t.repo_id and e.seq = t.seq and e.name = t.name
    where t.repo_id = :repo_id and t.name > :after order by t.name limit :limit
    """,
    TagRow,
)
TAG = Query(
    """
    select t.name, t.content_id, t.seq, t.version_key, coalesce(e.at, :now) as at from tag t
    left join tag_event e on e.repo_id = t.repo_id and e.seq = t.seq and e.name = t.name
    where t.repo_id = :repo_id and t.name = :name
    """,
    TagRow,
)
# Pushes, also those that others came after, so that a page is a bounded number of rows whatever the history is.
BY_PUSH = Query(
    """
    select e.seq, e.name, e.at, t.content_id, t.version_key from tag_event e
    left join tag t on t.repo_id = e.repo_id and t.name = e.name and t.seq = e.seq
    where e.repo_id = :repo_id and (e.seq, e.name) < (:seq, :name) order by e.seq desc, e.name desc limit :limit
    """,
    PushedRow,
)
BY_VERSION = Query(
    """
    select t.name, t.content_id, t.seq, t.version_key, coalesce(e.at, :now) as at from tag t
    left join tag_event e on e.repo_id = t.repo_id and e.seq = t.seq and e.name = t.name
    where t.repo_id = :repo_id and (t.version_key, t.name) < (:key, :name) and t.version_key >= '1'
    order by t.version_key desc, t.name desc limit :limit
    """,
    TagRow,
)
TAG_COUNT = Query("select count(*) as total from tag where repo_id = :repo_id", Total)
# The last of a page of what a repository shows: a page is a bounded number of rows, whatever is among them.
LAST_LINK = Query(
    """
    select max(page.content_id) as content_id from (
      select content_id from link where repo_id = :repo_id and content_id > :after order by content_id limit :limit
    ) as page
    """,
    LastId,
)
# No tag, no push under way, and nothing that lives keeps them: an index that lists them, or what they refer to.
UNREACHED = Query(
    """
    select l.content_id, l.put_at from link l
    where l.repo_id = :repo_id and l.content_id > :after and l.content_id <= :last and l.kind > 0 and l.gone_at is null
      and not exists (select 1 from tag t where t.repo_id = l.repo_id and t.content_id = l.content_id)
      and not exists (
        select 1 from edge e join link k on k.repo_id = e.repo_id and k.content_id = e.keeper_id
        where e.repo_id = l.repo_id and e.kept_id = l.content_id and k.gone_at is null
      )
      and not exists (
        select 1 from lease s where s.repo_id = l.repo_id and s.content_id = l.content_id and s.due > :now
      )
    order by l.content_id
    """,
    LinkRow,
)
WAS_TAGGED = Query(
    """
    select was_id as content_id, max(at) as at from tag_event
    where repo_id = :repo_id and was_id = any(:ids) and was_id is not null group by was_id
    """,
    WasRow,
)
BODIES = Query(
    """
    select c.id as content_id, c.digest, c.wrapped_key, b.bytes from content c join body b on b.content_id = c.id
    where c.id = any(:ids) and c.state = 0
    """,
    BodyRow,
)
BODIES_BY_DIGEST = Query(
    """
    select c.id as content_id, c.digest, c.wrapped_key, b.bytes from content c join body b on b.content_id = c.id
    where c.digest = any(:digests) and c.state = 0
    """,
    BodyRow,
)
KEEPERS = Query("select kept_id, keeper_id from edge where repo_id = :repo_id and kept_id = any(:ids)", Pair)

# -- plans -------------------------------------------------------------------------------------------------------------

NEW_PLAN = Query(
    """
    insert into retention_plan (path, owner, cause, state, made_at, made_by, tried)
    values (:path, :owner, :cause, 0, :now, :actor, :tried) returning id
    """,
    PlanId,
)
_PLAN = """
    select id, path, owner, cause, state, made_at, made_by, applied_at, applied_by, tracked_since, repositories, tags,
      drops, keeps, bytes, dropped, skipped, freed, tried
    from retention_plan
"""
PLAN = Query(_PLAN + " where id = :id", PlanRow)
HELD_PLAN = Query(_PLAN + " where id = :id for update", PlanRow)
PLANS = Query(_PLAN + " where id < :before order by id desc limit :limit", PlanRow)
PLANS_OF = Query(_PLAN + " where path = :path and id < :before order by id desc limit :limit", PlanRow)
OLD_PLAN = Query(_PLAN + " where made_at < :before order by id limit 1", PlanRow)
SET_STATE = Command("update retention_plan set state = :state where id = :id")
SET_SINCE = Command("update retention_plan set tracked_since = :since where id = :id")
COUNT_REPOSITORY = Command(
    """
    update retention_plan set repositories = repositories + 1, tags = tags + :tags, drops = drops + :drops,
      keeps = keeps + :keeps, bytes = bytes + :bytes
    where id = :id
    """
)
BEGIN_APPLYING = Command(
    "update retention_plan set state = 2, applied_at = :now, applied_by = :actor where id = :id and state = 1"
)
COUNT_OUTCOMES = Command(
    """
    update retention_plan set dropped = dropped + :dropped, skipped = skipped + :skipped, freed = freed + :freed
    where id = :id
    """
)
NEW_TAG_ITEMS = Command(
    """
    insert into retention_item (plan_id, repo_id, name, content_id, seq, at, verdict, rule, reason, uses)
    select :plan_id, t.repo_id, t.name, t.content_id, t.seq, coalesce(e.at, :now), :verdict, :rule, :reason, :uses
    from tag t left join tag_event e on e.repo_id = t.repo_id and e.seq = t.seq and e.name = t.name
    where t.repo_id = :repo_id and t.name = any(:names) and t.seq <= :seq
    on conflict (plan_id, repo_id, name, content_id) do nothing
    """
)
NEW_MANIFEST_ITEM = Command(
    """
    insert into retention_item (plan_id, repo_id, name, content_id, seq, at, verdict, rule, reason, uses)
    values (:plan_id, :repo_id, '', :content_id, 0, :at, :verdict, :rule, :reason, :uses)
    on conflict (plan_id, repo_id, name, content_id) do nothing
    """
)
ITEMS_OF = Query(
    """
    select repo_id, name, content_id, seq, at, uses from retention_item
    where plan_id = :plan_id and repo_id = :repo_id order by name, content_id limit :limit
    """,
    ItemRow,
)
DROP_ITEMS = Command(
    "delete from retention_item where plan_id = :plan_id and repo_id = :repo_id and name = any(:names)"
)
WAITING = Query(
    """
    select repo_id, name, content_id, seq, at, uses from retention_item
    where plan_id = :plan_id and (repo_id, name, content_id) > (:repo_id, :name, :content_id)
      and verdict = 0 and outcome = 0
    order by repo_id, name, content_id limit :limit
    """,
    ItemRow,
)
# Again, with the repository locked: another applier may have been here.
STILL_TAGS = Query(
    """
    select repo_id, name, content_id, seq, at, uses from retention_item
    where plan_id = :plan_id and repo_id = :repo_id and name = any(:names) and verdict = 0 and outcome = 0
    order by name, content_id
    """,
    ItemRow,
)
STILL_MANIFESTS = Query(
    """
    select repo_id, name, content_id, seq, at, uses from retention_item
    where plan_id = :plan_id and repo_id = :repo_id and name = '' and content_id = any(:ids)
      and verdict = 0 and outcome = 0
    order by content_id
    """,
    ItemRow,
)
END_TAGS = Command(
    """
    update retention_item set outcome = :outcome, skipped = :why
    where plan_id = :plan_id and repo_id = :repo_id and name = any(:names)
    """
)
END_MANIFESTS = Command(
    """
    update retention_item set outcome = :outcome, skipped = :why
    where plan_id = :plan_id and repo_id = :repo_id and name = '' and content_id = any(:ids)
    """
)
TAG_BYTES = Query(
    """
    select cast(coalesce(sum(bytes), 0) as bigint) as total from retention_item
    where plan_id = :plan_id and repo_id = :repo_id and name = any(:names)
    """,
    Total,
)
MANIFEST_BYTES = Query(
    """
    select cast(coalesce(sum(bytes), 0) as bigint) as total from retention_item
    where plan_id = :plan_id and repo_id = :repo_id and name = '' and content_id = any(:ids)
    """,
    Total,
)
_SHOWN = """
    select i.repo_id, coalesce(r.was_path, r.path) as repository, i.name, i.content_id, c.digest, i.seq, i.at,
      i.verdict, i.rule, i.reason, i.bytes, i.outcome, i.skipped
    from retention_item i join repository r on r.id = i.repo_id left join content c on c.id = i.content_id
"""
ITEMS = Query(
    _SHOWN
    + """
    where i.plan_id = :plan_id and (i.repo_id, i.name, i.content_id) > (:repo_id, :name, :content_id)
    order by i.repo_id, i.name, i.content_id limit :limit
    """,
    ShownItem,
)
# What refers to manifests, and goes with them: a tag keeps it.
REFERRERS = Query(
    """
    select e.keeper_id as content_id, count(*) as total from edge e
    join link l on l.repo_id = e.repo_id and l.content_id = e.kept_id
    where e.repo_id = :repo_id and e.keeper_id = any(:ids) and l.subject = e.keeper_id and l.gone_at is null
      and not exists (select 1 from tag t where t.repo_id = e.repo_id and t.content_id = e.kept_id)
    group by e.keeper_id
    """,
    CountedRow,
)
PLAN_ITEMS = Query(
    """
    select repo_id, name, content_id, seq, at, uses from retention_item where plan_id = :plan_id
    order by repo_id, name, content_id limit :limit
    """,
    ItemRow,
)
DROP_PLAN = Command("delete from retention_plan where id = :id")

# -- when --------------------------------------------------------------------------------------------------------------

POLICIES = Query("select path, value from setting where name = 'retention' order by path", SettingRow)
SCHEDULES = Query("select path, cron, next_at from retention_schedule order by path", ScheduleRow)
PUT_SCHEDULE = Command(
    """
    insert into retention_schedule (path, cron, next_at) values (:path, :cron, :next_at)
    on conflict (path) do update set cron = excluded.cron, next_at = excluded.next_at
    """
)
DROP_SCHEDULE = Command("delete from retention_schedule where path = :path")
