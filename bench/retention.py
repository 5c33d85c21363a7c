"""How long a plan of retention takes, and applying it, as a repository grows: `python -m bench.retention`.

A repository in which every tag is an image of its own, over one layer that all share, is written straight into a
database; its rules keep some of the tags and would drop the rest. The table shows the time of the plan, the memory that
it adds, and the rate at which a part of it is carried out, with SQLite or with the empty PostgreSQL database of
`--database`.
"""

import argparse
import asyncio
import contextlib
import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import asyncpg

from bench.report import table
from holdfast.blobs.memory import MemoryBlobs
from holdfast.db.port import Database, Unit
from holdfast.db.postgres import PostgresDatabase
from holdfast.db.query import Command
from holdfast.db.schema import is_postgres, prepare_schema
from holdfast.db.sqlite import SqliteDatabase
from holdfast.registry.objects import Objects
from holdfast.registry.settings import RegistrySettings
from holdfast.retention import store
from holdfast.retention.applying import Applier
from holdfast.retention.model import Cause
from holdfast.retention.planning import Planner
from holdfast.retention.tasks import new_plan

SIZES = (1_000, 10_000, 100_000, 1_000_000)
APPLIED = 10_000
"""Items that are carried out: the rate is the same for more of them."""
_BATCH = 5000
_PATH = "bench/retention"
_RULES = {
    "rules": [
        {"name": "newest", "action": "keep", "newest": 100},
        {"name": "versions", "action": "keep", "tags": ["v1.*"], "newest": 100, "by": "version"},
        {"name": "used", "action": "keep", "used_within": "1d"},
        {"name": "old", "action": "drop", "older_than": "30d"},
        {"name": "bare", "action": "drop", "untagged": True, "older_than": "30d"},
    ]
}
_ZEROS = "'" + "0" * 64 + "'"


class Figure(NamedTuple):
    """What a plan took. `seconds`: to make it, `cpu`: of this process; `megabytes`: of memory that it added at its
    most; `rate`: items a second when it is carried out."""

    tags: int
    drops: int
    seconds: float
    cpu: float
    megabytes: float
    rate: float


def _rows(statement: str) -> Command:
    """A statement over the numbers from `first` to `count`, called `i`."""
    into, _, select = statement.partition(" select ")
    numbers = "with recursive n(i) as (select cast(:first as bigint) union all select i + 1 from n where i < :count)"
    return Command(f"{into} {numbers} select {select}")


# Content 1 is the layer of all; image i is content 2i, its own layer 2i + 1, its tag v1.i, pushed at i.
_ROWS = (
    Command(f"insert into repository (id, path, born, seq, last_at) values (1, '{_PATH}', 1, :tags, :tags)"),
    Command("insert into setting (path, name, value) values ('bench', 'retention', :rules)"),
    Command("insert into use_tracking (id, since) values (1, 1)"),
    Command("insert into content (id, digest, size, state) values (1, 'sha256:shared', 1000000, 0)"),
    Command("insert into link (repo_id, content_id, kind, put_at) values (1, 1, 0, 1)"),
    _rows(
        "insert into content (id, digest, size, state)"
        f" select 2 * i, 'sha256:' || substr({_ZEROS} || cast(i as text), length(cast(i as text)) + 1), 500, 0 from n"
    ),
    _rows(
        "insert into content (id, digest, size, state) select 2 * i + 1, 'sha256:own' || cast(i as text), 9, 0 from n"
    ),
    _rows("insert into link (repo_id, content_id, kind, put_at) select 1, 2 * i, 1, i from n"),
    _rows("insert into link (repo_id, content_id, kind, put_at) select 1, 2 * i + 1, 0, i from n"),
    _rows("insert into edge (repo_id, kept_id, keeper_id) select 1, 1, 2 * i from n"),
    _rows("insert into edge (repo_id, kept_id, keeper_id) select 1, 2 * i + 1, 2 * i from n"),
    _rows(
        "insert into tag (repo_id, name, content_id, seq, version_key)"
        " select 1, 'v1.' || cast(i as text), 2 * i, i, '111' || substr('0000000' || cast(i as text),"
        " length(cast(i as text))) from n"
    ),
    _rows(
        "insert into tag_event (repo_id, seq, name, now_id, at) select 1, i, 'v1.' || cast(i as text), 2 * i, i from n"
    ),
)


