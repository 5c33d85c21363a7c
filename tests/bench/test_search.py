"""The measure of search: its registries hold what it looks for, at every size."""

from __future__ import annotations

import asyncio
from pathlib import Path

from bench.search import Size, _acts, _lay, measure
from tests.databases import lay_file

from holdfast.db.sqlite import SqliteDatabase
from holdfast.registry.search.service import Results


def test_every_search_finds_something_but_the_one_that_must_not(tmp_path: Path) -> None:
    async def hits(size: Size) -> dict[str, int]:
        path = str(tmp_path / f"{size.tags}.db")
        lay_file(path)
        db = SqliteDatabase(path)
        try:
            await _lay(db, size)
            found = {title: await act() for title, act in _acts(db, size).items()}
        finally:
            await db.close()
        return {title: len(one.hits) for title, one in found.items() if isinstance(one, Results)}

    for tags in (10, 4_000):
        found = asyncio.run(hits(Size(tags)))
        assert {title for title, count in found.items() if not count} == {
            "search: a substring that is nowhere (ends at 150 ms)"
        }


def test_it_is_measured(tmp_path: Path) -> None:
    found = asyncio.run(measure(str(tmp_path / "measured.db"), Size(10)))
    assert all(value > 0 for value in found.values())
