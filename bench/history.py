"""What history costs: rollbacks by the number of changes, pages by the number of tags: `python -m bench.history`.

Repositories are written straight into a database; the table shows the time of each use-case, with SQLite or with the
empty PostgreSQL database of `--database`.
"""

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import asyncpg

from bench.report import table
from holdfast.access.model import UNCHECKED, PathPermit, PullPermit, Subject
from holdfast.access.policy.decide import Rights
from holdfast.access.policy.model import ANYWHERE
from holdfast.blobs.memory import MemoryBlobs
from holdfast.db.port import Database, Unit
from holdfast.db.postgres import PostgresDatabase
from holdfast.db.query import Command
from holdfast.db.schema import is_postgres, prepare_schema
from holdfast.db.sqlite import SqliteDatabase
from holdfast.journal.model import Origin
from holdfast.oci.name import RepositoryName
from holdfast.registry.history.model import Filter
from holdfast.registry.history.rollback.model import Effect, Wish
from holdfast.registry.history.rollback.service import Rollback
from holdfast.registry.history.service import History
from holdfast.registry.history.targets import Target
from holdfast.registry.listing.service import Listing
from holdfast.registry.objects import Objects
from holdfast.registry.settings import RegistrySettings

CHANGES = (100, 1000, 10_000, 100_000)
TAGS = (10, 1_000_000)
MANY = 10_000
_BATCH = 20_000
_ROUNDS = 3
_PAGES = 21
_PAGE = 100
_WHO = Subject(1, "bench")
_FIRST, _SECOND = 1, 2
_BEGAN = 1_700_000_000_000_000


class Repository(NamedTuple):
    """`tags` tags were made at the times 1, 2, ...; of these the first `changed` were moved later, or deleted."""

    id: int
    path: str
    tags: int
    changed: int
    deleted: bool = False

    @property
    def then(self) -> int:
        """Right before the changes."""
        return _BEGAN + self.tags


class Figure(NamedTuple):
    """What was done, and the milliseconds that it took."""

    title: str
    milliseconds: float


def _rows(statement: str) -> Command:
    """A statement over the numbers from `first` to before `until`, called `i`."""
    into, _, select = statement.partition(" select ")
    numbers = (
        "with recursive n(i) as (select cast(:first as bigint) union all select i + 1 from n where i + 1 < :until)"
    )
    return Command(f"{into} {numbers} select {select}")


_NAME = "'v' || substr('0000000' || cast(i as text), length(cast(i as text)) + 1)"
_CONTENT = _rows(
    "insert into content (id, digest, size, state)"
    " select i, 'sha256:' || substr('00000000' || cast(i as text), length(cast(i as text)) + 1), 1, 0 from n"
)
_REPOSITORY = Command(
    "insert into repository (id, path, born, seq, last_at)"
    " values (:id, :path, :began, :seq, cast(:began as bigint) + cast(:seq as bigint))"
)
_LINK = Command("insert into link (repo_id, content_id, kind, put_at) values (:id, :content, 1, 1)")
_TAGS = _rows(
    "insert into tag (repo_id, name, content_id, seq, version_key)"
    f" select :id, {_NAME}, case when i <= :changed then {_SECOND} else {_FIRST} end, i, '' from n"
)
_MADE = _rows(
    f"insert into tag_event (repo_id, seq, name, now_id, at) select :id, i, {_NAME}, {_FIRST}, :began + i from n"
)
_MOVED = _rows(
    "insert into tag_event (repo_id, seq, name, was_id, now_id, at)"
    f" select :id, i + :tags, {_NAME}, {_FIRST}, {_SECOND}, :began + i + :tags from n"
)
_ENDED = _rows(
    "insert into tag_event (repo_id, seq, name, was_id, now_id, at)"
    f" select :id, i + :tags, {_NAME}, {_FIRST}, null, :began + i + :tags from n"
)


async def measure(target: str, largest: int) -> list[Figure]:
    """Lay the rows at `target`, and time what is done with them."""
    await prepare_schema(target)
    db: Database
    if is_postgres(target):
        db = PostgresDatabase(target)
        await db.open()
    else:
        db = SqliteDatabase(target)
    counts = [count for count in CHANGES if count <= largest]
    sizes = [min(count, largest) for count in TAGS]
    changed = [Repository(n, f"bench/changed-{count}", count, count) for n, count in enumerate(counts, 1)]
    ended = Repository(20, "bench/ended", min(MANY, largest), min(MANY, largest), True)
    crowded = [Repository(n, f"bench/tags-{count}", count, min(count, 100)) for n, count in enumerate(sizes, 30)]
    try:
        await db.write(partial(_run, _CONTENT, {"first": _FIRST, "until": _SECOND + 1}))
        for repository in (*changed, ended, *crowded):
            await _lay(db, repository)
        if is_postgres(target):
            await _analyze(target)
        found = [await _rolled_back(db, repository) for repository in (*changed, ended, crowded[-1])]
        for repository in crowded:
            found += await _paged(db, repository)
        return found
    finally:
        await db.close()


