"""Manifests that are refused, each with a sentence that says where and why (rules, Content 2)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from holdfast.oci import mediatype
from holdfast.oci.digest import Digest
from holdfast.oci.errors import MAX_REASON, ManifestInvalid
from holdfast.oci.manifest import MAX_BYTES, parse

CONFIG = {"mediaType": mediatype.OCI_CONFIG, "digest": str(Digest.of(b"config")), "size": 6}
LAYER: dict[str, Any] = {"mediaType": mediatype.OCI_LAYER, "digest": str(Digest.of(b"layer")), "size": 5}
IMAGE: dict[str, Any] = {"schemaVersion": 2, "config": CONFIG, "layers": [LAYER]}
INDEX: dict[str, Any] = {"schemaVersion": 2, "manifests": [LAYER]}
ARTIFACT: dict[str, Any] = {"mediaType": mediatype.OCI_ARTIFACT, "blobs": [LAYER]}


def refusal(document: object, content_type: str = mediatype.OCI_MANIFEST) -> ManifestInvalid:
    data = document if isinstance(document, bytes) else json.dumps(document).encode()
    with pytest.raises(ManifestInvalid) as caught:
        parse(data, content_type)
    reason = caught.value.reason
    assert reason.endswith(".")
    assert len(reason) <= MAX_REASON
    assert reason.isprintable()
    return caught.value


# --- the one media type


@pytest.mark.parametrize(
    ("own", "sent"),
    [
        (mediatype.OCI_INDEX, mediatype.OCI_MANIFEST),
        (mediatype.OCI_MANIFEST, mediatype.OCI_INDEX),
        (mediatype.OCI_MANIFEST, mediatype.DOCKER_MANIFEST),
        (mediatype.OCI_MANIFEST, "application/json"),
        (mediatype.OCI_MANIFEST, "application/octet-stream; x=y"),
        ("a/b", mediatype.OCI_MANIFEST),
    ],
)
def test_two_media_types(own: str, sent: str) -> None:
    error = refusal(IMAGE | {"mediaType": own}, sent)
    assert error.reason == f"The manifest says that it is '{own}', but was sent as '{sent.partition(';')[0]}'."
    assert error.detail == {"mediaType": own, "contentType": sent.partition(";")[0]}


def test_no_media_type() -> None:
    for sent in ("", "  ", "; charset=utf-8"):
        assert "'mediaType' is missing, and so is the Content-Type" in refusal(IMAGE, sent).reason
        assert "is missing" in refusal(IMAGE | {"mediaType": None}, sent).reason


@pytest.mark.parametrize("sent", ["json", "a/b, c/d", "*/*", "a/b/c", "application/\x00", "é/b", "a/" + "b" * 1_000])
def test_content_type_that_is_none(sent: str) -> None:
    assert "is not a media type" in refusal(IMAGE, sent).reason


@pytest.mark.parametrize("own", ["", "x", 1, True, [], {}, "a/b; c=d", " a/b", "a/b\n"])
def test_media_type_that_is_none(own: object) -> None:
    error = refusal(IMAGE | {"mediaType": own}, "")
    assert error.reason == "The field 'mediaType' must be a media type without parameters."
    assert error.detail == {"field": "mediaType"}


# --- one thing


@pytest.mark.parametrize("content_type", [mediatype.OCI_MANIFEST, mediatype.OCI_INDEX, mediatype.DOCKER_LIST, "a/b"])
@pytest.mark.parametrize(
    "also",
    [
        {"manifests": [LAYER], "layers": [LAYER], "config": CONFIG},
        {"manifests": [LAYER], "layers": [LAYER]},
        {"manifests": [LAYER], "config": CONFIG},
        {"manifests": [LAYER], "blobs": [LAYER]},
        {"manifests": [], "layers": []},
        {"manifests": [], "config": {}},
        {"manifests": {}, "layers": 0},
        {"manifests": False, "blobs": ""},
    ],
)
def test_index_and_image_at_once(content_type: str, also: dict[str, Any]) -> None:
    error = refusal({"schemaVersion": 2} | also, content_type)
    assert "has no place in" in error.reason
    assert error.detail["field"] in also


@pytest.mark.parametrize(
    ("document", "content_type", "field"),
    [
        (INDEX, mediatype.OCI_MANIFEST, "manifests"),
        (INDEX, mediatype.DOCKER_MANIFEST, "manifests"),
        (IMAGE, mediatype.OCI_INDEX, "layers"),
        (IMAGE, mediatype.DOCKER_LIST, "layers"),
        ({"schemaVersion": 2, "config": CONFIG}, mediatype.OCI_INDEX, "config"),
        ({"schemaVersion": 2, "blobs": []}, "a/b", "blobs"),
        (IMAGE | {"blobs": [LAYER]}, mediatype.OCI_MANIFEST, "blobs"),
        (ARTIFACT | {"layers": [LAYER]}, mediatype.OCI_ARTIFACT, "layers"),
        (ARTIFACT | {"config": CONFIG}, mediatype.OCI_ARTIFACT, "config"),
        (ARTIFACT | {"manifests": []}, mediatype.OCI_ARTIFACT, "manifests"),
        (INDEX | {"mediaType": mediatype.OCI_MANIFEST.upper()}, mediatype.OCI_MANIFEST, "manifests"),
    ],
)
def test_content_of_another_kind(document: dict[str, Any], content_type: str, field: str) -> None:
    error = refusal(document, content_type)
    assert error.reason.startswith(f"The field '{field}' has no place in ")
    assert error.detail == {"field": field}


@pytest.mark.parametrize(
    ("document", "content_type", "field"),
    [
        ({"schemaVersion": 2}, mediatype.OCI_MANIFEST, "config"),
        ({"schemaVersion": 2, "layers": [LAYER]}, mediatype.OCI_MANIFEST, "config"),
        ({"schemaVersion": 2, "layers": [LAYER], "config": None}, mediatype.DOCKER_MANIFEST, "config"),
        ({"schemaVersion": 2}, "a/b", "config"),
        ({"schemaVersion": 2}, mediatype.OCI_INDEX, "manifests"),
        ({"schemaVersion": 2}, mediatype.DOCKER_LIST, "manifests"),
    ],
)
def test_missing(document: dict[str, Any], content_type: str, field: str) -> None:
    assert refusal(document, content_type).reason.startswith(f"The field '{field}' is missing")


@pytest.mark.parametrize(
    ("document", "name", "meant"),
    [
        (IMAGE | {"Manifests": []}, "Manifests", "manifests"),
        (IMAGE | {"MEDIATYPE": "a/b"}, "MEDIATYPE", "mediaType"),
        (IMAGE | {"layer\u017f": []}, "layer\u017f", "layers"),
        (IMAGE | {"Subject": LAYER}, "Subject", "subject"),
        (IMAGE | {"config": CONFIG | {"Digest": "x"}}, "config.Digest", "digest"),
        (IMAGE | {"layers": [LAYER, LAYER | {"SIZE": 1}]}, "layers[1].SIZE", "size"),
    ],
)
def test_another_spelling_of_a_known_field(document: dict[str, Any], name: str, meant: str) -> None:
    assert refusal(document).reason == f"The field '{name}' must be spelled '{meant}'."


# --- versions


@pytest.mark.parametrize("content_type", [mediatype.DOCKER_SCHEMA_1, mediatype.DOCKER_SCHEMA_1_SIGNED])
@pytest.mark.parametrize("version", [1, 2, None])
def test_docker_schema_1(content_type: str, version: int | None) -> None:
    document: dict[str, Any] = {
        "schemaVersion": version,
        "name": "a",
        "tag": "b",
        "fsLayers": [],
        "history": [],
        "signatures": [],
    }
    assert "schema 1 are not supported" in refusal(document, content_type).reason


@pytest.mark.parametrize("content_type", ["application/json", mediatype.DOCKER_MANIFEST])
def test_docker_schema_1_under_another_type(content_type: str) -> None:
    document: dict[str, Any] = {"schemaVersion": 1, "fsLayers": [], "history": []}
    assert "schema 1 are not supported" in refusal(document, content_type).reason


@pytest.mark.parametrize("version", [None, 0, 3, 2.0, True, "2", [2]])
@pytest.mark.parametrize("content_type", [mediatype.OCI_MANIFEST, mediatype.DOCKER_MANIFEST, "a/b"])
def test_schema_version(version: object, content_type: str) -> None:
    assert refusal(IMAGE | {"schemaVersion": version}, content_type).reason == "The field 'schemaVersion' must be 2."


# --- fields of the wrong type, by their path


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"layers": {}}, "layers"),
        ({"layers": "x"}, "layers"),
        ({"layers": 1}, "layers"),
        ({"layers": False}, "layers"),
        ({"layers": [LAYER, None]}, "layers[1]"),
        ({"layers": [[]]}, "layers[0]"),
        ({"layers": ["x"]}, "layers[0]"),
        ({"config": []}, "config"),
        ({"config": "x"}, "config"),
        ({"config": {}}, "config.digest"),
        ({"subject": 1}, "subject"),
        ({"subject": {}}, "subject.digest"),
        ({"subject": LAYER | {"digest": "sha1:x"}}, "subject.digest"),
        ({"annotations": []}, "annotations"),
        ({"annotations": "x"}, "annotations"),
        ({"annotations": {"org.example.a": 1}}, "annotations.org.example.a"),
        ({"annotations": {"a": None}}, "annotations.a"),
        ({"annotations": {"\n" + "x" * 1000: {}}}, "annotations."),
        ({"artifactType": 1}, "artifactType"),
        ({"artifactType": "x"}, "artifactType"),
        ({"artifactType": {}}, "artifactType"),
    ],
)
def test_wrong_type(change: dict[str, Any], path: str) -> None:
    error = refusal(IMAGE | change)
    assert str(error.detail["field"]).startswith(path)
    assert error.reason.startswith(f"The field '{path}")


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"digest": None}, "digest"),
        ({"digest": 1}, "digest"),
        ({"digest": ""}, "digest"),
        ({"digest": "sha1:" + "a" * 40}, "digest"),
        ({"digest": "sha256:" + "A" * 64}, "digest"),
        ({"digest": "sha256:../../etc/passwd"}, "digest"),
        ({"size": None}, "size"),
        ({"size": -1}, "size"),
        ({"size": 2**63}, "size"),
        ({"size": 1.0}, "size"),
        ({"size": "1"}, "size"),
        ({"size": True}, "size"),
        ({"mediaType": None}, "mediaType"),
        ({"mediaType": ""}, "mediaType"),
        ({"mediaType": 1}, "mediaType"),
        ({"mediaType": "layer"}, "mediaType"),
        ({"mediaType": "a/b\r\nX: y"}, "mediaType"),
        ({"artifactType": 1}, "artifactType"),
        ({"artifactType": "x y"}, "artifactType"),
        ({"annotations": []}, "annotations"),
        ({"annotations": {"a": 1}}, "annotations.a"),
        ({"urls": "x"}, "urls"),
        ({"urls": ["x", 1]}, "urls[1]"),
    ],
)
def test_wrong_type_in_a_descriptor(change: dict[str, Any], path: str) -> None:
    wrong = LAYER | change
    for document, content_type, where in (
        (IMAGE | {"layers": [LAYER, wrong]}, mediatype.OCI_MANIFEST, "layers[1]"),
        (IMAGE | {"config": wrong}, mediatype.OCI_MANIFEST, "config"),
        (IMAGE | {"subject": wrong}, mediatype.OCI_MANIFEST, "subject"),
        (INDEX | {"manifests": [wrong]}, mediatype.OCI_INDEX, "manifests[0]"),
        (ARTIFACT | {"blobs": [wrong]}, mediatype.OCI_ARTIFACT, "blobs[0]"),
    ):
        error = refusal(document, content_type)
        assert error.detail == {"field": f"{where}.{path}"}
        assert f"'{where}.{path}' " in error.reason


# --- bounds


def test_too_large() -> None:
    assert "at most 4194304 bytes" in refusal(b" " * (MAX_BYTES + 1)).reason
    assert "not valid JSON" in refusal(b" " * MAX_BYTES).reason


def test_too_many_descriptors() -> None:
    error = refusal(INDEX | {"manifests": [LAYER] * 10_001}, mediatype.OCI_INDEX)
    assert error.reason == "The field 'manifests' has 10001 entries, the limit is 10000."


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b'"x"',
        b"{",
        b"\xff",
        b'{"schemaVersion": 2, "schemaVersion": 2}',
        b'{"schemaVersion": NaN}',
        b"[" * MAX_BYTES,
        b'{"a":' * (MAX_BYTES // 5),
        b'{"a":' + b"[" * 40 + b"]" * 40 + b"}",
    ],
    ids=lambda data: repr(data)[:24],
)
def test_no_document(data: bytes) -> None:
    refusal(data)
