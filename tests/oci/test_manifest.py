"""Manifests: what is accepted, and what the registry reads from it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from holdfast.oci import mediatype
from holdfast.oci.digest import Digest
from holdfast.oci.manifest import Descriptor, Kind, Manifest, parse


def descriptor(content: str, media_type: str = mediatype.OCI_LAYER_GZIP, **more: object) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": str(Digest.of(content.encode())), "size": len(content), **more}


CONFIG = descriptor("config", mediatype.OCI_CONFIG)
LAYER = descriptor("layer")
IMAGE: dict[str, Any] = {
    "schemaVersion": 2,
    "mediaType": mediatype.OCI_MANIFEST,
    "config": CONFIG,
    "layers": [LAYER],
}
CHILD = descriptor("child", mediatype.OCI_MANIFEST)
INDEX: dict[str, Any] = {"schemaVersion": 2, "mediaType": mediatype.OCI_INDEX, "manifests": [CHILD]}


def read(document: dict[str, Any], content_type: str = "") -> Manifest:
    return parse(json.dumps(document).encode(), content_type)


def without(document: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name not in names}


def test_image() -> None:
    manifest = read(IMAGE | {"annotations": {"k": "v", "": ""}}, mediatype.OCI_MANIFEST)
    assert manifest == Manifest(
        kind=Kind.IMAGE,
        media_type=mediatype.OCI_MANIFEST,
        config=Descriptor(Digest.of(b"config"), 6, mediatype.OCI_CONFIG),
        layers=(Descriptor(Digest.of(b"layer"), 5, mediatype.OCI_LAYER_GZIP),),
        annotations={"k": "v", "": ""},
    )
    assert [blob.digest for blob in manifest.blobs] == [CONFIG["digest"], LAYER["digest"]]
    assert manifest.children == ()
    assert manifest.subject is None
    assert manifest.artifact_type is None
    assert manifest.referrer_type == mediatype.OCI_CONFIG
    assert len({manifest, manifest}) == 1


def test_index() -> None:
    manifest = read(INDEX | {"artifactType": "text/x"}, mediatype.OCI_INDEX)
    assert manifest == Manifest(
        kind=Kind.INDEX,
        media_type=mediatype.OCI_INDEX,
        manifests=(Descriptor(Digest.of(b"child"), 5, mediatype.OCI_MANIFEST),),
        artifact_type="text/x",
    )
    assert manifest.children == manifest.manifests
    assert manifest.blobs == ()
    assert manifest.referrer_type == "text/x"


@pytest.mark.parametrize("empty", [{"manifests": []}, {"manifests": None}])
def test_empty_index(empty: dict[str, Any]) -> None:
    manifest = read(INDEX | empty)
    assert manifest.kind is Kind.INDEX
    assert manifest.children == ()
    assert manifest.referrer_type is None


def test_kinds_are_stored_numbers() -> None:
    assert [(kind.name, int(kind)) for kind in Kind] == [("BLOB", 0), ("IMAGE", 1), ("INDEX", 2)]


# --- the one media type


@pytest.mark.parametrize(
    ("own", "sent", "media_type"),
    [
        (mediatype.OCI_MANIFEST, mediatype.OCI_MANIFEST, mediatype.OCI_MANIFEST),
        (mediatype.OCI_MANIFEST, mediatype.OCI_MANIFEST + "; charset=utf-8", mediatype.OCI_MANIFEST),
        (mediatype.OCI_MANIFEST, " " + mediatype.OCI_MANIFEST + " ", mediatype.OCI_MANIFEST),
        (mediatype.OCI_MANIFEST, mediatype.OCI_MANIFEST.upper(), mediatype.OCI_MANIFEST),
        (mediatype.OCI_MANIFEST, "", mediatype.OCI_MANIFEST),
        (mediatype.OCI_MANIFEST, " ; a=b", mediatype.OCI_MANIFEST),
        (None, mediatype.OCI_MANIFEST, mediatype.OCI_MANIFEST),
        (None, mediatype.OCI_MANIFEST + ";charset=utf-8", mediatype.OCI_MANIFEST),
        (None, "application/json", "application/json"),
        ("application/x.y", "application/x.y", "application/x.y"),
    ],
)
def test_media_type(own: str | None, sent: str, media_type: str) -> None:
    for document in (
        IMAGE | {"mediaType": own},
        without(IMAGE, "mediaType") if own is None else IMAGE | {"mediaType": own},
    ):
        assert read(document, sent).media_type == media_type


# --- Docker


def test_docker_schema_2() -> None:
    # Three-space indentation and no final newline: as docker writes it. The bytes are never made again.
    data = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": mediatype.DOCKER_MANIFEST,
            "config": descriptor("config", mediatype.DOCKER_CONFIG),
            "layers": [descriptor("one", mediatype.DOCKER_LAYER), descriptor("two", mediatype.DOCKER_LAYER)],
        },
        indent=3,
    ).encode()
    manifest = parse(data, mediatype.DOCKER_MANIFEST)
    assert manifest.kind is Kind.IMAGE
    assert manifest.media_type == mediatype.DOCKER_MANIFEST
    assert len(manifest.blobs) == 3
    assert manifest.referrer_type == mediatype.DOCKER_CONFIG


def test_docker_list() -> None:
    child = descriptor(
        "child", mediatype.DOCKER_MANIFEST, platform={"architecture": "arm", "os": "linux", "variant": "v7"}
    )
    manifest = read(
        {"schemaVersion": 2, "mediaType": mediatype.DOCKER_LIST, "manifests": [child]}, mediatype.DOCKER_LIST
    )
    assert manifest.kind is Kind.INDEX
    assert [entry.digest for entry in manifest.children] == [child["digest"]]


# --- artifacts


def test_artifact_manifest() -> None:
    manifest = read(
        {
            "mediaType": mediatype.OCI_ARTIFACT,
            "artifactType": "application/vnd.example.sbom.v1",
            "blobs": [descriptor("sbom", "application/json")],
            "subject": CHILD,
        },
        mediatype.OCI_ARTIFACT,
    )
    assert manifest.kind is Kind.IMAGE
    assert manifest.config is None
    assert [blob.digest for blob in manifest.blobs] == [Digest.of(b"sbom")]
    assert manifest.subject is not None
    assert manifest.subject.digest == CHILD["digest"]
    assert manifest.referrer_type == "application/vnd.example.sbom.v1"


@pytest.mark.parametrize("blobs", [{}, {"blobs": None}, {"blobs": []}])
def test_artifact_manifest_without_blobs(blobs: dict[str, Any]) -> None:
    manifest = read({"mediaType": mediatype.OCI_ARTIFACT, **blobs})
    assert manifest.blobs == ()
    assert manifest.referrer_type is None


def test_artifact_as_image_with_the_empty_config() -> None:
    empty = {"mediaType": mediatype.OCI_EMPTY, "digest": str(Digest.of(b"{}")), "size": 2, "data": "e30="}
    manifest = read(
        IMAGE | {"artifactType": "application/vnd.dev.sigstore.bundle.v0.3+json", "config": empty, "layers": [empty]}
    )
    assert [blob.digest for blob in manifest.blobs] == [empty["digest"]]
    assert manifest.referrer_type == "application/vnd.dev.sigstore.bundle.v0.3+json"


@pytest.mark.parametrize("artifact_type", [None, ""])
def test_empty_artifact_type_is_none(artifact_type: str | None) -> None:
    assert read(IMAGE | {"artifactType": artifact_type}).referrer_type == mediatype.OCI_CONFIG
    assert read(INDEX | {"artifactType": artifact_type}).referrer_type is None


def test_subject() -> None:
    for document in (IMAGE, INDEX):
        manifest = read(document | {"subject": CHILD})
        assert manifest.subject == Descriptor(Digest.of(b"child"), 5, mediatype.OCI_MANIFEST)
        assert read(document | {"subject": None}).subject is None


# --- other types


def test_unknown_types_are_accepted() -> None:
    image = read(without(IMAGE, "mediaType"), "application/vnd.example.thing.v1+json")
    index = read(without(INDEX, "mediaType"), "application/vnd.example.things.v1+json")
    assert (image.kind, image.media_type) == (Kind.IMAGE, "application/vnd.example.thing.v1+json")
    assert (index.kind, index.media_type) == (Kind.INDEX, "application/vnd.example.things.v1+json")
    assert read(without(INDEX, "mediaType") | {"manifests": None}, "a/b").kind is Kind.INDEX
    assert read(without(IMAGE, "mediaType") | {"manifests": None}, "a/b").kind is Kind.IMAGE


def test_unknown_fields_pass_everywhere() -> None:
    more = {"org.example.X": {"deep": [1, None, 2.5]}}
    child = CHILD | more | {"platform": {"os": "linux", "os.features": ["a"], **more}}
    assert len(read(INDEX | more | {"manifests": [child]}).children) == 1
    assert (
        len(read(IMAGE | more | {"config": CONFIG | more, "layers": [LAYER | more], "subject": CHILD | more}).blobs)
        == 2
    )


# --- layers


@pytest.mark.parametrize("layers", [{"layers": None}, {"layers": []}])
def test_no_layers(layers: dict[str, Any]) -> None:
    manifest = read(IMAGE | layers)
    assert manifest.layers == ()
    assert [blob.digest for blob in manifest.blobs] == [CONFIG["digest"]]
    assert read(without(IMAGE, "layers")) == manifest


@pytest.mark.parametrize(
    "media_type",
    [
        "text/plain; charset=utf-8",
        "application/vnd.oci.image.layer.v1.tar+gzip+encrypted",
        "application/octet-stream",
        "application/vnd.wasm.content.layer.v1+wasm",
    ],
)
def test_any_layer_type(media_type: str) -> None:
    manifest = read(IMAGE | {"layers": [descriptor("layer", media_type)]})
    assert [blob.media_type for blob in manifest.blobs] == [mediatype.OCI_CONFIG, media_type]


def test_blobs_are_the_distributable_ones_once_and_in_order() -> None:
    foreign = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"
    layers = [
        descriptor("b"),
        descriptor("foreign", foreign, urls=["https://example.org/foreign"]),
        descriptor("a"),
        descriptor("docker", mediatype.DOCKER_FOREIGN_LAYER),
        descriptor("b"),
        descriptor("both", foreign),
        descriptor("both"),
        CONFIG,
    ]
    manifest = read(IMAGE | {"layers": layers})
    assert [blob.digest for blob in manifest.blobs] == [
        CONFIG["digest"],
        *(Digest.of(content) for content in (b"b", b"a", b"both")),
    ]
    assert len(manifest.layers) == 8
    assert manifest.layers[1].urls == ("https://example.org/foreign",)
    assert not manifest.layers[1].distributable


def test_a_config_must_be_present_whatever_its_type() -> None:
    config = descriptor("config", mediatype.DOCKER_FOREIGN_LAYER)
    assert [blob.digest for blob in read(IMAGE | {"config": config}).blobs] == [config["digest"], LAYER["digest"]]


def test_children_once_and_in_order() -> None:
    one, two = descriptor("1", mediatype.OCI_MANIFEST), descriptor("2", mediatype.OCI_INDEX)
    manifest = read(INDEX | {"manifests": [two, one, two | {"platform": {"os": "linux"}}]})
    assert [child.digest for child in manifest.children] == [two["digest"], one["digest"]]
    assert len(manifest.manifests) == 3


def test_descriptor_in_full() -> None:
    layer = descriptor(
        "x",
        "a/b",
        artifactType="c/d",
        annotations={"k": "v"},
        urls=["https://example.org/x"],
        data="eA==",
        platform={"os": "plan9"},
    )
    assert read(IMAGE | {"layers": [layer]}).layers[0] == Descriptor(
        Digest.of(b"x"), 1, "a/b", "c/d", {"k": "v"}, ("https://example.org/x",)
    )
    nothing = descriptor("x", "a/b", artifactType=None, annotations=None, urls=None, data=None)
    assert read(IMAGE | {"layers": [nothing]}).layers[0] == Descriptor(Digest.of(b"x"), 1, "a/b")


@pytest.mark.parametrize("size", [0, 1, 2**63 - 1])
def test_sizes(size: int) -> None:
    assert read(IMAGE | {"layers": [LAYER | {"size": size}]}).layers[0].size == size


@pytest.mark.parametrize("algorithm", ["sha256", "sha384", "sha512"])
def test_algorithms(algorithm: str) -> None:
    digest = Digest.of(b"x", algorithm)
    assert read(IMAGE | {"layers": [LAYER | {"digest": digest}]}).layers[0].digest == digest


def test_most_descriptors() -> None:
    assert len(read(INDEX | {"manifests": [CHILD] * 10_000}).manifests) == 10_000
