"""Deletes: gone at once, and nothing goes from under what uses it."""

from __future__ import annotations

from tests.wire.client import Answer
from tests.wire.content import OCI_INDEX, OCI_MANIFEST, descriptor, digest, image, index, noise, referrer
from tests.wire.repository import Repository

CONFIG, LAYER = noise(120, "config"), noise(40_000, "layer")
IMAGE, OTHER = image(CONFIG, [LAYER]), image(CONFIG, [LAYER], annotations={"n": "2"})


def sown(repository: Repository) -> None:
    repository.blob(CONFIG)
    repository.blob(LAYER)
    repository.manifest(IMAGE, "one")


def users(answer: Answer) -> list[str]:
    """The digests that a refusal names as users."""
    named: list[str] = answer.json["errors"][0]["detail"]["used_by"]
    return named


def test_a_deleted_tag_leaves_its_manifest(repository: Repository) -> None:
    sown(repository)
    repository.manifest(IMAGE, "two")
    repository.expect(202, "DELETE", "manifests/one")
    for method in ("GET", "HEAD", "DELETE"):
        answer = repository.expect(404, method, "manifests/one")
        assert answer.code in (None, "MANIFEST_UNKNOWN")
    assert repository.expect(200, "GET", "tags/list").json["tags"] == ["two"]
    repository.expect(202, "DELETE", "manifests/two")
    assert repository.expect(200, "GET", "tags/list").json["tags"] == []
    assert repository.expect(200, "GET", f"manifests/{digest(IMAGE)}").body == IMAGE
    repository.manifest(IMAGE, "one")
    repository.expect(200, "GET", "manifests/one")


def test_a_deleted_manifest_takes_its_tags(repository: Repository) -> None:
    sown(repository)
    repository.manifest(IMAGE, "two")
    repository.manifest(OTHER, "other")
    repository.expect(202, "DELETE", f"manifests/{digest(IMAGE)}")
    for reference in ("one", "two", digest(IMAGE)):
        for method in ("GET", "HEAD"):
            repository.expect(404, method, f"manifests/{reference}")
    repository.expect(404, "DELETE", f"manifests/{digest(IMAGE)}", code="MANIFEST_UNKNOWN")
    assert repository.expect(200, "GET", "tags/list").json["tags"] == ["other"]
    assert repository.expect(200, "GET", f"blobs/{digest(LAYER)}").body == LAYER
    repository.manifest(IMAGE, "again")
    assert repository.expect(200, "GET", "manifests/again").body == IMAGE


def test_a_manifest_of_an_index_stays_until_the_index_goes(repository: Repository) -> None:
    sown(repository)
    repository.manifest(OTHER)
    first, second = index([IMAGE, OTHER]), index([IMAGE])
    repository.manifest(first, "multi", OCI_INDEX)
    repository.manifest(second, "single", OCI_INDEX)
    refused = repository.expect(405, "DELETE", f"manifests/{digest(IMAGE)}", code="UNSUPPORTED")
    assert set(users(refused)) == {digest(first), digest(second)}
    # Tags are no reason: the one on the manifest may go, and the one on the index leaves the index.
    repository.expect(202, "DELETE", "manifests/one")
    repository.expect(202, "DELETE", "manifests/multi")
    assert len(users(repository.expect(405, "DELETE", f"manifests/{digest(IMAGE)}"))) == 2
    repository.expect(202, "DELETE", f"manifests/{digest(first)}")
    assert users(repository.expect(405, "DELETE", f"manifests/{digest(IMAGE)}")) == [digest(second)]
    repository.expect(202, "DELETE", f"manifests/{digest(OTHER)}")
    repository.expect(202, "DELETE", f"manifests/{digest(second)}")
    repository.expect(202, "DELETE", f"manifests/{digest(IMAGE)}")
    repository.expect(404, "GET", f"manifests/{digest(IMAGE)}", code="MANIFEST_UNKNOWN")