async def _lay(db: Database, tags: int) -> None:
    """Write the rows, some thousand in a unit, every table after those that it refers to."""
    for command in _ROWS:
        for first in range(1, tags + 1 if ":first" in command.text else 2, _BATCH):
            wanted: dict[str, object] = {
                "first": first,
                "count": min(first + _BATCH - 1, tags),
                "tags": tags,
                "rules": json.dumps(_RULES),
            }
            values = {name: value for name, value in wanted.items() if f":{name}" in command.text}
            await db.write(partial(_run, command, values))


async def _run(command: Command, values: dict[str, object], unit: Unit) -> None:
    await unit.run(command, **values)


async def _told(_done: int, _total: int) -> None:
    """Nobody listens."""


async def measure(target: str, tags: int) -> Figure:
    """Lay a repository of so many tags at `target`, make a plan, and carry out a part of it."""
    await prepare_schema(target)
    db: Database
    if is_postgres(target):
        db = PostgresDatabase(target)
        await db.open()
    else:
        db = SqliteDatabase(target)
    try:
        await _lay(db, tags)
        if is_postgres(target):
            await _analyze(target)
        settings = RegistrySettings()
        plan = await _plan(db, await db.write(lambda unit: new_plan(unit, "bench", None, Cause.ASKED, "bench")))
        (row,) = await db.all(store.REPOSITORIES, after="", low="bench", high="bench0", limit=2)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        began, used = time.perf_counter(), time.process_time()
        counts = await Planner(db, Objects(MemoryBlobs()), settings).repository(plan, row, _told)
        seconds, cpu = time.perf_counter() - began, time.process_time() - used
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        rate = await _apply(db, plan, settings, counts.drops)
        return Figure(tags, counts.drops, seconds, cpu, grown / 1024, rate)
    finally:
        await db.close()


async def _apply(db: Database, plan: store.PlanRow, settings: RegistrySettings, drops: int) -> float:
    """Items a second, of the first ones."""
    done = 0
    began = time.perf_counter()

    async def told(count: int, _total: int) -> None:
        nonlocal done
        done = count
        if done >= APPLIED:
            raise _Enough

    with contextlib.suppress(_Enough):
        await Applier(db, settings).apply(plan, told, "bench")
    return min(done, drops) / (time.perf_counter() - began)


class _Enough(Exception):
    """As much was carried out as is measured."""


async def _plan(db: Database, plan_id: int) -> store.PlanRow:
    row = await db.one(store.PLAN, id=plan_id)
    if row is None:
        raise RuntimeError("the plan is not there")
    return row


async def _analyze(url: str) -> None:
    """What the server does by itself a while after so much was written."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("analyze")
    finally:
        await connection.close()


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.retention", description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--database", metavar="URL", help="an empty PostgreSQL database, for one size; otherwise SQLite"
    )
    parser.add_argument(
        "--tags", type=int, action="append", metavar="N", help=f"tags; may be repeated ({', '.join(map(str, SIZES))})"
    )
    given = parser.parse_args(arguments)
    sizes = given.tags or SIZES
    if given.database and len(sizes) != 1:
        parser.error("name one size with --tags: the database is filled")
    figures = []
    for tags in sizes:
        with tempfile.TemporaryDirectory(prefix="retention-") as place:
            target = given.database or os.fspath(Path(place) / "holdfast.db")
            figures.append(asyncio.run(measure(target, tags)))
    rows = [
        (
            f"{each.tags:,}",
            f"{each.drops:,}",
            f"{each.seconds:.1f}",
            f"{each.cpu:.1f}",
            f"{each.megabytes:.0f}",
            f"{each.rate:,.0f}",
        )
        for each in figures
    ]
    print(table(("tags", "would go", "plan, s", "CPU, s", "memory, MiB", "applied a second"), rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
