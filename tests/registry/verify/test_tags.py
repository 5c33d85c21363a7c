"""Damage of tags, of their history, and of a repository's place in it."""

from __future__ import annotations

import pytest
from tests.registry.verify.site import APP, Site, config_of, deleted, new, old

from holdfast.registry.errors import ManifestUnknown

LINK = "repo_id = ? and content_id = ?"


def test_a_tag_on_a_deleted_link_brings_its_manifest_back(site: Site) -> None:
    site.sql(f"update link set gone_at = 1 where {LINK}", site.repository(), site.id_of(old))
    assert site.classes() == ["tag-dangling"]
    with pytest.raises(ManifestUnknown):
        site.pull(APP, "1.0")
    assert site.verify(repair=True).left == 0
    assert site.whole(APP, "1.0")
    assert site.pull(APP, "1.0").media_type == old.media_type
    assert site.classes() == []


def test_a_tag_without_a_link_brings_its_manifest_back(site: Site) -> None:
    site.sql(f"delete from link where {LINK}", site.repository(), site.id_of(old))
    assert site.classes() == ["tag-dangling", "orphan-missing"]
    assert site.verify(repair=True).left == 0
    assert site.whole(APP, "1.0")
    assert site.pull(APP, "1.0").media_type == old.media_type
    assert site.classes() == []


def test_a_tag_on_a_link_that_says_blob_brings_its_manifest_back(site: Site) -> None:
    site.sql(f"update link set kind = 0, media_type = null where {LINK}", site.repository(), site.id_of(old))
    assert site.classes() == ["tag-dangling"]
    assert site.verify(repair=True).left == 0
    assert site.whole(APP, "1.0")
    assert site.classes() == []


def test_a_tag_whose_manifest_is_lost_ends_with_an_event(site: Site) -> None:
    repo_id, content_id = site.repository(), site.id_of(config_of("old"))
    site.sql("update tag set content_id = ? where repo_id = ? and name = '1.0'", content_id, repo_id)
    assert site.classes() == ["tag-dangling"]
    assert site.verify(repair=True).left == 0
    with pytest.raises(ManifestUnknown):
        site.pull(APP, "1.0")
    event = site.sql(
        "select was_id, now_id, seq from tag_event where repo_id = ? and name = '1.0' order by seq desc limit 1",
        repo_id,
    )[0]
    assert event == (content_id, None, site.value("select seq from repository where id = ?", repo_id))
    assert site.journal("tag.deleted")[-1] == {"damage": "tag-dangling", "reference": "1.0", "tag": "1.0"}
    assert site.whole(APP, "latest")


def test_a_tag_on_nothing_at_all_ends_with_an_event(site: Site) -> None:
    site.sql("update tag set content_id = 4711 where repo_id = ? and name = '1.0'", site.repository())
    assert site.classes() == ["tag-dangling"]
    assert site.verify(repair=True).left == 0
    assert site.value("select count(*) from tag where name = '1.0'") == 0
    assert site.classes() == []


def test_a_tag_that_moved_without_an_event_gets_one(site: Site) -> None:
    repo_id = site.repository()
    site.sql("update tag set content_id = ? where repo_id = ? and name = '1.0'", site.id_of(new), repo_id)
    assert site.classes() == ["tag-history"]
    assert site.verify(repair=True).left == 0
    rows = site.sql("select was_id, now_id from tag_event where repo_id = ? and name = '1.0' order by seq", repo_id)
    assert rows == [(None, site.id_of(old)), (site.id_of(old), site.id_of(new))]
    assert site.classes() == []
    site.push(APP, old, "1.0")
    assert site.classes() == []


def test_a_tag_without_any_event_gets_one(site: Site) -> None:
    site.sql("delete from tag_event where name = '2.0'")
    assert site.classes() == ["tag-history"]
    assert site.verify(repair=True).left == 0
    assert site.sql("select was_id, now_id from tag_event where name = '2.0'") == [(None, site.id_of(new))]
    assert site.classes() == []


def test_a_tag_that_names_another_event_is_put_in_place(site: Site) -> None:
    site.sql("update tag set seq = seq + 1 where name = '2.0'")
    events = site.value("select count(*) from tag_event")
    assert site.classes() == ["tag-history"]
    assert site.verify(repair=True).left == 0
    assert site.value("select count(*) from tag_event") == events
    assert site.classes() == []


def test_a_lost_tag_comes_back_from_its_history(site: Site) -> None:
    site.sql("delete from tag where name in ('2.0', 'partial')")
    site.sql("insert into candidate select repo_id, now_id, 1 from tag_event where name = 'partial'")
    assert site.classes() == ["tag-history", "tag-history"]
    assert site.verify(repair=True).left == 0
    assert site.whole(APP, "2.0")
    assert site.classes() == []


def test_a_lost_tag_whose_manifest_was_deleted_stays_deleted(site: Site) -> None:
    site.sql("delete from tag_event where name = 'deleted' and now_id is null")
    assert site.classes() == ["tag-history"]
    assert site.verify(repair=True).left == 0
    assert site.sql("select was_id, now_id from tag_event where name = 'deleted' order by seq desc limit 1") == [
        (site.id_of(deleted), None)
    ]
    assert site.classes() == []


def test_a_repository_behind_its_events_catches_up(site: Site) -> None:
    repo_id = site.repository()
    place = site.sql("select seq, last_at from repository where id = ?", repo_id)
    site.sql("update repository set seq = 2, last_at = 5 where id = ?", repo_id)
    found = site.verify().findings
    assert [str(each.damage) for each in found] == ["repository-behind"]
    assert found[0].repository == APP
    assert site.verify(repair=True).left == 0
    assert site.sql("select seq, last_at from repository where id = ?", repo_id) == place
    site.push(APP, old, "1.1")
    assert site.classes() == []
