"""What finding costs as a registry grows: a tags page, an artifact's details, searches: `python -m bench.search`.

Registries of 10 and of very many tags are written straight into databases, in memory or with the empty PostgreSQL
databases of `--database`; the table shows the time of each use-case in both, and how many times longer it takes.
"""

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import asyncpg

from bench.report import table
from holdfast.access.model import UNCHECKED, PathPermit, PullPermit, Subject
from holdfast.access.policy.decide import Rights
from holdfast.access.policy.model import ANYWHERE, BUILT_IN_ROLES, Effect, Grant, Grantee, GranteeKind
from holdfast.blobs.memory import MemoryBlobs
from holdfast.db.port import Database, Unit
from holdfast.db.postgres import PostgresDatabase
from holdfast.db.query import Command
from holdfast.db.schema import is_postgres, prepare_schema
from holdfast.db.sqlite import SqliteDatabase
from holdfast.journal.model import Origin
from holdfast.oci.digest import Digest
from holdfast.oci.name import RepositoryName, Tag
from holdfast.registry.details.service import Artifacts, Named
from holdfast.registry.listing.service import Listing
from holdfast.registry.objects import Objects
from holdfast.registry.search.model import Kind, Match, asked
from holdfast.registry.search.service import Search
from holdfast.registry.settings import RegistrySettings

FEW, MANY = 10, 1_000_000
_PER_REPOSITORY = 1_000
_BATCH = 20_000
_ROUNDS = 31
_PAGE = 100
_WHO = Subject(1, "bench")
_CROWDED = "bench/crowded"
IMAGE = 2_000_000_000
"""Where the ids of the one real image begin."""
Act = Callable[[], Awaitable[object]]


