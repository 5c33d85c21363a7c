"""What is told of an artifact, as values; all texts are as their makers wrote them, cut where they are too long."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from holdfast.oci.digest import Digest
from holdfast.oci.image_config import ImageConfig

MOST_NODES = 10_000
"""So many manifests and blobs are counted for sizes."""
MOST_REFERRERS = 200
MOST_TAGS = 100


class ArtifactKind(StrEnum):
    """What an artifact is: an image that runs, an index over others, anything else."""

    IMAGE = "image"
    INDEX = "index"
    ARTIFACT = "artifact"


class ReferrerKind(StrEnum):
    """What something says of what it refers to."""

    SIGNATURE = "signature"
    SBOM = "sbom"
    ATTESTATION = "attestation"
    OTHER = "other"


class Part(NamedTuple):
    """A manifest that an index lists. `size`: of it and its blobs, None where it is not here; `attests`: of which other
    part it is an attestation."""

    digest: str
    media_type: str
    platform: str
    size: int | None
    attests: str | None


class Layer(NamedTuple):
    """A layer and the line of the history that made it ('' where there is none); `empty`: the lines right before it
    that made none; `shared`: whether other images of the repository use it, None where that is not told."""

    digest: str
    media_type: str
    size: int
    command: str
    created: str
    empty: tuple[str, ...]
    shared: bool | None = None


class Image(NamedTuple):
    """One image: its configuration (None where it cannot be read) and layers; `after`: the lines of the history behind
    the last layer."""

    digest: Digest
    platform: str
    config: ImageConfig | None
    layers: tuple[Layer, ...]
    after: tuple[str, ...]


class Referrer(NamedTuple):
    """Something that refers to the artifact, to a part of it, or to another referrer (`subject`); `tag`: it does so by
    this tag and not by a field of its own."""

    digest: str
    subject: str
    kind: ReferrerKind
    media_type: str
    artifact_type: str | None
    size: int
    pushed_at: int
    annotations: Mapping[str, str]
    tag: str | None


class Details(NamedTuple):
    """An artifact. `size`: of its manifest; `total`: of all that belongs to it, None where it is too much to count;
    `shared`: how much of that other artifacts of the repository use too, None where that is not told; `image`: the one
    of the chosen platform; `more_tags`, `more_referrers`: there are more than are listed."""

    repository: str
    digest: Digest
    media_type: str
    kind: ArtifactKind
    artifact_type: str | None
    subject: str | None
    size: int
    total: int | None
    shared: int | None
    pushed_at: int
    annotations: Mapping[str, str]
    tags: tuple[str, ...]
    more_tags: bool
    parts: tuple[Part, ...]
    image: Image | None
    referrers: tuple[Referrer, ...]
    more_referrers: bool


class Side(StrEnum):
    """Where something is, of two that are compared."""

    BOTH = "both"
    A = "a"
    B = "b"


class ComparedLayer(NamedTuple):
    """A layer, and in which of the two it is."""

    side: Side
    layer: Layer


class Difference(NamedTuple):
    """A field whose texts differ; None: it is not there."""

    field: str
    a: str | None
    b: str | None


class Compared(NamedTuple):
    """One of the two: its digest, and the image of it that was compared."""

    repository: str
    digest: Digest
    platform: str
    image: Digest
    size: int


class Comparison(NamedTuple):
    """Two images compared: layers in their order, and what differs in configuration and annotations. Sizes are those
    of the layers, each counted once."""

    a: Compared
    b: Compared
    layers: tuple[ComparedLayer, ...]
    differences: tuple[Difference, ...]
