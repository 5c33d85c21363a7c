"""Reads of a large registry on PostgreSQL: no step of a hot statement touches many more rows than it returns, where all
but one repository are small, and before the server knows anything of its tables."""

from __future__ import annotations

import json
from typing import Any

import asyncpg
import pytest
from tests import backends
from tests.db.statements import constants
from tests.db.test_statements import HOT

from holdfast.db.dialect import Numbered
from holdfast.db.postgres_link import PostgresOptions, open_connection
from holdfast.db.query import Query

MANY = 20_000
MOST = 1_000
"""Rows that a step may touch: a page is 101, and joins look each of them up."""
FILL = """
insert into repository (path, born, seq, last_at) select 'repo/' || i, 1, 1, 1 from generate_series(1, 5000) i;
insert into content (digest, size, state) select 'sha256:' || i, 10, 0 from generate_series(1, {many}) i;
insert into body select i, 'x'::bytea from generate_series(1, {many}) i;
insert into link (repo_id, content_id, kind, media_type, artifact_type, subject, put_at)
  select 5, i, 1, 'm', 'x', case when i > {many} / 2 then 7 end, 1 from generate_series(1, {many}) i;
insert into tag (repo_id, name, content_id, seq, version_key)
  select 5, 'tag' || i, i, 1, 'v' from generate_series(1, {many}) i;
insert into link (repo_id, content_id, kind, put_at) select i, i, 1, 1 from generate_series(6, 5000) i;
insert into tag (repo_id, name, content_id, seq, version_key)
  select i, 'only', i, 1, 'v' from generate_series(6, 5000) i;
insert into link (repo_id, content_id, kind, put_at) select i, 3, 0, 1 from generate_series(6, 5000) i;
insert into search_term select 'label', 'tag1', repo_id, content_id, 'x' from link where kind > 0;
insert into tag_event select i, 1, 'only', null, i, 1 from generate_series(6, 5000) i;
insert into tag_event select 5, i, 'tag' || i, null, i, 1 from generate_series(1, {many}) i;
insert into edge select 5, i, 7 from generate_series({many} / 2 + 1, {many}) i;
insert into edge select 5, i, i - 1 from generate_series(10, {many}) i;
insert into candidate select 5, i, 1000 + i from generate_series(1, {many} / 2) i;
insert into lease select 5, i, 1, 1000 + i from generate_series(1, {many} / 2) i;
insert into doomed select 'key' || i, 1000 + i from generate_series(1, {many}) i;
insert into journal (repo_id, seq, at, actor, request, kind, data, pos, path)
  select 5, i, i, 'user:many', 'many', 'manifest.pushed', '{{}}', i, 'repo/5' from generate_series(1, {many}) i;
insert into journal (repo_id, seq, at, actor, request, kind, data, pos, path)
  select 6, i, {many} + i, 'user:late', 'late', 'manifest.pushed', '{{}}', {many} + i, 'repo/6'
  from generate_series(1, {many}) i;
insert into upload (id, opener, received, expires) select 'up' || i, i, 1, 1000 + i from generate_series(1, {many}) i;
"""
VALUES: dict[str, str] = {
    "after": "0",
    "aliases": "6",
    "artifact_type": "'x'",
    "at": "1",
    "before": "2",
    "cap": "100",
    "content_id": "50",
    "digest": "'sha256:50'",
    "digests": "array['sha256:50', 'sha256:51']",
    "field": "'label'",
    "high": "'tag2'",
    "id": "50",
    "ids": "array[1, 2]",
    "keeper_id": "60",
    "key": "'5'",
    "keys": "array['key1', 'key2']",
    "last": "'tag5'",
    "limit": "101",
    "low": "'tag1'",
    "most": "100",
    "name": "'tag50'",
    "names": "array['tag50', 'tag51']",
    "now": "1001",
    "opener": "1",
    "path": "'repo/5'",
    "paths": "array['repo/5', 'repo/6', 'repo/7']",
    "platform": "' linux/amd64'",
    "prefixes": "array['', 'repo', 'repo/5']",
    "referrers": "50",
    "repo_id": "5",
    "seq": "50",
    "since": "0",
    "subject": "'sha256:7'",
    "until": "2",
}
_REPOSITORIES = {"ids": "array[5, 6, 7]"}
OWN_VALUES = {
    "journal.store.NEWEST_OF_ACTOR": {"value": "'user:many'", "before": "1000000"},
    "journal.store.NEWEST_OF_PATH": {"value": "'repo/5'", "before": "1000000"},
    "journal.store.NEWEST_OF_REQUEST": {"value": "'many'", "before": "1000000"},
    "journal.store.OLDEST_OF_ACTOR": {"value": "'user:late'"},
    "journal.store.OLDEST_OF_PATH": {"value": "'repo/6'"},
    "journal.store.OLDEST_OF_REQUEST": {"value": "'late'"},
    "registry.browsing.repositories_store.NEWEST": _REPOSITORIES,
    "registry.browsing.store.ACTORS": {"rows": "'[[50], [51]]'"},
    "registry.details.store.PLACES": {"ids": "array[3]"},
    "registry.history.store.EVENTS": {"before": "1000000"},
    "registry.history.store.PLACE_AT": {"at": "1000000"},
    "registry.search.store.WITH_TAGS": _REPOSITORIES,
    "registry.search.store.WITH_TERMS": _REPOSITORIES,
}
"""Of statements for which other values are the worst: those of half of all rows, which lie furthest from the start."""
KNOWN = {"all": "analyze", "nothing": "select 1"}
"""How a server comes to know what it knows of the tables."""
UNKNOWN = {
    "registry.browsing.repositories_store.USED",
    "registry.history.rollback.store.LOCK",
    "registry.lastuse.store.LISTED",
    "registry.reach.store.LEASED",
    "registry.search.store.MADE",
    "registry.search.store.TAGS",
    "registry.search.store.UNNAMED",
    "registry.search.store.WITH_CONTENT",
}
"""Statements that may touch more before the server looked at its tables the first time."""
REQUESTS = set(HOT) - {"holdfast.registry.sweep.store"}
"""Modules whose statements serve requests. The sweeper takes what is due in large batches, and may read all of it."""
READS = [each for each in constants() if each.module in REQUESTS and isinstance(each.statement, Query)]


