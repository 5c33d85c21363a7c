"""What is counted wrongly is found and counted anew: totals, repositories, and the paths above them."""

from __future__ import annotations

import asyncio

import pytest
from tests.registry.verify.site import APP, Site

from holdfast.app.datadir import DataDirectory
from holdfast.db.sqlite import SqliteDatabase
from holdfast.registry.quotas.folding import fold


def fold_counts(site: Site) -> None:
    async def folded() -> None:
        db = SqliteDatabase(DataDirectory(site.data).database)
        try:
            await fold(db)
        finally:
            await db.close()

    asyncio.run(folded())


UNCOUNTED = "insert into usage_delta (path, bytes, repositories, tags) values (?, ?, ?, ?)"


@pytest.mark.parametrize("what", ["objects", "inline", "doomed", "parts", "early", "staged"])
def test_a_total_that_is_wrong(site: Site, what: str) -> None:
    site.sql("insert into ledger_delta (what, bytes, objects) values (?, 7, 1)", what)
    (finding,) = site.verify().findings
    assert (str(finding.damage), finding.reference) == ("ledger-wrong", what)
    assert site.verify(repair=True).left == 0
    assert site.verify().findings == []


@pytest.mark.parametrize("counts", [(1, 0, 0), (0, -1, 0), (0, 0, 3)])
def test_a_repository_that_is_counted_wrongly(site: Site, counts: tuple[int, int, int]) -> None:
    site.sql(UNCOUNTED, APP, *counts)
    (finding,) = site.verify().findings
    assert (str(finding.damage), finding.reference) == ("usage-wrong", APP)
    assert site.verify(repair=True).left == 0
    assert site.verify().findings == []


def test_what_is_counted_of_no_repository(site: Site) -> None:
    site.sql("insert into usage (path, bytes, repositories, tags) values ('gone/app', 5, 1, 0)")
    (finding,) = site.verify().findings
    assert (str(finding.damage), finding.reference) == ("usage-wrong", "gone/app")
    assert site.verify(repair=True).left == 0
    assert site.verify().findings == []


@pytest.mark.parametrize("key", ["/", "team/", "team/app/"])
def test_a_sum_that_is_wrong(site: Site, key: str) -> None:
    fold_counts(site)
    assert site.verify().findings == []
    site.sql("update usage set bytes = bytes + 1, tags = tags - 1 where path = ?", key)
    (finding,) = site.verify().findings
    assert (str(finding.damage), finding.reference) == ("usage-wrong", key)
    assert site.verify(repair=True).left == 0
    assert site.verify().findings == []