def test_a_blob_stays_until_its_manifests_go(repository: Repository) -> None:
    sown(repository)
    repository.manifest(OTHER, "other")
    for data in (CONFIG, LAYER):
        refused = repository.expect(405, "DELETE", f"blobs/{digest(data)}", code="UNSUPPORTED")
        assert set(users(refused)) == {digest(IMAGE), digest(OTHER)}
        repository.expect(200, "GET", f"blobs/{digest(data)}")
    repository.expect(202, "DELETE", f"manifests/{digest(IMAGE)}")
    assert users(repository.expect(405, "DELETE", f"blobs/{digest(LAYER)}")) == [digest(OTHER)]
    repository.expect(202, "DELETE", f"manifests/{digest(OTHER)}")
    for data in (CONFIG, LAYER):
        repository.expect(202, "DELETE", f"blobs/{digest(data)}")
        for method in ("GET", "HEAD"):
            repository.expect(404, method, f"blobs/{digest(data)}")
        repository.expect(404, "DELETE", f"blobs/{digest(data)}", code="BLOB_UNKNOWN")


def test_a_deleted_blob_comes_back_by_a_push(repository: Repository) -> None:
    for data in (CONFIG, LAYER):
        repository.blob(data)
        repository.expect(202, "DELETE", f"blobs/{digest(data)}")
        repository.blob(data)
        assert repository.expect(200, "GET", f"blobs/{digest(data)}").body == data


def test_a_deleted_blob_makes_no_repository(repository: Repository) -> None:
    repository.blob(LAYER)
    repository.expect(202, "DELETE", f"blobs/{digest(LAYER)}")
    repository.expect(404, "GET", "tags/list", code="NAME_UNKNOWN")


def test_a_delete_here_changes_nothing_elsewhere(repository: Repository) -> None:
    elsewhere = Repository(repository.connection, repository.name + "/elsewhere")
    for place in (repository, elsewhere):
        sown(place)
    repository.expect(202, "DELETE", f"manifests/{digest(IMAGE)}")
    repository.expect(202, "DELETE", f"blobs/{digest(LAYER)}")
    assert elsewhere.expect(200, "GET", "manifests/one").body == IMAGE
    assert elsewhere.expect(200, "GET", f"blobs/{digest(LAYER)}").body == LAYER


def test_a_subject_may_go_before_what_refers_to_it(repository: Repository) -> None:
    sown(repository)
    repository.blob(b"{}")
    note = referrer(IMAGE)
    repository.manifest(note)
    repository.expect(202, "DELETE", f"manifests/{digest(IMAGE)}")
    assert repository.expect(200, "GET", f"manifests/{digest(note)}").body == note
    listed = repository.expect(200, "GET", f"referrers/{digest(IMAGE)}").json["manifests"]
    assert [entry["digest"] for entry in listed] == [digest(note)]
    repository.expect(202, "DELETE", f"manifests/{digest(note)}")
    assert repository.expect(200, "GET", f"referrers/{digest(IMAGE)}").json["manifests"] == []


def test_an_index_may_refer_to_its_own_part(repository: Repository) -> None:
    sown(repository)
    both = index([IMAGE], subject=descriptor(IMAGE, OCI_MANIFEST))
    repository.manifest(both, "both", OCI_INDEX)
    assert users(repository.expect(405, "DELETE", f"manifests/{digest(IMAGE)}")) == [digest(both)]
    repository.expect(202, "DELETE", f"manifests/{digest(both)}")
    repository.expect(202, "DELETE", f"manifests/{digest(IMAGE)}")


def test_an_index_goes_before_its_parts_however_deep(repository: Repository) -> None:
    sown(repository)
    chain = [IMAGE]
    for _ in range(6):
        inner = chain[-1]
        outer = index([inner], child=OCI_MANIFEST if inner is IMAGE else OCI_INDEX)
        repository.manifest(outer, media_type=OCI_INDEX)
        chain.append(outer)
    for data in chain[:-1]:
        repository.expect(405, "DELETE", f"manifests/{digest(data)}", code="UNSUPPORTED")
    for data in reversed(chain):
        repository.expect(202, "DELETE", f"manifests/{digest(data)}")
