"""Manifests: what a document is, and what it needs.

One parse decides everything that the registry knows about a manifest (design, invariant 10): its kind, the blobs that
must be present, the manifests under it, its subject, and the type under which it is listed as a referrer. The bytes
themselves are kept as they came; nothing is ever written back from these values.

A manifest is one thing (rules "Content" 2; CVE-2021-41190): bytes that one reader could take for an image and another
for an index are refused. Beyond that the content belongs to its owner: unknown fields, unknown media types, platforms
and embedded data pass unread.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Final, NoReturn

from holdfast.oci import mediatype
from holdfast.oci.digest import Digest
from holdfast.oci.document import decode, refuse_lookalikes
from holdfast.oci.errors import DigestInvalid, ManifestInvalid, excerpt

MAX_BYTES: Final = 4 * 1024 * 1024
MAX_DESCRIPTORS: Final = 10_000
MAX_SIZE: Final = 2**63 - 1

_DESCRIPTOR_FIELDS: Final = frozenset(
    {"mediaType", "digest", "size", "urls", "annotations", "data", "artifactType", "platform"}
)
_FIELDS: Final = frozenset(
    {"schemaVersion", "mediaType", "artifactType", "config", "layers", "manifests", "blobs", "subject", "annotations"}
)
_DESCRIPTOR_MEANT: Final = {name.casefold(): name for name in _DESCRIPTOR_FIELDS}
_MEANT: Final = {name.casefold(): name for name in _FIELDS}

_IMAGES: Final = frozenset({mediatype.OCI_MANIFEST, mediatype.DOCKER_MANIFEST})
_INDEXES: Final = frozenset({mediatype.OCI_INDEX, mediatype.DOCKER_LIST})
_SCHEMA_1: Final = frozenset({mediatype.DOCKER_SCHEMA_1, mediatype.DOCKER_SCHEMA_1_SIGNED})


class Kind(IntEnum):
    """What a piece of content is to the registry; the numbers are stored."""

    BLOB = 0
    IMAGE = 1
    INDEX = 2


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A reference to content (image-spec, descriptor.md, "Properties"); `size` in bytes, 0 to `MAX_SIZE`."""

    digest: Digest
    size: int
    media_type: str
    artifact_type: str | None = None
    annotations: Mapping[str, str] = field(default_factory=dict, hash=False)
    urls: tuple[str, ...] = ()

    @property
    def distributable(self) -> bool:
        """Whether a registry must hold it (image-spec, layer.md, "Non-Distributable Layers")."""
        return mediatype.is_distributable(self.media_type)


@dataclass(frozen=True, slots=True)
class Manifest:
    """A parsed manifest (image-spec, manifest.md, image-index.md; Docker "Image Manifest Version 2, Schema 2").

    `kind` is `IMAGE` or `INDEX`. An artifact manifest is an image without `config`, its `blobs` are the `layers`.
    """

    kind: Kind
    media_type: str
    config: Descriptor | None = None
    layers: tuple[Descriptor, ...] = ()
    manifests: tuple[Descriptor, ...] = ()
    subject: Descriptor | None = None
    artifact_type: str | None = None
    annotations: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def blobs(self) -> tuple[Descriptor, ...]:
        """The blobs that must be present: config and distributable layers, each digest once, in their order."""
        wanted = {} if self.config is None else {self.config.digest: self.config}
        for layer in self.layers:
            if layer.distributable:
                wanted.setdefault(layer.digest, layer)
        return tuple(wanted.values())

    @property
    def children(self) -> tuple[Descriptor, ...]:
        """What an index holds together, each digest once, in its order; empty for an image."""
        wanted: dict[Digest, Descriptor] = {}
        for child in self.manifests:
            wanted.setdefault(child.digest, child)
        return tuple(wanted.values())

    @property
    def referrer_type(self) -> str | None:
        """The `artifactType` to list it under as a referrer (distribution-spec, "Listing Referrers")."""
        if self.artifact_type is not None:
            return self.artifact_type
        return None if self.config is None else self.config.media_type


