"""Damage of what a repository knows of a manifest: its link, its parts, its edges, and what roots it."""

from __future__ import annotations

import pytest
from tests.registry.verify.site import (
    APP,
    OTHER,
    SPARSE,
    Site,
    arm,
    awaited,
    config_of,
    docker,
    large,
    multi,
    new,
    old,
    signature,
    small,
    sparse,
    untagged,
)

from holdfast.registry.errors import BlobUnknown, ManifestUnknown

LINK = "repo_id = ? and content_id = ?"


def test_what_is_no_manifest_becomes_a_blob(site: Site) -> None:
    config = config_of("new")
    site.sql(f"update link set kind = 1, media_type = 'a/b' where {LINK}", site.repository(OTHER), site.id_of(config))
    assert site.classes() == ["manifest-unparsable"]
    assert site.verify(repair=True).left == 0
    assert site.blob(OTHER, config.digest) == config.data
    assert site.classes() == []


def test_an_unreadable_manifest_that_is_used_is_left_alone(site: Site) -> None:
    config, place = config_of("new"), (site.repository(OTHER), site.id_of(config_of("new")))
    site.sql(f"update link set kind = 1, media_type = 'a/b' where {LINK}", *place)
    site.sql(
        "insert into tag (repo_id, name, content_id, was_id, seq, version_key) values (?, 'odd', ?, null, 99, '0')",
        *place,
    )
    site.sql("insert into tag_event values (?, 99, 'odd', null, ?, 0)", *place)
    site.sql("update repository set seq = 99 where id = ?", place[0])
    assert site.classes(repair=True) == ["manifest-unparsable"]
    assert site.verify().left == 1
    assert site.pull(OTHER, "odd").data == config.data


@pytest.mark.parametrize(
    "change",
    [
        "kind = 2",
        "artifact_type = 'application/other'",
        "subject = null",
        "media_type = 'application/vnd.oci.image.index.v1+json'",
        "media_type = null",
    ],
)
def test_a_link_is_what_its_manifest_says(site: Site, change: str) -> None:
    site.sql(f"update link set {change} where {LINK}", site.repository(), site.id_of(signature))
    assert site.classes() == ["link-type"]
    assert site.verify(repair=True).left == 0
    assert site.pull(APP, signature.digest).media_type == signature.media_type
    assert site.referrers(APP, new) == [signature.digest]
    assert site.classes() == []


def test_a_subject_that_the_database_forgot_is_written_down_again(site: Site) -> None:
    subject = site.value(
        "select subject from link where subject is not null and content_id <> ?", site.id_of(signature)
    )
    site.sql("delete from content where id = ?", subject)
    site.sql("update link set subject = null where subject = ?", subject)
    assert site.classes() == ["link-type"]
    assert site.verify(repair=True).left == 0
    assert site.classes() == []


def test_a_blob_that_a_manifest_names_is_linked_again(site: Site) -> None:
    site.sql(f"delete from link where {LINK}", site.repository(), site.id_of(config_of("new")))
    found = site.verify().findings
    assert [str(each.damage) for each in found] == ["child-missing", "usage-wrong"]  # what was lost was counted
    assert found[0].reason.endswith("tags that need it: 2.0, latest")
    with pytest.raises(BlobUnknown):
        site.blob(APP, config_of("new").digest)
    assert site.verify(repair=True).left == 0
    assert site.whole(APP, "latest")
    assert site.classes() == []


def test_a_deleted_blob_that_a_manifest_names_is_linked_again(site: Site) -> None:
    site.sql(f"update link set gone_at = 1 << 60 where {LINK}", site.repository(OTHER), site.id_of(large))
    assert site.classes() == ["child-missing"]
    assert site.verify(repair=True).left == 0
    assert site.whole(OTHER, "latest")
    assert site.classes() == []


@pytest.mark.parametrize("how", ["deleted", "forgotten"])
def test_a_child_of_an_index_is_linked_again_as_a_manifest(site: Site, how: str) -> None:
    place = (site.repository(), site.id_of(arm))
    site.sql(
        f"delete from link where {LINK}" if how == "forgotten" else f"update link set gone_at = 1 << 60 where {LINK}",
        *place,
    )
    assert site.classes() == ["child-missing"]
    with pytest.raises(ManifestUnknown):
        site.pull(APP, arm.digest)
    assert site.verify(repair=True).left == 0
    assert site.pull(APP, arm.digest).media_type == arm.media_type
    assert site.whole(APP, "multi")
    assert site.classes() == []