@pytest.fixture(scope="module", params=KNOWN)
def server(request: pytest.FixtureRequest) -> tuple[str, str]:
    """The URL of a filled database, and what the server knows of it."""
    url = backends.laid_database_url()

    async def work() -> None:
        connection = await asyncpg.connect(url)
        tables = await connection.fetch("select tablename from pg_tables where schemaname = 'public'")
        for (table,) in tables:
            await connection.execute(f"alter table {table} set (autovacuum_enabled = off)")
        await connection.execute(FILL.format(many=MANY))
        await connection.execute(KNOWN[request.param])
        await connection.close()

    backends.asyncio_run(work)
    return url, request.param


def touched(step: dict[str, Any]) -> int:
    """The most rows that one step of a plan touched."""
    rows = (step["Actual Rows"] + step.get("Rows Removed by Filter", 0)) * step["Actual Loops"]
    return max([int(rows), *map(touched, step.get("Plans", []))])


@pytest.mark.parametrize("plans", ["force_generic_plan", "force_custom_plan"])
def test_a_read_touches_few_rows(server: tuple[str, str], plans: str) -> None:
    url, known = server
    found: dict[str, dict[str, Any]] = {}
    asked = [each for each in READS if "insert" not in each.statement.text]

    async def work() -> None:
        connection = await open_connection(url, PostgresOptions(statement_timeout=60.0))
        try:
            await connection.execute(f"set plan_cache_mode = {plans}")
            for constant in asked:
                statement = Numbered(constant.statement.text, None)
                own = {**VALUES, **OWN_VALUES.get(str(constant), {})}
                values = ", ".join(own.get(name, "null") for name in statement.names)
                call = f"execute hot({values})" if values else "execute hot"
                await connection.execute(f"begin; prepare hot as {statement.text}")
                plan = await connection.fetchval(f"explain (analyze, timing off, format json) {call}")
                await connection.execute("rollback; deallocate hot")
                found[str(constant)] = json.loads(plan)[0]["Plan"]
        finally:
            await connection.close()

    backends.asyncio_run(work)
    allowed = UNKNOWN if known == "nothing" else {"registry.reach.store.LEASED"}
    most = {name: touched(plan) for name, plan in found.items() if touched(plan) > MOST}
    assert {name: rows for name, rows in most.items() if name not in allowed} == {}
    assert len(found) == len(asked)
