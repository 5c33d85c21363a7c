"""Manifests: arbitrary input raises one error or gives one manifest; what is written is read back."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.oci import mediatype
from holdfast.oci.digest import Digest
from holdfast.oci.document import MAX_DEPTH, decode
from holdfast.oci.errors import MAX_REASON, ManifestInvalid
from holdfast.oci.manifest import Descriptor, Kind, Manifest, parse

FIELDS = [
    *("schemaVersion", "mediaType", "artifactType", "config", "layers", "manifests", "blobs", "subject"),
    *("annotations", "digest", "size", "urls", "data", "platform", "Layers"),
]
TYPES = [
    *(mediatype.OCI_MANIFEST, mediatype.OCI_INDEX, mediatype.OCI_ARTIFACT, mediatype.DOCKER_MANIFEST),
    *(mediatype.DOCKER_LIST, mediatype.DOCKER_SCHEMA_1, mediatype.DOCKER_FOREIGN_LAYER, "a/b", ""),
]

digests = st.binary(max_size=4).map(Digest.of)
words = st.text(max_size=12)
clean_words = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=12)
layer_types = st.sampled_from([mediatype.OCI_LAYER_GZIP, mediatype.DOCKER_FOREIGN_LAYER, "text/plain; charset=utf-8"])
descriptors = st.builds(
    Descriptor,
    digest=digests,
    size=st.integers(0, 2**63 - 1),
    media_type=layer_types,
    artifact_type=st.none() | st.just("application/x.y"),
    annotations=st.dictionaries(clean_words, clean_words, max_size=3),
    urls=st.lists(clean_words, max_size=2).map(tuple),
)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.integers()
    | st.floats(allow_nan=True)
    | words
    | st.sampled_from(TYPES)
    | digests.map(str)
)
keys = st.sampled_from(FIELDS) | words
json_values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=8), max_leaves=24
)
documents = st.fixed_dictionaries(
    {},
    optional={
        "schemaVersion": st.just(2) | scalars,
        "mediaType": st.sampled_from(TYPES) | scalars,
        "config": json_values,
        "layers": st.lists(json_values, max_size=3) | json_values,
        "manifests": st.lists(json_values, max_size=3) | json_values,
        "blobs": json_values,
        "subject": json_values,
        "annotations": json_values,
        "artifactType": scalars,
    },
)
content_types = st.sampled_from([*TYPES, mediatype.OCI_MANIFEST + "; charset=utf-8"]) | words


def written(descriptor: Descriptor) -> dict[str, Any]:
    return {
        "mediaType": descriptor.media_type,
        "digest": descriptor.digest,
        "size": descriptor.size,
        "artifactType": descriptor.artifact_type,
        "annotations": descriptor.annotations,
        "urls": descriptor.urls,
    }


def check(data: bytes, content_type: str) -> None:
    """Either one manifest that says what it is, or one bounded, printable sentence."""
    outcome: Manifest | ManifestInvalid
    try:
        outcome = parse(data, content_type)
    except ManifestInvalid as error:
        outcome = error
    if isinstance(outcome, ManifestInvalid):
        assert len(outcome.reason) <= MAX_REASON
        assert outcome.reason.isprintable()
        assert outcome.reason.endswith(".")
        json.dumps(outcome.detail, ensure_ascii=False).encode()
        return
    manifest = outcome
    assert manifest.kind in (Kind.IMAGE, Kind.INDEX)
    assert mediatype.is_valid(manifest.media_type)
    assert not (manifest.blobs and manifest.children)
    assert {blob.digest for blob in manifest.blobs} <= {
        entry.digest for entry in (manifest.config, *manifest.layers) if entry is not None
    }


@given(st.binary(max_size=200) | st.text(alphabet='{}[]",:\\ 0aeu-.', max_size=200).map(str.encode), content_types)
@settings(deadline=None)
def test_arbitrary_bytes(data: bytes, content_type: str) -> None:
    check(data, content_type)


@given(json_values, content_types)
@settings(deadline=None)
def test_arbitrary_json(value: object, content_type: str) -> None:
    check(json.dumps(value).encode(), content_type)


@given(documents, content_types)
@settings(deadline=None)
def test_arbitrary_documents(document: dict[str, Any], content_type: str) -> None:
    check(json.dumps(document).encode(), content_type)


@given(
    descriptors,
    st.lists(descriptors, max_size=6),
    st.none() | descriptors,
    st.dictionaries(clean_words, clean_words, max_size=3),
    st.booleans(),
)
@settings(deadline=None)
def test_images_are_read_back(
    config: Descriptor, layers: list[Descriptor], subject: Descriptor | None, annotations: dict[str, str], ascii_: bool
) -> None:
    document = {
        "schemaVersion": 2,
        "config": written(config),
        "layers": [written(layer) for layer in layers],
        "subject": None if subject is None else written(subject),
        "annotations": annotations,
    }
    manifest = parse(json.dumps(document, ensure_ascii=ascii_).encode(), mediatype.OCI_MANIFEST)
    assert manifest == Manifest(
        kind=Kind.IMAGE,
        media_type=mediatype.OCI_MANIFEST,
        config=config,
        layers=tuple(layers),
        subject=subject,
        annotations=annotations,
    )
    wanted = [config.digest, *(layer.digest for layer in layers if layer.distributable)]
    assert [blob.digest for blob in manifest.blobs] == list(dict.fromkeys(wanted))
    assert manifest.referrer_type == config.media_type


@given(st.lists(descriptors, max_size=6), st.none() | st.just("application/x.y"))
@settings(deadline=None)
def test_indexes_are_read_back(children: list[Descriptor], artifact_type: str | None) -> None:
    document = {
        "schemaVersion": 2,
        "mediaType": mediatype.OCI_INDEX,
        "manifests": [written(child) for child in children],
        "artifactType": artifact_type,
    }
    manifest = parse(json.dumps(document).encode(), "")
    assert manifest == Manifest(
        kind=Kind.INDEX, media_type=mediatype.OCI_INDEX, manifests=tuple(children), artifact_type=artifact_type
    )
    assert [child.digest for child in manifest.children] == list(dict.fromkeys(child.digest for child in children))


@given(st.dictionaries(clean_words, json_values, max_size=6), st.booleans())
@settings(deadline=None)
def test_decode_reads_what_json_reads(document: dict[str, Any], ascii_: bool) -> None:
    text = json.dumps(document, ensure_ascii=ascii_)
    reason = ""
    try:
        assert decode(text.encode("utf-8", "surrogatepass")) == json.loads(text)
    except ManifestInvalid as error:
        reason = error.reason
    expected = ("holds NaN", "holds Infinity", "holds -Infinity", "surrogate", "UTF-8")
    assert not reason or any(part in reason for part in expected)


@given(st.lists(st.sampled_from(["list", "object"]), max_size=60), st.integers(0, 40))
@settings(deadline=None)
def test_depth_is_counted_exactly(levels: list[str], beside: int) -> None:
    opened = "".join("[" if level == "list" else '{"a":' for level in levels)
    closed = "".join("]" if level == "list" else "}" for level in reversed(levels))
    wide = ",".join(["[]"] * beside + ['"]["'])
    data = f'{{"x": {opened}[{wide}]{closed}}}'.encode()
    depth = 1 + len(levels) + 1 + (1 if beside else 0)
    reason = ""
    try:
        decode(data)
    except ManifestInvalid as error:
        reason = error.reason
    assert ("nested deeper" in reason) == (depth > MAX_DEPTH)
    assert bool(reason) == (depth > MAX_DEPTH)
