"""What a read by digest costs who may pull some tags only, beside one who may pull everything: `python -m bench.reach`.

A repository of very many images over one base layer is written straight into a database; the table shows the
statements and the time of each read, with SQLite or with the empty PostgreSQL database of `--database`.
"""

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg

from bench.report import table
from holdfast.access.model import ANONYMOUS, UNCHECKED, PullPermit
from holdfast.access.policy.decide import TagRights
from holdfast.access.policy.globs import TagGlob
from holdfast.blobs.memory import MemoryBlobs
from holdfast.db.port import Database, Unit
from holdfast.db.postgres import PostgresDatabase
from holdfast.db.query import Command
from holdfast.db.schema import is_postgres, prepare_schema
from holdfast.db.sqlite import SqliteDatabase
from holdfast.journal.model import Origin
from holdfast.oci.digest import Digest
from holdfast.oci.name import RepositoryName
from holdfast.registry.errors import BlobUnknown
from holdfast.registry.objects import Objects
from holdfast.registry.pull.service import Pull
from holdfast.registry.settings import RegistrySettings

MANIFESTS = 100_000
_ROUNDS = 21
_BATCH = 5000
_REPOSITORY = RepositoryName("bench/reach")
_NUMBER = "cast(i + 1 as text)"
_ZEROS = "'" + "0" * 64 + "'"
# Content 1 is a layer of all images that have a tag, 2 of one of them, 3 of as many images again that have none; images
# are content 10 and on, and after them comes a layer of each one alone.
BASE, RARE, LOOSE, _FIRST = 1, 2, 3, 10


class Read(NamedTuple):
    """A read, and what it took."""

    title: str
    statements: int
    milliseconds: float


class Reader(NamedTuple):
    """Who reads which layer, and whether it is there for him."""

    title: str
    layer: int
    tags: TagRights
    found: bool


