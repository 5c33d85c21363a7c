"""Referrers: what refers to a digest, by type, in pages, as soon as it is pushed and no longer than it is there."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest
from tests.wire.client import Answer
from tests.wire.content import (
    OCI_ARTIFACT,
    OCI_CONFIG,
    OCI_EMPTY,
    OCI_INDEX,
    OCI_MANIFEST,
    Document,
    descriptor,
    digest,
    encoded,
    image,
    index,
    noise,
    referrer,
)
from tests.wire.paging import following
from tests.wire.repository import Repository

CONFIG = noise(90, "config")
IMAGE = image(CONFIG)
NOTE, SIGNATURE = "application/vnd.example.note", "application/vnd.example.signature+json;v=1"


@pytest.fixture
def subject(repository: Repository) -> str:
    """The target of the referrers of an image that is there."""
    repository.blob(CONFIG)
    repository.blob(b"{}")
    repository.manifest(IMAGE, "v1")
    return f"{repository.path}/referrers/{digest(IMAGE)}"


def listed(answer: Answer) -> list[Document]:
    """The descriptors of one page."""
    assert answer["content-type"] == OCI_INDEX
    assert {key: value for key, value in answer.json.items() if key != "manifests"} == {
        "schemaVersion": 2,
        "mediaType": OCI_INDEX,
    }
    found: list[Document] = answer.json["manifests"]
    return found


def walk(repository: Repository, target: str | None) -> list[list[Document]]:
    """Every page from `target` on."""
    pages: list[list[Document]] = []
    while target is not None:
        answer = repository.expect(200, "GET", target)
        assert (answer.header("oci-filters-applied") == "artifactType") == ("artifactType" in target)
        pages.append(listed(answer))
        target = following(answer)
        assert len(pages) < 100
    return pages


def test_a_descriptor_says_what_the_specification_asks(repository: Repository, subject: str) -> None:
    signed = {"org.example.by": "somebody", "é": "\u202e<script>"}
    of_image = descriptor(IMAGE, OCI_MANIFEST)
    pushed = {
        "typed": (referrer(IMAGE, artifactType=NOTE, annotations=signed), OCI_MANIFEST, NOTE, signed),
        "by config": (image(CONFIG, subject=of_image), OCI_MANIFEST, OCI_CONFIG, None),
        "empty type": (referrer(IMAGE, artifactType="", annotations={"a": ""}), OCI_MANIFEST, OCI_EMPTY, {"a": ""}),
        "index": (index([IMAGE], subject=of_image, annotations=signed), OCI_INDEX, None, signed),
        "typed index": (index([], subject=of_image, artifactType=NOTE), OCI_INDEX, NOTE, None),
        "artifact": (
            encoded({"mediaType": OCI_ARTIFACT, "artifactType": SIGNATURE, "subject": of_image}),
            *(OCI_ARTIFACT, SIGNATURE, None),
        ),
    }
    expected = []
    for data, kind, artifact_type, notes in pushed.values():
        repository.manifest(data, media_type=kind)
        entry: Document = {"mediaType": kind, "digest": digest(data), "size": len(data)}
        if artifact_type is not None:
            entry["artifactType"] = artifact_type
        if notes is not None:
            entry["annotations"] = notes
        expected.append(entry)
    assert listed(repository.expect(200, "GET", subject)) == expected
    for kind in (NOTE, SIGNATURE, OCI_CONFIG, OCI_EMPTY, "application/vnd.nobody"):
        answer = repository.expect(200, "GET", f"{subject}?artifactType={quote(kind, safe='')}")
        assert answer["oci-filters-applied"] == "artifactType"
        assert listed(answer) == [entry for entry in expected if entry.get("artifactType") == kind]


def test_pages_hold_every_referrer_once(repository: Repository, subject: str) -> None:
    notes: list[str] = []
    others: list[str] = []
    for number in range(450):
        kind = NOTE if number % 2 else SIGNATURE
        data = referrer(IMAGE, artifactType=kind, annotations={"n": str(number)})
        repository.manifest(data)
        (notes if kind == NOTE else others).append(digest(data))
    everything = [name for pair in zip(others, notes, strict=True) for name in pair]
    for target, expected in ((subject, everything), (f"{subject}?artifactType={NOTE}", notes)):
        pages = walk(repository, target)
        assert [entry["digest"] for page in pages for entry in page] == expected
        assert len(pages) > 1
        assert all(0 < len(page) <= 200 for page in pages)


def test_a_page_is_bounded_in_bytes_too(repository: Repository, subject: str) -> None:
    pushed = []
    for number in range(6):
        text = "\U0001f6a2" * (350_000 if number != 3 else 10)
        data = json.dumps(
            {**json.loads(referrer(IMAGE)), "annotations": {"n": str(number), "text": text}}, ensure_ascii=False
        )
        pushed.append(repository.manifest(data.encode()))
    target: str | None = subject
    found: list[object] = []
    while target is not None:
        answer = repository.expect(200, "GET", target)
        assert len(answer.body) < 4 << 20, "a client keeps no more than 4 MiB of an index"
        found += [entry["digest"] for entry in listed(answer)]
        target = following(answer)
    assert found == pushed


def test_a_referrer_may_come_before_its_subject(repository: Repository) -> None:
    repository.blob(CONFIG)
    repository.blob(b"{}")
    note = referrer(IMAGE)
    repository.manifest(note)
    target = f"{repository.path}/referrers/{digest(IMAGE)}"
    assert [entry["digest"] for entry in listed(repository.expect(200, "GET", target))] == [digest(note)]
    repository.manifest(IMAGE, "v1")
    assert [entry["digest"] for entry in listed(repository.expect(200, "GET", target))] == [digest(note)]


def test_a_deleted_referrer_disappears_and_may_come_back(repository: Repository, subject: str) -> None:
    note = referrer(IMAGE)
    for _ in range(2):
        repository.manifest(note)
        assert len(listed(repository.expect(200, "GET", subject))) == 1
        repository.expect(202, "DELETE", f"manifests/{digest(note)}")
        assert listed(repository.expect(200, "GET", subject)) == []


def test_a_referrer_elsewhere_is_none_here(repository: Repository, subject: str) -> None:
    elsewhere = Repository(repository.connection, repository.name + "/elsewhere")
    elsewhere.blob(b"{}")
    elsewhere.manifest(referrer(IMAGE))
    assert listed(repository.expect(200, "GET", subject)) == []


def test_a_referrer_of_a_referrer(repository: Repository, subject: str) -> None:
    first = referrer(IMAGE)
    second = referrer(first)
    for data in (second, first):
        repository.manifest(data)
    assert [entry["digest"] for entry in listed(repository.expect(200, "GET", subject))] == [digest(first)]
    target = f"{repository.path}/referrers/{digest(first)}"
    assert [entry["digest"] for entry in listed(repository.expect(200, "GET", target))] == [digest(second)]


def test_the_tag_schema_of_older_clients_stands_beside_it(repository: Repository, subject: str) -> None:
    note = referrer(IMAGE, artifactType=NOTE)
    repository.manifest(note)
    tag = digest(IMAGE).replace(":", "-")
    kept = index([note])
    repository.manifest(kept, tag, OCI_INDEX)
    assert repository.expect(200, "GET", f"manifests/{tag}").body == kept
    # What the index lists has a subject of its own and is a referrer once; the index has none and is no referrer.
    assert [entry["digest"] for entry in listed(repository.expect(200, "GET", subject))] == [digest(note)]