def test_a_child_whose_bytes_are_gone_is_reported_until_it_is_pushed(site: Site) -> None:
    content_id = site.id_of(config_of("new"))
    for table, column in (
        ("link", "content_id"),
        ("edge", "kept_id"),
        ("body", "content_id"),
        ("candidate", "content_id"),
        ("lease", "content_id"),
    ):
        site.sql(f"delete from {table} where {column} = ?", content_id)
    site.sql("delete from content where id = ?", content_id)
    assert site.classes(repair=True) == ["child-missing", "child-missing"]
    assert site.classes() == ["child-missing", "child-missing"]
    site.push(APP, new, "latest", blobs=[config_of("new")])
    site.push(OTHER, new, "latest", blobs=[config_of("new")])
    assert site.whole(APP, "latest")
    assert site.classes() == ["edge-missing", "edge-missing"]
    assert site.verify(repair=True).left == 0
    assert site.classes() == []


def test_what_another_repository_holds_is_not_shown_through_a_sparse_index(site: Site) -> None:
    site.push(APP, awaited, blobs=[config_of("awaited")])
    place = (site.repository(SPARSE), site.id_of(awaited))
    assert site.classes() == []
    site.sql("insert into setting values ('sparse', 'sparse-indexes', 'true')")
    site.sql(f"delete from link where {LINK}", *place)
    assert site.classes(repair=True) == ["child-missing"]
    with pytest.raises(ManifestUnknown):
        site.pull(SPARSE, awaited.digest)
    site.push(SPARSE, awaited, blobs=[config_of("awaited"), small])
    assert site.whole(SPARSE, "partial")
    assert site.classes() == []


def test_the_edges_of_a_manifest_are_written_again(site: Site) -> None:
    place = (site.repository(), site.id_of(multi))
    edges = site.sql("select kept_id from edge where repo_id = ? and keeper_id = ? order by 1", *place)
    site.sql("delete from edge where repo_id = ? and keeper_id = ?", *place)
    site.sql("insert into candidate select ?, value, 1 from json_each(?)", place[0], f"[{edges[0][0]}, {edges[1][0]}]")
    assert site.classes() == ["edge-missing"]
    assert site.verify(repair=True).left == 0
    assert site.sql("select kept_id from edge where repo_id = ? and keeper_id = ? order by 1", *place) == edges
    assert site.classes() == []


def test_the_edge_of_a_subject_is_written_again(site: Site) -> None:
    values = (site.repository(), site.id_of(signature), site.id_of(new))
    site.sql("delete from edge where repo_id = ? and kept_id = ? and keeper_id = ?", *values)
    site.sql("insert or replace into candidate values (?, ?, 1)", *values[:2])
    assert site.classes() == ["subject-edge-missing"]
    assert site.verify(repair=True).left == 0
    assert site.value("select count(*) from edge where repo_id = ? and kept_id = ? and keeper_id = ?", *values) == 1
    assert site.classes() == []


def test_an_edge_that_the_manifest_does_not_call_for_is_removed(site: Site) -> None:
    repo_id, kept, keeper = site.repository(), site.id_of(untagged), site.id_of(old)
    site.sql("delete from candidate where repo_id = ? and content_id = ?", repo_id, kept)
    site.sql("insert into edge values (?, ?, ?)", repo_id, kept, keeper)
    assert site.classes() == ["edge-extra"]
    assert site.verify(repair=True).left == 0
    assert site.value("select count(*) from edge where repo_id = ? and kept_id = ?", repo_id, kept) == 0
    assert site.value("select count(*) from candidate where repo_id = ? and content_id = ?", repo_id, kept) == 1
    assert site.whole(APP, untagged.digest)
    assert site.classes() == []


@pytest.mark.parametrize("lost", ["kept", "keeper"])
def test_an_edge_without_one_of_its_ends_is_removed(site: Site, lost: str) -> None:
    repo_id, there = site.repository(), site.id_of(config_of("untagged"))
    ends = (there, 4711) if lost == "keeper" else (4711, there)
    site.sql("insert into edge values (?, ?, ?)", repo_id, *ends)
    assert site.classes() == ["edge-extra"]
    assert site.verify(repair=True).left == 0
    assert site.value("select count(*) from edge where 4711 in (kept_id, keeper_id)") == 0
    assert site.classes() == []


def test_what_nothing_roots_is_left_to_the_collector(site: Site) -> None:
    repo_id = site.repository()
    site.sql("delete from candidate where repo_id = ? and content_id = ?", repo_id, site.id_of(untagged))
    assert site.classes() == ["candidate-missing"]
    assert site.verify(repair=True).left == 0
    due = site.value("select due from candidate where repo_id = ? and content_id = ?", repo_id, site.id_of(untagged))
    assert due > site.value("select last_at from repository where id = ?", repo_id) + 30 * 86_400_000_000
    assert site.classes() == []


def test_what_a_sparse_index_awaits_and_what_no_registry_holds_is_no_damage(site: Site) -> None:
    assert site.value(f"select gone_at from link where {LINK}", site.repository(SPARSE), site.id_of(awaited)) > 0
    assert site.pull(SPARSE, "partial").digest == sparse.digest
    assert site.pull(APP, "docker").digest == docker.digest
    assert site.classes() == []