class Counted:
    """A database that counts the statements of reads."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self.statements = 0

    async def one(self, query: Any, **parameters: Any) -> Any:
        """The first row, counted."""
        self.statements += 1
        return await self._db.one(query, **parameters)

    async def all(self, query: Any, **parameters: Any) -> Any:
        """All rows, counted."""
        self.statements += 1
        return await self._db.all(query, **parameters)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)


def digest_of(content: int) -> Digest:
    """The digest that the rows give content number `content`."""
    return Digest(f"sha256:{content:064d}")


def readers(manifests: int) -> list[Reader]:
    """The reads of the table; the image in the middle has the tag `dev`, the others `prod-<number>`."""
    some = _rights("dev")
    return [
        Reader("whoever may pull everything", BASE, TagRights.ALL, True),
        Reader("one permitted tag, a layer of that image alone", RARE, some, True),
        Reader(f"one permitted tag, the base layer under {manifests:,} manifests", BASE, some, True),
        Reader(f"{manifests:,} permitted tags, the base layer under all of them", BASE, _rights("prod-*"), True),
        Reader(f"{manifests:,} permitted tags, a hidden layer of one image", RARE, _rights("prod-*"), False),
        Reader(f"all but one permitted (a deny), the base layer under {manifests:,}", BASE, _rights("*", "dev"), True),
        Reader(f"no permitted tag, the base layer under {manifests:,} manifests", BASE, _rights("none-*"), False),
        Reader(
            f"{manifests:,} permitted tags, a hidden layer under {manifests:,} others", LOOSE, _rights("prod-*"), False
        ),
    ]


async def measure(target: str, manifests: int) -> list[Read]:
    """Lay the rows at `target` and read."""
    await prepare_schema(target)
    db: Database
    if is_postgres(target):
        db = PostgresDatabase(target)
        await db.open()
    else:
        db = SqliteDatabase(target)
    try:
        await _lay(db, manifests)
        if is_postgres(target):
            await _analyze(target)
        counted = Counted(db)
        pull = Pull(counted, Objects(MemoryBlobs()), RegistrySettings())
        return [await _read(pull, counted, reader) for reader in readers(manifests)]
    finally:
        await db.close()


async def _read(pull: Pull, counted: Counted, reader: Reader) -> Read:
    permit = PullPermit(ANONYMOUS, _REPOSITORY, UNCHECKED, Origin("bench"), tags=reader.tags)
    times = []
    for _ in range(_ROUNDS):
        counted.statements = 0
        began = time.perf_counter()
        try:
            await pull.blob_head(permit, digest_of(reader.layer))
            found = True
        except BlobUnknown:
            found = False
        times.append(time.perf_counter() - began)
        if found is not reader.found:
            raise RuntimeError(f"{reader.title}: {'found' if found else 'not found'}")
    return Read(reader.title, counted.statements, statistics.median(times) * 1000)


def _rights(glob: str, deny: str | None = None) -> TagRights:
    return TagRights(((TagGlob.parse(glob),),), () if deny is None else (TagGlob.parse(deny),))


def _rows(statement: str) -> Command:
    """A statement over the numbers from `first` to `count`, called `i`."""
    into, _, select = statement.partition(" select ")
    numbers = (
        "with recursive n(i) as (select cast(:first as bigint) union all select i + 1 from n where i + 1 < :count)"
    )
    return Command(f"{into} {numbers} select {select}")


_ROWS = (
    Command(f"insert into repository (id, path, born, seq, last_at) values (1, '{_REPOSITORY}', 1, 1, 1)"),
    _rows(
        "insert into content (id, digest, size, state)"
        f" select i + 1, 'sha256:' || substr({_ZEROS} || {_NUMBER}, length({_NUMBER}) + 1), 1, 0 from n"
    ),
    _rows(
        "insert into link (repo_id, content_id, kind, put_at)"
        f" select 1, i + 1, case when i + 1 < {_FIRST} or i + 1 >= :own then 0 else 1 end, 1 from n"
    ),
    _rows(
        "insert into edge (repo_id, kept_id, keeper_id)"
        f" select 1, case when i + 1 < :loose then {BASE} else {LOOSE} end, i + 1 from n"
        f" where i + 1 >= {_FIRST} and i + 1 < :own"
    ),
    _rows(
        "insert into edge (repo_id, kept_id, keeper_id)"
        f" select 1, i + 1 + :own - {_FIRST}, i + 1 from n where i + 1 >= {_FIRST} and i + 1 < :own"
    ),
    Command(f"insert into edge (repo_id, kept_id, keeper_id) values (1, {RARE}, :middle)"),
    _rows(
        "insert into tag (repo_id, name, content_id, seq, version_key)"
        f" select 1, case when i + 1 = :middle then 'dev' else 'prod-' || {_NUMBER} end, i + 1, 1, '' from n"
        f" where i + 1 >= {_FIRST} and i + 1 < :loose"
    ),
)


async def _lay(db: Database, manifests: int) -> None:
    """Write the rows, some thousand in a unit, every table after those that it refers to."""
    middle, loose = _FIRST + manifests // 2, _FIRST + manifests
    own = loose + manifests
    last = own + 2 * manifests - 1
    for command in _ROWS:
        for first in range(0, last if ":first" in command.text else 1, _BATCH):
            wanted = {"first": first, "count": min(first + _BATCH, last), "middle": middle, "loose": loose, "own": own}
            values = {name: value for name, value in wanted.items() if f":{name}" in command.text}
            await db.write(partial(_run, command, values))


async def _analyze(url: str) -> None:
    """What the server does by itself a while after so much was written."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("analyze")
    finally:
        await connection.close()


async def _run(command: Command, values: dict[str, int], unit: Unit) -> None:
    await unit.run(command, **values)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; 1 when a read was answered wrongly."""
    parser = argparse.ArgumentParser(prog="python -m bench.reach", description=__doc__.partition("\n")[0])
    parser.add_argument("--database", metavar="URL", help="an empty PostgreSQL database; otherwise SQLite")
    parser.add_argument("--manifests", type=int, default=MANIFESTS, metavar="N", help=f"images ({MANIFESTS})")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="reach-") as place:
        target = given.database or os.fspath(Path(place) / "holdfast.db")
        try:
            found = asyncio.run(measure(target, given.manifests))
        except RuntimeError as problem:
            print(problem, file=sys.stderr)
            return 1
    print(table(("read", "statements", "ms"), [(r.title, str(r.statements), f"{r.milliseconds:.2f}") for r in found]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