class Size(NamedTuple):
    """A registry of so many tags: half of them in one repository, the others in repositories of a thousand."""

    tags: int

    @property
    def repositories(self) -> int:
        """Beside the crowded one."""
        return max(1, self.tags // 2 // _PER_REPOSITORY)

    @property
    def manifests(self) -> int:
        """That say something, one annotation each."""
        return max(5, self.tags // 10)


def rows(statement: str) -> Command:
    """A statement over the numbers from `first` to before `until`, called `i`."""
    into, _, select = statement.partition(" select ")
    numbers = (
        "with recursive n(i) as (select cast(:first as bigint) union all select i + 1 from n where i + 1 < :until)"
    )
    return Command(f"{into} {numbers} select {select}")


_DIGITS = "substr('0000000' || cast(i as text), length(cast(i as text)) + 1)"
_PLACE = "2 + i % cast(:repositories as bigint)"
_REPOSITORIES = rows(
    "insert into repository (id, path, born, seq, last_at)"
    f" select i, case when i = 1 then '{_CROWDED}' else 'bench/r' || {_DIGITS} end, 1, 1, 1 from n"
)
_NAMES = rows(
    "insert into search_name (suffix, repo_id)"
    f" select case when i = 1 then 'crowded' else 'r' || {_DIGITS} end, i from n"
)
_CONTENT = rows(
    f"insert into content (id, digest, size, state) select i, 'sha512:' || {_DIGITS} || 'abcdef', 1, 0 from n"
)
_LINKS = rows(
    "insert into link (repo_id, content_id, kind, media_type, put_at)"
    f" select {_PLACE}, i, 1, 'application/vnd.example', 1 from n"
)
_TERMS = rows(
    "insert into search_term (field, term, repo_id, content_id, said)"
    f" select 'annotation', 'number=' || {_DIGITS}, {_PLACE}, i, 'number=' || {_DIGITS} from n"
)
_TAGS = rows(
    "insert into tag (repo_id, name, content_id, seq, version_key)"
    f" select 2 + i % cast(:repositories as bigint), 'v' || {_DIGITS},"
    " 1 + (i % cast(:repositories as bigint)) + cast(:repositories as bigint), 1, '' from n"
)
_SHOWN = rows(
    "insert into link (repo_id, content_id, kind, media_type, put_at)"
    " select 2 + i % cast(:repositories as bigint),"
    " 1 + (i % cast(:repositories as bigint)) + cast(:repositories as bigint), 1, 'application/vnd.example', 1 from n"
    " where true on conflict do nothing"
)
_CROWD = rows(
    f"insert into tag (repo_id, name, content_id, seq, version_key) select 1, 'c' || {_DIGITS}, {IMAGE}, 1, '' from n"
)
_PUT = Command("insert into content (id, digest, size, state) values (:id, :digest, :size, 0)")
_BODY = Command("insert into body (content_id, bytes) values (:id, :bytes)")
_LINK = Command(
    "insert into link (repo_id, content_id, kind, media_type, put_at) values (1, :id, :kind, :media_type, 1)"
)
_EDGE = Command("insert into edge (repo_id, kept_id, keeper_id) values (1, :id, :keeper)")


async def measure(target: str, size: Size) -> dict[str, float]:
    """Lay a registry at `target`; the milliseconds of each use-case."""
    await prepare_schema(target)
    db: Database
    if is_postgres(target):
        db = PostgresDatabase(target)
        await db.open()
    else:
        db = SqliteDatabase(target)
    try:
        await _lay(db, size)
        if is_postgres(target):
            connection = await asyncpg.connect(target)
            await connection.execute("analyze")
            await connection.close()
        return {title: await _timed(act) for title, act in _acts(db, size).items()}
    finally:
        await db.close()


def _acts(db: Database, size: Size) -> dict[str, Act]:
    settings = RegistrySettings()
    objects = Objects(MemoryBlobs())
    listing, artifacts, search = Listing(db, objects, settings), Artifacts(db, objects, settings), Search(db, settings)
    crowded = RepositoryName(_CROWDED)
    pull = PullPermit(_WHO, crowded, UNCHECKED, Origin("bench"))
    middle = f"c{size.tags // 4:07d}"
    wide = PathPermit(_WHO, "", UNCHECKED, Origin("bench"), Rights.EVERYTHING, ANYWHERE)
    last = size.repositories + 1
    one = _reader(f"bench/r{last:07d}")
    mine = next(i for i in range(size.tags // 2, 0, -1) if 2 + i % size.repositories == last)

    def find(permit: PathPermit, text: str, kind: Kind, match: Match = Match.PREFIX) -> Act:
        return lambda: search.find(permit, asked(text, (kind,), match), "", _PAGE)

    return {
        f"tags page of {_PAGE}": lambda: listing.tags(pull, middle, _PAGE),
        "artifact's details": lambda: artifacts.show(wide, Named(crowded, Tag(middle))),
        "search: a tag, exactly": find(wide, f"v{size.tags // 4:07d}", Kind.TAG, Match.EXACT),
        "search: the beginning of tags": find(wide, "v000000", Kind.TAG),
        "search: the beginning of a name": find(wide, f"r{last:07d}"[:8], Kind.REPOSITORY),
        "search: an annotation": find(wide, f"number={size.manifests:07d}", Kind.ANNOTATION),
        "search: 7 digits of a digest": find(wide, "0000003abcdef", Kind.DIGEST),
        "search, who sees one repository: a tag": find(one, f"v{mine:07d}", Kind.TAG, Match.EXACT),
        "search, who sees one repository: an annotation": find(one, "number=", Kind.ANNOTATION),
        "search: a substring that is nowhere (ends at 150 ms)": find(wide, "nowhere", Kind.TAG, Match.SUBSTRING),
    }


async def _timed(act: Act) -> float:
    """The median in milliseconds, after a first time that is not counted."""
    times = []
    for _ in range(_ROUNDS + 1):
        began = time.perf_counter()
        await act()
        times.append(time.perf_counter() - began)
    return statistics.median(times[1:]) * 1000


def _reader(repository: str) -> PathPermit:
    who = Grantee(GranteeKind.ACCOUNT, _WHO.id, "user:bench")
    grant = Grant(1, Effect.ALLOW, who, "reader", BUILT_IN_ROLES["reader"], repository)
    return PathPermit(_WHO, "", UNCHECKED, Origin("bench"), Rights("user:bench", [grant], {}), ANYWHERE)


async def _lay(db: Database, size: Size) -> None:
    """Write the rows, some thousand in a unit."""
    repositories, half = size.repositories, max(1, size.tags // 2)
    contents = max(size.manifests, 2 * repositories + 1)
    await db.write(lambda unit: unit.run(_REPOSITORIES, first=1, until=repositories + 2))
    await db.write(lay_image)
    for statement, until in (
        (_NAMES, repositories + 2),
        (_CONTENT, contents + 1),
        (_LINKS, size.manifests + 1),
        (_TERMS, size.manifests + 1),
        (_SHOWN, repositories + 1),
        (_TAGS, half + 1),
        (_CROWD, half + 1),
    ):
        for first in range(1, until, _BATCH):
            own = {"first": first, "until": min(first + _BATCH, until)}
            more = {"repositories": repositories} if ":repositories" in statement.text else {}
            await db.write(lambda unit, s=statement, values={**own, **more}: unit.run(s, **values))  # type: ignore[misc]


async def lay_image(unit: Unit) -> None:
    """One real image in the first repository: content `IMAGE`, with what it keeps behind it."""
    config = json.dumps(
        {"os": "linux", "architecture": "amd64", "history": [{"created_by": f"RUN step {n}"} for n in range(20)]}
    ).encode()
    layers = [f"layer {n}".encode() for n in range(20)]
    parts = [(config, "application/vnd.oci.image.config.v1+json")]
    parts += [(layer, "application/vnd.oci.image.layer.v1.tar+gzip") for layer in layers]
    named = [{"mediaType": kind, "digest": Digest.of(data), "size": len(data)} for data, kind in parts]
    media_type = "application/vnd.oci.image.manifest.v1+json"
    manifest = json.dumps(
        {"schemaVersion": 2, "mediaType": media_type, "config": named[0], "layers": named[1:]}
    ).encode()
    for number, (data, kind) in enumerate([(manifest, media_type), *parts]):
        own = IMAGE + number
        await unit.run(_PUT, id=own, digest=Digest.of(data), size=len(data))
        await unit.run(_BODY, id=own, bytes=data)
        await unit.run(_LINK, id=own, kind=0 if number else 1, media_type=None if number else kind)
        if number:
            await unit.run(_EDGE, id=own, keeper=IMAGE)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure at both sizes, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.search", description=__doc__)
    parser.add_argument("--tags", type=int, default=MANY, help=f"of the larger registry ({MANY:,})")
    parser.add_argument("--database", action="append", default=[], metavar="URL", help="empty ones, for both sizes")
    parser.add_argument("--dir", metavar="DIR", help="where the SQLite files go while it runs")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="bench-search-", dir=given.dir) as place:
        found = []
        for number, tags in enumerate((FEW, given.tags)):
            target = given.database[number] if given.database else os.fspath(Path(place) / f"{number}.db")
            found.append(asyncio.run(measure(target, Size(tags))))
    few, many = found
    lines = [(title, f"{few[title]:.2f}", f"{many[title]:.2f}", f"{many[title] / few[title]:.1f} x") for title in few]
    print(table(("what", f"ms, {FEW} tags", f"ms, {given.tags:,} tags", "growth"), lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
