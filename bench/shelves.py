"""A registry with very many repositories and tags, written straight into its database, with all that lists are sorted
by: sizes, platforms, last pushes and pulls, sums of namespaces, what everybody stores, and the journal.

Half of the tags are in one repository, each an image of its own; the others are in a tenth as many repositories as
there are tags, in 300 namespaces of up to 20 parts each.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import NamedTuple

from bench.search import IMAGE, lay_image, rows
from holdfast.db.port import Database, Unit
from holdfast.db.query import Command

CROWDED = "bench/sub00/crowded"
SOME = "*/sub00/**"
"""A glob of the crowded repository and every 20th of the others."""
_BATCH = 10_000
_PER = 5
"""Tags of each repository but the crowded one."""


class Shelves(NamedTuple):
    """A registry of so many tags, a multiple of ten."""

    tags: int

    @property
    def others(self) -> int:
        """Repositories beside the crowded one; their numbers begin at 2."""
        return self.tags // (2 * _PER)

    @property
    def half(self) -> int:
        """Tags of the crowded one, and of all the others."""
        return self.others * _PER


def _padded(number: str, width: int) -> str:
    text = f"cast({number} as text)"
    return f"substr('{'0' * width}' || {text}, length({text}) + 1)"


# A number `i` is a repository's, from 2 on (1 is the crowded one), or that of a tag of either half, from 1 on.
_NAME = f"'app-' || {_padded('i', 7)}"
_PATH = f"'ns' || {_padded('i % 300', 3)} || '/sub' || {_padded('i / 300 % 20', 2)} || '/' || {_NAME}"
_AT = "cast(:now as bigint) - (cast(:half as bigint) - i) * 10000000"
_OWN = "cast(:others as bigint) + 1 + i"
"""The content of a tag of the crowded repository; that of the tags of another repository has its number."""
_PLACE = f"2 + (i - 1) / {_PER}"
_NUMBERS = ("i / 10000", "i / 100 % 100", "i % 100")
_TAG = "'v' || " + " || '.' || ".join(f"cast({each} as text)" for each in _NUMBERS)
_KEY = (
    "'1' || "
    + " || ".join(f"cast(length(cast({each} as text)) as text) || cast({each} as text)" for each in _NUMBERS)
    + " || '!='"
)
_TYPE = "'application/vnd.oci.image.manifest.v1+json'"
_PLATFORM = "case when i % 50 = 0 then ' linux/arm64 ' else ' linux/amd64 ' end"
_SAID = f"""'{{"tags": ["' || {_TAG} || '"]}}'"""
_ACTOR = "case when i % 5000 = 0 then 'user:bob' else 'robot:ci' end"
_LINK = "insert into link (repo_id, content_id, kind, media_type, put_at, total, platforms)"
_INTO_TAG = "insert into tag (repo_id, name, content_id, seq, version_key)"
_EVENT = "insert into tag_event (repo_id, seq, name, now_id, at)"
_JOURNAL = "insert into journal (pos, repo_id, seq, at, actor, request, kind, data, path)"
_SUMS = "insert into usage (path, bytes, repositories, tags)"
_COUNTED = (
    "on conflict (path) do update"
    " set bytes = excluded.bytes, repositories = excluded.repositories, tags = excluded.tags"
)
"""Of a repository, which has its row from its making on."""
_REPOSITORIES = (
    rows(
        "insert into repository (id, path, born, seq, last_at, pushed_at, pulled_at)"
        f" select i, {_PATH}, 1, {_PER}, 1,"
        f" cast(:now as bigint) - (cast(:half as bigint) - {_PER} * (i - 1)) * 10000000,"
        " case when i % 2 = 0 then cast(:now as bigint) - i * 7919 % 1000003 * 1000000 else 0 end from n"
    ),
    rows(f"insert into search_name (suffix, repo_id) select {_NAME}, i from n"),
    rows(f"{_SUMS} select {_PATH}, i * 7919 % 1000003, 1, {_PER} from n where true {_COUNTED}"),
)
_CONTENT = rows(
    f"insert into content (id, digest, size, state) select i, 'sha256:' || {_padded('i', 64)}, 500, 0 from n"
)
_SHARED = (
    rows(f"{_LINK} select i, i, 1, {_TYPE}, 1, i * 13 % 997 * 1000, {_PLATFORM} from n"),
    rows(
        "insert into search_term (field, term, repo_id, content_id, said)"
        f" select 'annotation', 'number=' || {_padded('i', 7)}, i, i, 'number=' || {_padded('i', 7)} from n"
    ),
)
_TAGS = (
    rows(f"{_LINK} select 1, {_OWN}, 1, {_TYPE}, 1, i * 13 % 997 * 1000, {_PLATFORM} from n"),
    rows(f"{_INTO_TAG} select 1, {_TAG}, {_OWN}, i, {_KEY} from n"),
    rows(f"{_EVENT} select 1, i, {_TAG}, {_OWN}, {_AT} from n"),
    rows(
        f"{_JOURNAL} select i, 1, i, {_AT}, {_ACTOR}, 'r' || cast(i as text), 'manifest.pushed', {_SAID},"
        f" '{CROWDED}' from n"
    ),
    rows(f"insert into tag_use (repo_id, name, last_at) select 1, {_TAG}, {_AT} from n where i % 3 = 0"),
    rows(f"{_INTO_TAG} select {_PLACE}, {_TAG}, {_PLACE}, 1 + (i - 1) % {_PER}, {_KEY} from n"),
    rows(f"{_EVENT} select {_PLACE}, 1 + (i - 1) % {_PER}, {_TAG}, {_PLACE}, {_AT} from n"),
    rows(
        f"{_JOURNAL} select cast(:half as bigint) + i, {_PLACE}, 1 + (i - 1) % {_PER}, {_AT}, {_ACTOR},"
        f" 'q' || cast(i as text), 'manifest.pushed', {_SAID}, (select path from repository where id = {_PLACE}) from n"
    ),
)
_ABOVE = f"{_SUMS} select parent, sum(bytes), sum(repositories), sum(tags) from usage where"
_FIRST = (
    Command(
        "insert into repository (id, path, born, seq, last_at, pushed_at)"
        f" values (1, '{CROWDED}', 1, cast(:half as bigint) + 1, 1, :now)"
    ),
    Command("insert into search_name (suffix, repo_id) values ('crowded', 1)"),
    Command(f"{_SUMS} values ('{CROWDED}', cast(:half as bigint) * 500000, 1, cast(:half as bigint) + 1) {_COUNTED}"),
)
_IMAGE = (
    Command(f"update link set total = 2000, platforms = ' linux/amd64 ' where repo_id = 1 and content_id = {IMAGE}"),
    Command(f"{_INTO_TAG} values (1, 'image', {IMAGE}, cast(:half as bigint) + 1, '0image')"),
    Command(f"{_EVENT} values (1, cast(:half as bigint) + 1, 'image', {IMAGE}, :now)"),
)
_SUMMED = (
    Command(f"{_SUMS} select path || '/', bytes, repositories, tags from usage"),
    Command(f"{_ABOVE} path like '%/%/%/' group by parent"),
    Command(f"{_ABOVE} path like '%/%/' and path not like '%/%/%/' group by parent"),
    Command(
        f"{_SUMS} select '/', sum(bytes), sum(repositories), sum(tags) from usage where parent = '' and path like '%/'"
    ),
    Command(
        "insert into storage_figure (walk, path, repositories, logical, live, history, pending, live_stored,"
        " history_stored, pending_stored, exclusive, share)"
        " select 1, path, repositories, bytes, bytes, 0, 0, bytes, 0, 0, bytes, bytes from usage"
    ),
    Command("insert into storage_walk (walk, began_at, ended_at, orphaned) values (1, :now, :now, 0)"),
    Command(
        "insert into storage_largest (walk, path, n, content_id, size)"
        " select 1, '/', id - 1, id, 500 from content where id between 2 and 21"
    ),
)


async def lay(db: Database, shelves: Shelves, settle: Callable[[], Awaitable[None]]) -> None:
    """Write the rows, some thousand in a unit, every table after those that it refers to. `settle`: run early in each
    statement and at the end, so that a server learns how large its tables have become."""
    own = {"now": time.time_ns() // 1000, "half": shelves.half, "others": shelves.others}
    for command in _FIRST:
        await _write(db, command, own)
    await db.write(lay_image)
    last = shelves.others + 2
    for commands, first, until in (
        (_REPOSITORIES, 2, last),
        ((_CONTENT,), 2, last + shelves.half),
        (_SHARED, 2, last),
        (_TAGS, 1, shelves.half + 1),
    ):
        for command in commands:
            for begin in range(first, until, _BATCH):
                if begin == first + _BATCH:
                    await settle()
                await _write(db, command, {**own, "first": begin, "until": min(begin + _BATCH, until)})
    for command in (*_IMAGE, *_SUMMED):
        await _write(db, command, own)
    await settle()


async def _write(db: Database, command: Command, given: dict[str, int]) -> None:
    values = {name: value for name, value in given.items() if f":{name}" in command.text}
    await db.write(partial(_run, command, values))


async def _run(command: Command, values: dict[str, int], unit: Unit) -> None:
    await unit.run(command, **values)
