"""Files that no row knows: old ones go, young ones stay, and many at once only by force."""

from __future__ import annotations

import secrets
import time
from pathlib import Path

from tests.registry.verify.site import Site

HOUR = 3600 * 1_000_000


def stray(site: Site, age_hours: float) -> Path:
    """An object that no row knows."""
    issued = time.time_ns() // 1000 - int(age_hours * HOUR)
    key = f"{issued:014x}-{secrets.token_hex(10)}"
    path = site.data / "store" / "objects" / key[-2:] / key
    path.write_bytes(b"left behind")
    return path


def staged(site: Site, age_hours: float) -> Path:
    issued = time.time_ns() // 1000 - int(age_hours * HOUR)
    path = site.data / "store" / "uploads" / f"{issued:014x}-{secrets.token_hex(16)}"
    path.write_bytes(b"left behind")
    return path


def test_an_old_object_without_a_row_is_deleted(site: Site) -> None:
    path = stray(site, 26)
    found = site.verify().findings
    assert [(str(each.damage), each.reference) for each in found] == [("litter-object", path.name)]
    assert path.exists()
    assert site.verify(repair=True).left == 0
    assert not path.exists()
    assert site.journal("litter.deleted") == [{"names": [path.name]}]
    assert site.value("select count(*) from doomed where key = ?", path.name) == 0
    assert site.classes(deep=True) == []


def test_a_young_object_may_belong_to_an_upload_under_way(site: Site) -> None:
    path = stray(site, 24.5)
    assert site.classes(repair=True) == []
    assert path.exists()


def test_an_object_that_any_table_knows_is_no_litter(site: Site) -> None:
    segment, upload, doomed = (stray(site, 100) for _ in range(3))
    content_id = site.value("select id from content where key is not null")
    site.sql("insert into segment (content_id, n, key, size) values (?, 1, ?, 11)", content_id, segment.name)
    site.sql("insert into upload (id, opener, received, expires) values ('u', 1, 11, ?)", 1 << 60)
    site.sql("insert into upload_segment (upload_id, n, key, size) values ('u', 0, ?, 11)", upload.name)
    site.sql("insert into doomed (key, due) values (?, ?)", doomed.name, 1 << 60)
    assert site.classes(repair=True) == []
    assert all(path.exists() for path in (segment, upload, doomed))


def test_many_at_once_are_deleted_by_force_only(site: Site) -> None:
    paths = [stray(site, 26) for _ in range(101)]
    outcome = site.verify(repair=True)
    assert (outcome.total, outcome.left) == (101, 101)
    assert "only with `holdfast collect --force`" in outcome.notes[0]
    assert all(path.exists() for path in paths)
    assert site.verify(repair=True, force=True).left == 0
    assert not any(path.exists() for path in paths)
    assert len(site.journal("litter.deleted")) == 2
    assert site.classes() == []


def test_an_old_staged_file_without_a_session_is_deleted(site: Site) -> None:
    path, young = staged(site, 26), staged(site, 1)
    held = staged(site, 26)
    site.sql("insert into upload (id, opener, received, expires) values (?, 1, 11, ?)", held.name, 1 << 60)
    found = site.verify().findings
    assert [(str(each.damage), each.reference) for each in found] == [("litter-staged", path.name)]
    assert site.verify(repair=True).left == 0
    assert [each.exists() for each in (path, young, held)] == [False, True, True]
    assert site.classes() == []