def parse(data: bytes, content_type: str) -> Manifest:
    """Return the manifest in `data`, pushed as `content_type`; raise `ManifestInvalid` when it is not exactly one.

    Parameters of `content_type` are ignored; an empty one is made good by the document's `mediaType`, which may be
    absent, but never another (distribution-spec, "Pushing Manifests"). At most `MAX_BYTES` bytes and
    `MAX_DESCRIPTORS` descriptors. A field of `null` is an absent one, an absent list an empty one. Types that are not
    known are accepted when their `schemaVersion` is 2: with `manifests` as an index, else as an image.
    """
    if len(data) > MAX_BYTES:
        raise ManifestInvalid(f"A manifest has at most {MAX_BYTES} bytes, this one has {len(data)}.", size=len(data))
    document = decode(data)
    if not document.keys() <= _FIELDS:
        refuse_lookalikes(document, _MEANT, "")
    media_type = _media_type(document, content_type)
    kind, listed = _kind(document, media_type)
    config = document.get("config")
    subject = document.get("subject")
    if kind is Kind.IMAGE and config is None and listed != "blobs":
        _refuse("config", "is missing: only an artifact manifest has none")
    descriptors = _descriptors(document.get(listed), listed)
    return Manifest(
        kind=kind,
        media_type=media_type,
        config=None if config is None else _descriptor(config, "config"),
        layers=descriptors if kind is Kind.IMAGE else (),
        manifests=descriptors if kind is Kind.INDEX else (),
        subject=None if subject is None else _descriptor(subject, "subject"),
        artifact_type=_artifact_type(document, ""),
        annotations=_annotations(document, ""),
    )


def _media_type(document: dict[str, Any], content_type: str) -> str:
    """Return the one type that header and document agree on, as the document spells it where it does."""
    sent = mediatype.essence(content_type)
    if sent and not mediatype.is_valid(sent):
        raise ManifestInvalid(f"The Content-Type '{excerpt(content_type)}' is not a media type.")
    own = _agreed(document, sent)
    if not mediatype.is_inert(own):
        raise ManifestInvalid(f"The type '{excerpt(own, 64)}' is for people or browsers: no manifest has it.")
    return own


def _agreed(document: dict[str, Any], sent: str) -> str:
    own = document.get("mediaType")
    if own is None:
        return sent or _refuse("mediaType", "is missing, and so is the Content-Type")
    if type(own) is not str or not mediatype.is_valid(own) or ";" in own:
        _refuse("mediaType", "must be a media type without parameters")
    if sent and sent != own and sent.lower() != own.lower():
        raise ManifestInvalid(
            f"The manifest says that it is '{excerpt(own, 64)}', but was sent as '{excerpt(sent, 64)}'.",
            mediaType=own,
            contentType=sent,
        )
    return own


def _kind(document: dict[str, Any], media_type: str) -> tuple[Kind, str]:
    """Return what the manifest is and which of its fields lists what it holds together."""
    known = media_type.lower()
    held = [name for name in ("manifests", "layers", "config", "blobs") if document.get(name) is not None]
    kind, listed, allowed = Kind.IMAGE, "layers", ["layers", "config"]
    if known == mediatype.OCI_ARTIFACT:
        listed, allowed = "blobs", ["blobs"]
    else:
        _check_schema(document, known)
        by_content = "manifests" in document and "layers" not in held and "config" not in held
        if known in _INDEXES or (known not in _IMAGES and by_content):
            kind, listed, allowed = Kind.INDEX, "manifests", ["manifests"]
    for name in held:
        if name not in allowed:
            what = "an index" if kind is Kind.INDEX else f"a manifest with '{listed}'"
            _refuse(name, f"has no place in {what}: a manifest is either an index or an image")
    if kind is Kind.INDEX and "manifests" not in document:
        _refuse("manifests", "is missing")
    return kind, listed


