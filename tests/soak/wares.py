"""What the clients of the soak push: images over shared layers, indexes over images, signatures of images.

Promises: everything is made of numbers alone, so the same number gives the same bytes in every process and run; two
pushers never make the same manifest, and often the same layers.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from tests.faults.client import CONFIG_TYPE, LAYER_TYPE, MANIFEST_TYPE, content, digest_of

INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
SIGNATURE_TYPE = "application/vnd.example.signature"
POOL = 96
"""Layers that all pushers share."""
_ABREAST = 8
_SHARED = 1_000_000_000


@lru_cache(maxsize=4096)
def _digest(number: int, size: int) -> str:
    return digest_of(content(number, size))


@dataclass(frozen=True, slots=True)
class Blob:
    """Bytes that no other number and size has."""

    number: int
    size: int

    @property
    def data(self) -> bytes:
        return content(self.number, self.size)

    @property
    def digest(self) -> str:
        return _digest(self.number, self.size)


@dataclass(frozen=True)
class Ware:
    """A manifest: its bytes and all that it needs. `children`: the images of an index; `subject`: what a signature is
    of."""

    document: bytes
    media_type: str
    blobs: tuple[Blob, ...] = ()
    children: tuple[Ware, ...] = ()
    subject: str | None = None
    kind: str = field(default="image")

    @cached_property
    def digest(self) -> str:
        return digest_of(self.document)

    def below(self) -> list[Ware]:
        """Itself and everything that it lists."""
        return [self, *(each for child in self.children for each in child.below())]


def pool_layer(chance: random.Random, seconds: float) -> Blob:
    """One of the shared layers that are in use `seconds` after the start: others come into use, and all come again."""
    number = (int(seconds * 8) + chance.randrange(_ABREAST)) % POOL
    return Blob(_SHARED + number, 17_000 + number * 601)


def image(number: int, shared: list[Blob], chance: random.Random) -> Ware:
    """An image of a config and two layers of its own, and of `shared` ones."""
    config = Blob(number * 10, 500 + number % 400)
    own = (
        Blob(number * 10 + 1, chance.randrange(16_500, 200_000)),
        Blob(number * 10 + 2, chance.randrange(10_000, 90_000)),
    )
    return _manifest(number, config, (*shared, *own))


def signature(number: int, subject: Ware) -> Ware:
    """A signature of a manifest: one that refers to it."""
    config = Blob(_SHARED * 2, 20)
    payload = Blob(number * 10 + 3, 300)
    about = {"mediaType": subject.media_type, "digest": subject.digest, "size": len(subject.document)}
    return _manifest(number, config, (payload,), subject=about, artifactType=SIGNATURE_TYPE)


def index(number: int, children: list[Ware]) -> Ware:
    """An index of images."""
    listed = [
        {"mediaType": child.media_type, "digest": child.digest, "size": len(child.document)} for child in children
    ]
    document = {"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": listed, "annotations": {"n": str(number)}}
    return Ware(json.dumps(document).encode(), INDEX_TYPE, children=tuple(children), kind="index")


def _manifest(number: int, config: Blob, layers: tuple[Blob, ...], **more: object) -> Ware:
    document = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": _descriptor(config, CONFIG_TYPE),
        "layers": [_descriptor(layer, LAYER_TYPE) for layer in layers],
        "annotations": {"n": str(number)},
        **more,
    }
    subject = more.get("subject")
    return Ware(
        json.dumps(document).encode(),
        MANIFEST_TYPE,
        blobs=(config, *layers),
        subject=subject["digest"] if isinstance(subject, dict) else None,
        kind="image" if subject is None else "signature",
    )


def _descriptor(blob: Blob, media_type: str) -> dict[str, object]:
    return {"mediaType": media_type, "digest": blob.digest, "size": blob.size}
