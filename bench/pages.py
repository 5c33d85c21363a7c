"""What the pages of the console cost as a registry grows: `python -m bench.pages`.

Each page is asked in this process, by the handlers of the whole program, of a registry of 10 tags and of one of very
many in a tenth as many repositories, by an administrator and by a person with one grant on a glob. The table shows
bytes as they are sent, statements (SQLite), the median time at both sizes, and the slow end against the budget. With
`--database` on two empty PostgreSQL databases instead.
"""

import argparse
import asyncio
import base64
import contextlib
import io
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import NamedTuple

import apsw
import asyncpg

from bench.figures import percentile
from bench.inside import Visitor, make
from bench.report import table
from bench.shelves import CROWDED, SOME, Shelves, lay
from holdfast.app.build import Services, build, first_start
from holdfast.app.config import Settings
from holdfast.app.config_kinds import Secret
from holdfast.app.config_record import Database as DatabaseSettings
from holdfast.app.config_record import Encryption
from holdfast.app.datadir import DataDirectory
from holdfast.db.port import Database
from holdfast.db.postgres import PostgresDatabase
from holdfast.db.postgres_link import PostgresOptions
from holdfast.db.sqlite import SqliteDatabase

FEW, MANY = 10, 1_000_000
BUDGET = 200.0
"""Milliseconds that the slow end of a page of the largest registry may take."""
_ROUNDS = 21
_PATIENT = PostgresOptions(statement_timeout=120.0)
"""Tables are filled by statements that are longer than any of the program."""
_ADMIN = ("admin", "pass phrase of the bench")
_SOMEBODY = ("somebody", "pass phrase of somebody")
_R, _N = f"/r/{CROWDED}", "/n/ns002"
_BRACKETS = ("begin", "commit", "rollback", "savepoint", "release")


class Page(NamedTuple):
    """A page and what it is called. `part`: what our script asks for; `everybody`: not for administrators alone."""

    title: str
    path: str
    part: bool = False
    everybody: bool = True


PAGES = (
    Page("home", "/"),
    Page("namespaces", "/n"),
    Page("a namespace", _N),
    Page("repositories of a namespace", f"{_N}/sub00"),
    *(Page(f"repositories by {by.strip('-')}", f"/n?view=flat&sort={by}") for by in ("-pushed", "-pulled", "-size")),
    *(Page(f"repositories by {by.strip('-')}", f"/n?view=flat&sort={by}") for by in ("-tags", "name")),
    Page("repositories by what they free", "/n?view=flat&sort=-frees", everybody=False),
    Page("repositories, a text that few have", "/n?view=flat&q=app-0000002"),
    Page("repositories, a text that none has", "/n?view=flat&q=nowhere"),
    Page("repository", _R),
    *(Page(f"tags by {by.strip('-')}", f"{_R}/-/tags?sort={by}") for by in ("-pushed", "-pulled", "-size", "-version")),
    Page("tags by name", f"{_R}/-/tags?sort=name"),
    Page("tags by name, from the middle", f"{_R}/-/tags?sort=name&go=v25"),
    Page("tags, a text that all have", f"{_R}/-/tags?q=v"),
    Page("tags, a text that none has", f"{_R}/-/tags?q=nowhere"),
    Page("tags of a platform", f"{_R}/-/tags?platform=linux/arm64"),
    Page("tags by one person", f"{_R}/-/tags?actor=bob"),
    Page("artifact", f"{_R}/-/tags/image"),
    Page("history", f"{_R}/-/history"),
    Page("history of one person", f"{_R}/-/history?actor=bob"),
    Page("history as of an hour ago", f"{_R}/-/history?at=1+h+ago"),
    Page("history of a namespace", f"{_N}/-/history"),
    Page("deleted", f"{_R}/-/deleted"),
    Page("search, repositories", "/search?q=app-0000"),
    Page("search, tags", "/search?q=v0.0"),
    Page("storage", "/storage"),
    Page("storage, its charts", "/storage?view=charts", part=True),
    Page("storage of a namespace", f"{_N}/-/storage", everybody=False),
    Page("retention", f"{_R}/-/retention"),
    Page("insights", f"{_R}/-/insights"),
    Page("audit", "/audit", everybody=False),
    Page("users", "/admin/users", everybody=False),
    Page("jobs", "/jobs"),
    Page("uploads", "/uploads"),
)


class Cost(NamedTuple):
    """Of a page: bytes as sent, statements (0: not counted), milliseconds of every time it was asked, and of processor
    time of this process the median."""

    sent: int
    statements: int
    times: list[float]
    cpu: float

    @property
    def middle(self) -> float:
        """The median time."""
        return median(self.times)

    @property
    def slow(self) -> float:
        """The time that one of twenty takes."""
        return percentile(sorted(self.times), 95)


def settings_of(place: Path, url: str | None) -> Settings:
    """Of a registry in a directory, with its database at `url`, which then needs a master key of its own."""
    given = Settings(data=place, admin_password=Secret(_ADMIN[1]))
    if url is None:
        return given
    key = Secret(base64.b64encode(os.urandom(32)).decode())
    return replace(given, database=DatabaseSettings(Secret(url)), encryption=Encryption(key=key, content="off"))