def _check_schema(document: dict[str, Any], known: str) -> None:
    version = document.get("schemaVersion")
    if known in _SCHEMA_1 or (type(version) is int and version == 1):
        raise ManifestInvalid(
            "Docker image manifests of version 2, schema 1 are not supported: "
            "push the image again as schema 2 or OCI, which clients since Docker 1.10 do."
        )
    if type(version) is not int or version != 2:
        _refuse("schemaVersion", "must be 2")


def _descriptors(value: object, listed: str) -> tuple[Descriptor, ...]:
    if value is None:
        return ()
    if type(value) is not list:
        _refuse(listed, "must be a list")
    if len(value) > MAX_DESCRIPTORS:
        _refuse(listed, f"has {len(value)} entries, the limit is {MAX_DESCRIPTORS}")
    return tuple([_descriptor(entry, listed, number) for number, entry in enumerate(value)])


def _descriptor(value: object, path: str, number: int | None = None) -> Descriptor:
    """Return the descriptor at `path`, or at `path[number]` (image-spec, descriptor.md, "Properties")."""
    if type(value) is not dict:
        _refuse(_at(path, number)[:-1], "must be an object")
    if not value.keys() <= _DESCRIPTOR_FIELDS:
        refuse_lookalikes(value, _DESCRIPTOR_MEANT, _at(path, number))
    digest, size, media_type = value.get("digest"), value.get("size"), value.get("mediaType")
    if type(digest) is not str:
        _refuse(f"{_at(path, number)}digest", "must be a digest")
    try:
        parsed = Digest.parse(digest)
    except DigestInvalid as error:
        _refuse(f"{_at(path, number)}digest", f"is not a digest: {error.reason[:-1]}")
    if type(size) is not int or not 0 <= size <= MAX_SIZE:
        _refuse(f"{_at(path, number)}size", "must be a whole number from 0 to 2^63-1")
    if type(media_type) is not str or not mediatype.is_valid(media_type):
        _refuse(f"{_at(path, number)}mediaType", "must be a media type")
    if len(value) == 3:
        return Descriptor(parsed, size, media_type)
    where = _at(path, number)
    return Descriptor(
        parsed, size, media_type, _artifact_type(value, where), _annotations(value, where), _urls(value, where)
    )


def _artifact_type(holder: dict[str, Any], where: str) -> str | None:
    """Return `artifactType`, `None` when it is absent or empty (distribution-spec, "Listing Referrers")."""
    value = holder.get("artifactType")
    if value is None or value == "":
        return None
    if type(value) is not str or not mediatype.is_valid(value):
        _refuse(f"{where}artifactType", "must be a media type")
    return value


def _annotations(holder: dict[str, Any], where: str) -> Mapping[str, str]:
    """Return `annotations`, texts by key (image-spec, annotations.md, "Rules")."""
    value = holder.get("annotations")
    if value is None:
        return {}
    if type(value) is not dict:
        _refuse(f"{where}annotations", "must be an object")
    for key, text in value.items():
        if type(text) is not str:
            _refuse(f"{where}annotations.{excerpt(key)}", "must be a text")
    return value


def _urls(holder: dict[str, Any], where: str) -> tuple[str, ...]:
    value = holder.get("urls")
    if value is None:
        return ()
    if type(value) is not list:
        _refuse(f"{where}urls", "must be a list")
    for number, url in enumerate(value):
        if type(url) is not str:
            _refuse(f"{where}urls[{number}]", "must be a text")
    return tuple(value)


def _at(path: str, number: int | None) -> str:
    return f"{path}." if number is None else f"{path}[{number}]."


def _refuse(path: str, what: str) -> NoReturn:
    raise ManifestInvalid(f"The field '{path}' {what}.", field=path)
