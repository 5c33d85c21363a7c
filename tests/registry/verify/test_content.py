"""Damage of bytes: objects and inline content. Each test makes it, finds exactly it, repairs it, and pulls."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.registry.verify.site import APP, OTHER, Site, config_of, large, new, old, small

from holdfast.registry.errors import BlobUnknown, ManifestUnknown


def damage_object(site: Site, how: str) -> None:
    path = site.object_of(large)
    if how == "missing":
        path.unlink()
    elif how == "short":
        os.truncate(path, 1000)
    else:
        flip(path, 70)


def flip(path: Path, at: int) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        byte = file.read(1)
        file.seek(at)
        file.write(bytes([byte[0] ^ 1]))


@pytest.mark.parametrize("how", ["missing", "short", "corrupt"])
def test_a_damaged_object_is_marked_and_the_next_push_heals_it(site: Site, how: str) -> None:
    damage_object(site, how)
    deep = how == "corrupt"
    assert site.classes(deep=deep) == [f"object-{how}"]
    found = site.verify(deep=deep).findings[0]
    assert found.reference == large.digest
    assert f"needed by {APP}:2.0, {APP}:docker, {APP}:latest, {APP}:multi, {OTHER}:latest" in found.reason

    outcome = site.verify(deep=deep, repair=True)
    assert [(each.damage, each.repaired) for each in outcome.findings] == [
        (f"object-{how}", True),
        ("content-damaged", False),
    ]
    assert outcome.left == 1
    with pytest.raises(BlobUnknown):
        site.blob(APP, large.digest)
    assert site.journal("content.damaged") == [
        {"damage": f"object-{how}", "digest": large.digest, "reference": large.digest}
    ]
    assert site.classes() == ["content-damaged"]

    site.push(OTHER, new, blobs=[large])
    assert site.classes(deep=True) == []
    assert site.whole(APP, "latest")


def test_flipped_bits_of_an_object_show_in_a_deep_run_only(site: Site) -> None:
    damage_object(site, "corrupt")
    assert site.classes() == []
    assert site.classes(deep=True) == ["object-corrupt"]


def test_an_object_that_cannot_be_read_is_corrupt(site: Site) -> None:
    path = site.object_of(large)
    size = path.stat().st_size
    path.unlink()
    path.mkdir()  # reading it fails with an error of its own, as a bad sector does
    site.sql("update content set size = ? where id = ?", path.stat().st_size, site.id_of(large))
    assert site.classes() == []
    assert site.classes(deep=True) == ["object-corrupt"]
    assert size == len(large.data)


def test_content_that_hashes_again_is_unmarked(site: Site) -> None:
    site.sql("update content set state = 1 where id in (?, ?)", site.id_of(large), site.id_of(config_of("new")))
    assert site.classes() == ["content-damaged", "content-damaged"]
    outcome = site.verify(repair=True)
    assert outcome.left == 0
    assert len(site.journal("content.repaired")) == 2
    assert site.classes(deep=True) == []
    assert site.whole(APP, "latest")


def test_damaged_content_that_nobody_shows_is_no_damage(site: Site) -> None:
    path = site.object_of(large)
    site.sql("insert into content (digest, size, key, state) values (?, 5, null, 1)", "sha256:" + "0" * 64)
    assert path.exists()
    assert site.classes(deep=True) == ["orphan-missing"], "the collector would never come to it"
    assert site.verify(repair=True).left == 0
    assert site.classes(deep=True) == []


@pytest.mark.parametrize("how", ["missing", "corrupt", "short"])
def test_damaged_inline_bytes_are_marked_and_the_next_push_heals_them(site: Site, how: str) -> None:
    config = config_of("new")
    statement = {
        "missing": "delete from body where content_id = ?",
        "corrupt": "update body set bytes = zeroblob(length(bytes)) where content_id = ?",
        "short": "update content set size = size + 1 where id = ?",
    }[how]
    site.sql(statement, site.id_of(config))
    name = "inline-missing" if how == "missing" else "inline-corrupt"
    assert site.classes() == [name]
    assert site.classes(repair=True) == [name, "content-damaged"]
    with pytest.raises(BlobUnknown):
        site.blob(APP, config.digest)
    assert site.classes() == ["content-damaged"]

    site.push(APP, new, blobs=[config])
    assert site.classes() == []
    assert site.whole(APP, "latest")


def test_a_damaged_manifest_answers_404_until_it_is_pushed_again(site: Site) -> None:
    site.sql("update body set bytes = zeroblob(length(bytes)) where content_id = ?", site.id_of(new))
    assert site.classes() == ["inline-corrupt"]
    site.verify(repair=True)
    assert site.classes() == ["content-damaged"]
    with pytest.raises(ManifestUnknown):
        site.pull(APP, "latest")
    site.push(APP, new, "latest")
    assert site.classes() == []
    assert site.whole(APP, "latest")


def test_a_manifest_whose_bytes_are_in_an_object_is_taken_back(site: Site) -> None:
    key = "00000000000001-000000000000000000aa"
    (site.data / "store" / "objects" / "aa" / key).write_bytes(old.data)
    site.sql("update content set key = ? where id = ?", key, site.id_of(old))
    site.sql("delete from body where content_id = ?", site.id_of(old))
    assert site.classes() == ["inline-missing"]
    with pytest.raises(ManifestUnknown):
        site.pull(APP, "1.0")
    assert site.verify(repair=True).left == 0
    assert site.whole(APP, "1.0")
    assert site.value("select count(*) from doomed where key = ?", key) == 1
    assert site.classes(deep=True) == []


def test_a_digest_that_is_none_and_a_key_that_is_none_are_damage_not_a_failure(site: Site) -> None:
    site.sql("update content set digest = 'md5:abc' where id = ?", site.id_of(small))
    site.sql("update content set key = '../../etc/passwd' where id = ?", site.id_of(large))
    found = site.classes(deep=True)
    assert found[:2] == ["inline-corrupt", "object-missing"]
    assert set(found[2:]) == {"child-missing", "edge-extra"}


def test_a_doomed_key_that_is_used_is_saved(site: Site) -> None:
    key = site.value("select key from content where id = ?", site.id_of(large))
    site.sql("insert into doomed (key, due) values (?, 0)", key)
    assert site.classes() == ["doomed-referenced"]
    assert site.verify(repair=True).left == 0
    assert site.value("select count(*) from doomed where key = ?", key) == 0
    assert site.journal("damage.repaired")[0]["damage"] == "doomed-referenced"
    assert site.classes(deep=True) == []
    assert site.whole(APP, "latest")