async def _rolled_back(db: Database, repository: Repository) -> Figure:
    """A rollback of everything that changed, and one that undoes it, in turns; the first kind is timed."""
    rollback, permit = Rollback(db, RegistrySettings()), _permit()
    target = Target(repository.path)
    times = []
    for _ in range(_ROUNDS):
        before = db.now()
        began = time.perf_counter()
        done = await rollback.apply(permit, Wish(target, repository.then, exact=True))
        times.append(time.perf_counter() - began)
        made = done.counts[Effect.CREATE] + done.counts[Effect.MOVE]
        if made != repository.changed:
            raise RuntimeError(f"{repository.path}: {made} of {repository.changed} tags changed")
        await rollback.apply(permit, Wish(target, before, exact=True))
    what = "made again" if repository.deleted else "moved back"
    title = f"rollback: {repository.changed:,} tags {what}, of {repository.tags:,}"
    return Figure(title, statistics.median(times) * 1000)


async def _paged(db: Database, repository: Repository) -> list[Figure]:
    """Pages from the middle of the list."""
    history, permit = History(db), _permit()
    listing = Listing(db, Objects(MemoryBlobs()), RegistrySettings())
    rollback = Rollback(db, RegistrySettings())
    name = RepositoryName(repository.path)
    reader = PullPermit(_WHO, name, UNCHECKED, Origin("bench"))
    middle = f"v{repository.tags // 2:07d}"
    target = Target(repository.path)
    wish = Wish(target, repository.then)
    acts: list[tuple[str, Callable[[], Awaitable[object]]]] = [
        ("tags page", lambda: listing.tags(reader, middle, _PAGE)),
        ("show --at, a page", lambda: history.standing(permit, repository.path, repository.then, middle, _PAGE)),
        ("history, a page", lambda: history.changes(permit, target, Filter(), None, _PAGE)),
        (
            f"diff over {repository.changed} changes",
            lambda: history.differences(permit, target, repository.then, None, after=("", ""), limit=_PAGE),
        ),
        (f"dry run of {repository.changed} changes", lambda: rollback.preview(permit, wish, ("", ""), _PAGE)),
    ]
    found = []
    for title, act in acts:
        times = []
        for _ in range(_PAGES):
            began = time.perf_counter()
            await act()
            times.append(time.perf_counter() - began)
        found.append(Figure(f"{title}, {repository.tags:,} tags", statistics.median(times) * 1000))
    return found


def _permit() -> PathPermit:
    return PathPermit(_WHO, "", UNCHECKED, Origin("bench"), Rights.EVERYTHING, ANYWHERE)


async def _lay(db: Database, repository: Repository) -> None:
    """Write the rows of a repository, some thousand in a unit."""
    own = {"id": repository.id, "began": _BEGAN}
    seq = repository.tags + repository.changed
    await db.write(partial(_run, _REPOSITORY, {**own, "path": repository.path, "seq": seq}))
    for content in (_FIRST, _SECOND):
        await db.write(partial(_run, _LINK, {"id": repository.id, "content": content}))
    parts: list[tuple[Command, int, dict[str, int]]] = [
        (_MADE, repository.tags, own),
        (_ENDED if repository.deleted else _MOVED, repository.changed, {**own, "tags": repository.tags}),
    ]
    if not repository.deleted:
        parts.append((_TAGS, repository.tags, {"id": repository.id, "changed": repository.changed}))
    for command, count, values in parts:
        for first in range(1, count + 1, _BATCH):
            span = {"first": first, "until": min(first + _BATCH, count + 1)}
            await db.write(partial(_run, command, {**values, **span}))


async def _analyze(url: str) -> None:
    """What the server does by itself a while after so much was written."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("analyze")
    finally:
        await connection.close()


async def _run(command: Command, values: dict[str, object], unit: Unit) -> None:
    await unit.run(command, **values)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; 1 when a rollback did something else."""
    parser = argparse.ArgumentParser(prog="python -m bench.history", description=__doc__.partition("\n")[0])
    parser.add_argument("--database", metavar="URL", help="an empty PostgreSQL database; otherwise SQLite")
    parser.add_argument("--most", type=int, default=TAGS[-1], metavar="N", help=f"no more tags than these ({TAGS[-1]})")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="history-") as place:
        target = given.database or os.fspath(Path(place) / "holdfast.db")
        try:
            found = asyncio.run(measure(target, given.most))
        except RuntimeError as problem:
            print(problem, file=sys.stderr)
            return 1
    print(table(("what", "ms"), [(each.title, f"{each.milliseconds:.2f}") for each in found]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
