"""What must hold between the tables of a registry after anything (data model, rules 1 to 5), asked in SQL.

Each statement gives the rows that break a rule.
"""

from __future__ import annotations

from tests.registry.house import House

from holdfast.db.postgres import PostgresDatabase
from holdfast.registry.verify import ledger_store

BROKEN = {
    "a tag is its last event": """
        select t.repo_id, t.name from tag t
        where not exists (
          select 1 from tag_event e
          where e.repo_id = t.repo_id and e.name = t.name and e.seq = t.seq
            and e.now_id = t.content_id and e.was_id is not distinct from t.was_id)
        or t.seq <> (select max(e.seq) from tag_event e where e.repo_id = t.repo_id and e.name = t.name)
        union
        select e.repo_id, e.name from tag_event e
        where e.now_id is not null
          and not exists (select 1 from tag_event l where l.repo_id = e.repo_id and l.name = e.name and l.seq > e.seq)
          and not exists (select 1 from tag t where t.repo_id = e.repo_id and t.name = e.name)
    """,
    "events are a chain": """
        select repo_id, name, seq from (
          select repo_id, name, seq, was_id, at,
            lag(now_id) over mine as before, lag(at) over mine as earlier, row_number() over mine as n
          from tag_event window mine as (partition by repo_id, name order by seq)
        ) as moves
        where was_id is distinct from (case when n > 1 then before end) or earlier >= at
    """,
    "time goes forward in a repository": """
        select a.repo_id, a.seq from tag_event a join tag_event b on b.repo_id = a.repo_id and b.seq > a.seq
        where b.at <= a.at
        union
        select e.repo_id, e.seq from tag_event e join repository r on r.id = e.repo_id
        where e.seq > r.seq or e.at > r.last_at
    """,
    "a tag points to a live manifest": """
        select t.repo_id, t.name from tag t
        left join link l on l.repo_id = t.repo_id and l.content_id = t.content_id
        where l.kind is null or l.kind = 0 or l.gone_at is not null
    """,
    "what is shown is stored, inline or as one object": """
        select l.repo_id, c.digest from link l join content c on c.id = l.content_id
        left join body b on b.content_id = c.id
        where l.gone_at is null
          and (c.state <> 0 or (b.content_id is null) = (c.key is null) or (l.kind > 0 and b.content_id is null))
    """,
    "a referrer is kept by its subject": """
        select l.repo_id, l.content_id from link l
        join link s on s.repo_id = l.repo_id and s.content_id = l.subject and s.kind > 0 and s.gone_at is null
        where not exists (
          select 1 from edge e where e.repo_id = l.repo_id and e.kept_id = l.content_id and e.keeper_id = l.subject)
    """,
    "what nothing keeps has a candidate": """
        with recursive up (repo_id, content_id, node) as (
          select repo_id, content_id, content_id from link
          union
          select u.repo_id, u.content_id, e.keeper_id
          from up u join edge e on e.repo_id = u.repo_id and e.kept_id = u.node)
        select repo_id, content_id from up u
        group by repo_id, content_id
        having max(case
          when exists (select 1 from tag t where t.repo_id = u.repo_id and t.content_id = u.node) then 1
          when exists (select 1 from candidate k where k.repo_id = u.repo_id and k.content_id = u.node) then 1
          else 0 end) = 0
    """,
    "a candidate is not due before its leases": """
        select e.repo_id, e.content_id from lease e
        left join candidate k on k.repo_id = e.repo_id and k.content_id = e.content_id
        where not exists (select 1 from edge g where g.repo_id = e.repo_id and g.kept_id = e.content_id)
          and not exists (select 1 from tag t where t.repo_id = e.repo_id and t.content_id = e.content_id)
          and (k.due is null or k.due < e.due)
    """,
    "usage is what is shown": """
        select r.path from repository r
        where (select sum(u.bytes) from usage_delta u where u.path = r.path) is distinct from (
            select coalesce(sum(c.size), 0) from link l join content c on c.id = l.content_id
            where l.repo_id = r.id and l.gone_at is null)
          or (select sum(u.tags) from usage_delta u where u.path = r.path) is distinct from (
            select count(*) from tag t where t.repo_id = r.id)
          or (select sum(u.repositories) from usage_delta u where u.path = r.path) is distinct from 1
    """,
    "a doomed key is nobody's": "select d.key from doomed d join content c on c.key = d.key",
}
# PostgreSQL checks it at every commit.
ON_SQLITE = {"nothing refers to a row that is gone": "select * from pragma_foreign_key_check"}


async def broken(house: House) -> dict[str, object]:
    """The rules that do not hold, with the rows that break them."""
    found: dict[str, object] = {}
    rules = BROKEN if isinstance(house.db, PostgresDatabase) else {**BROKEN, **ON_SQLITE}
    for rule, statement in rules.items():
        if rows := house.sql(statement):
            found[rule] = rows
    pages = house.blobs.keys()
    objects = {key async for page in pages for key in page}
    known = set(house.sql("select key from content where key is not null"))
    if known - objects:
        found["a key has its object"] = known - objects
    if objects - known - set(house.doomed()):
        found["an object has its row"] = objects - known - set(house.doomed())
    if totals := await house.db.all(ledger_store.TOTALS_SHORT):
        found["totals are what lies there"] = totals
    repositories = house.sql("select id from repository where gone_at is null")
    counts = await house.db.all(ledger_store.SHORT, ids=repositories)
    if wrong := [row for row in counts if any(row[1:])]:
        found["what repositories use is counted"] = wrong
    return found