async def fill(settings: Settings, shelves: Shelves) -> None:
    """Lay a registry as a first start does, and put everything into it."""
    directory = DataDirectory(settings.data)
    directory.prepare()
    await first_start(settings, directory)
    url = settings.database.url.reveal() if settings.database.url is not None else None
    db: Database = SqliteDatabase(directory.database) if url is None else PostgresDatabase(url, _PATIENT)
    try:
        await lay(db, shelves, partial(_analyze, url))
    finally:
        await db.close()


async def measure(settings: Settings, rounds: int) -> dict[str, Cost]:
    """Ask for every page of a registry that is filled."""
    said: list[str] = []
    with _watched(said), contextlib.redirect_stderr(_Nowhere()):
        services = await build(settings, DataDirectory(settings.data))
    try:
        return await _costs(services, said, rounds)
    finally:
        await services.close()


class _Nowhere(io.TextIOBase):
    """Takes the lines of the access log."""

    def write(self, text: str) -> int:
        return len(text)


async def _costs(services: Services, said: list[str], rounds: int) -> dict[str, Cost]:
    rooms = services.rooms
    await make(rooms, _ADMIN, "/users", {"name": _SOMEBODY[0], "password": _SOMEBODY[1]})
    await make(rooms, _ADMIN, "/grants", {"subject": f"user:{_SOMEBODY[0]}", "role": "reader", "scope": SOME})
    found = {}
    for (name, password), words in ((_ADMIN, ""), (_SOMEBODY, ", one grant")):
        visitor = Visitor(rooms)
        await visitor.sign_in(name, password)
        for page in PAGES:
            if page.everybody or name == _ADMIN[0]:
                found[page.title + words] = await _cost(visitor, page, said, rounds)
    return found


async def _cost(visitor: Visitor, page: Page, said: list[str], rounds: int) -> Cost:
    """Of a page that was asked for before: what is remembered is remembered."""
    first = await visitor.look(page.path, part=page.part)
    path = first.location or page.path
    answer = await visitor.look(path, part=page.part) if first.location else first
    if answer.status != 200:
        raise RuntimeError(f"{path}: {answer.status}")
    times, used = [], []
    for _ in range(rounds):
        said.clear()
        began, spent = time.perf_counter(), time.process_time()
        answer = await visitor.look(path, part=page.part)
        times.append(1000 * (time.perf_counter() - began))
        used.append(1000 * (time.process_time() - spent))
    asked = [each for each in said if not each.lower().startswith(_BRACKETS)]
    return Cost(len(answer.body), len(asked), times, median(used))


@contextlib.contextmanager
def _watched(said: list[str]) -> Iterator[None]:
    """Every connection to a database file that is opened meanwhile writes its statements down."""

    def note(_cursor: object, statement: str, _bindings: object) -> bool:
        said.append(statement)
        return True

    def watch(connection: apsw.Connection) -> None:
        connection.exec_trace = note

    apsw.connection_hooks.append(watch)
    try:
        yield
    finally:
        apsw.connection_hooks.remove(watch)


async def _analyze(url: str | None) -> None:
    """What a PostgreSQL server does by itself a while after so much was written."""
    if url is None:
        return
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("analyze")
    finally:
        await connection.close()


def report(few: dict[str, Cost], many: dict[str, Cost], tags: int) -> str:
    """The table, and which pages are above the budget."""
    lines = [
        (
            title,
            f"{cost.sent:,}",
            str(cost.statements or "-"),
            f"{few[title].middle:.1f}",
            f"{cost.middle:.1f}",
            f"{cost.cpu:.1f}",
            f"{cost.slow / BUDGET:.2f}",
            f"{cost.middle / few[title].middle:.1f} x",
        )
        for title, cost in many.items()
    ]
    head = ("page", "bytes", "statements", f"ms, {FEW} tags", f"ms, {tags:,} tags", "CPU ms", "p95 / budget", "growth")
    above = [title for title, cost in many.items() if cost.slow > BUDGET]
    return f"{table(head, lines)}\n\nAbove {BUDGET:.0f} ms at p95: {'; '.join(above) or 'none'}."


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure at both sizes, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.pages", description=__doc__.partition("\n")[0])
    parser.add_argument("--tags", type=int, default=MANY, help=f"of the larger registry, a multiple of ten ({MANY:,})")
    parser.add_argument("--rounds", type=int, default=_ROUNDS, help=f"times that each page is asked ({_ROUNDS})")
    parser.add_argument("--database", action="append", default=[], metavar="URL", help="empty ones, for both sizes")
    parser.add_argument("--dir", metavar="DIR", help="where the files go while it runs")
    given = parser.parse_args(arguments)
    if given.tags < FEW or given.tags % FEW:
        parser.error("--tags: a multiple of ten")
    if given.database and len(given.database) != 2:
        parser.error("--database: name two, the registry of ten tags goes into the first one")
    with tempfile.TemporaryDirectory(prefix="bench-pages-", dir=given.dir) as place:
        found = []
        for number, tags in enumerate((FEW, given.tags)):
            url = given.database[number] if given.database else None
            settings = settings_of(Path(place) / str(number), url)
            asyncio.run(fill(settings, Shelves(tags)))
            found.append(asyncio.run(measure(settings, given.rounds)))
    few, many = found
    print(report(few, many, given.tags))
    waiting = os.getloadavg()[0]
    print(f"\nAt the end {waiting:.1f} processes were at work or waiting, on {os.cpu_count()} processors.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
