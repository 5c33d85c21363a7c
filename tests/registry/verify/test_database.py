"""Damage of the database file itself, and directories on which nothing can be said."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.registry.verify.site import Site, large

from holdfast.app.config import Settings
from holdfast.app.verify import CouldNotRun, run
from holdfast.db.integrity import examine
from holdfast.registry.verify.model import Options

PAGE = 4096


def settle(site: Site) -> Path:
    """The database as one file: nothing is left in the log."""
    site.sql("pragma wal_checkpoint(truncate)")
    return site.data / "holdfast.db"


def overwrite(path: Path, at: int, size: int) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(b"\xa5" * size)


def test_overwritten_pages_are_told_and_nothing_is_repaired(site: Site) -> None:
    path = settle(site)
    root = int(site.value("select rootpage from sqlite_schema where name = 'link'"))
    overwrite(path, (root - 1) * PAGE, PAGE)
    before = path.read_bytes()
    for repair in (False, True):
        outcome = site.verify(repair=repair)
        assert {str(each.damage) for each in outcome.findings} == {"database-corrupt"}
        assert outcome.left == outcome.total >= 1
        assert "backup" in outcome.findings[0].repair
    assert path.read_bytes() == before


@pytest.mark.parametrize("at", [0, 100], ids=["the header", "the schema"])
def test_a_file_that_is_no_database_is_told(site: Site, at: int) -> None:
    overwrite(settle(site), at, 200)
    assert site.classes() == ["database-corrupt"]
    assert site.classes(repair=True) == ["database-corrupt"]


def test_an_index_that_differs_from_its_table_shows_in_a_deep_run(site: Site) -> None:
    path = settle(site)
    root = int(site.value("select rootpage from sqlite_schema where name = 'candidate_due'"))
    data = bytearray(path.read_bytes())
    page = data[(root - 1) * PAGE : root * PAGE]
    cell = int.from_bytes(page[8:10], "big")  # the first cell of a leaf page of an index
    page[cell + 8] ^= 1
    data[(root - 1) * PAGE : root * PAGE] = page
    path.write_bytes(data)
    assert set(site.classes(deep=True)) == {"database-corrupt"}


def test_rows_that_refer_to_nothing_are_told(site: Site) -> None:
    site.sql("insert into body values (4711, x'00')")
    found = site.verify(repair=True).findings
    assert [(str(each.damage), each.reason) for each in found] == [
        ("database-corrupt", "1 rows of body refer to rows of content that are not there")
    ]
    assert site.verify().left == 1


@pytest.mark.parametrize(("served", "unchecked"), [(True, ["candidate"]), (False, [])])
def test_a_large_file_is_examined_whole_only_when_nobody_serves_from_it(
    site: Site, served: bool, unchecked: list[str]
) -> None:
    site.sql(
        "with recursive n (i) as (select 1 union all select i + 1 from n where i < 20000)"
        " insert into candidate select 1000, i, i from n"
    )
    seen = examine(str(site.data / "holdfast.db"), deep=True, followed=(), served=lambda: served, patience=-1)
    assert seen.faults == []
    # Without any patience nothing is sure to be examined; what is large is what takes longest.
    assert [table for table in seen.unchecked if table == "candidate"] == unchecked


def test_where_there_is_no_registry_none_is_made(tmp_path: Path) -> None:
    with pytest.raises(CouldNotRun, match="there is no registry in "):
        run(Settings(data=tmp_path), Options(), lambda progress: None)
    assert list(tmp_path.iterdir()) == []


def test_a_store_without_its_marker_is_not_looked_at(site: Site) -> None:
    (site.data / "store" / ".holdfast-store").unlink()
    with pytest.raises(CouldNotRun, match="carries no marker"):
        site.verify(repair=True)
    assert not (site.data / "store" / ".holdfast-store").exists()
    assert site.value("select state from content where id = ?", site.id_of(large)) == 0


def test_a_store_that_is_not_there_is_not_looked_at(site: Site) -> None:
    (site.data / "store").rename(site.data / "elsewhere")
    with pytest.raises(CouldNotRun, match="carries no marker"):
        site.verify(repair=True)
    assert not (site.data / "store").exists()


def test_a_store_of_another_registry_is_not_looked_at(site: Site) -> None:
    (site.data / "store" / ".holdfast-store").write_text("someone else's\n")
    with pytest.raises(CouldNotRun, match="belongs to another registry"):
        site.verify(repair=True, force=True)


def test_a_directory_of_the_store_that_was_lost_is_found_as_missing_objects(site: Site) -> None:
    shutil.rmtree(site.object_of(large).parent)
    assert site.classes() == ["object-missing"]


@pytest.mark.parametrize("name", ["holdfast.db", "holdfast.db.lock"])
def test_files_that_cannot_be_opened_are_no_finding(site: Site, name: str) -> None:
    (site.data / name).unlink()
    (site.data / name).mkdir()
    with pytest.raises(CouldNotRun):
        site.verify()
