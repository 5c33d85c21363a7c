"""Bytes to push: blobs of any size, manifests, indexes and artifacts, always the same for the same arguments."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Mapping, Sequence

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_ARTIFACT = "application/vnd.oci.artifact.manifest.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
OCI_FOREIGN = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"
OCI_EMPTY = "application/vnd.oci.empty.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
DOCKER_FOREIGN = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"

Document = dict[str, object]


def digest(data: bytes, algorithm: str = "sha256") -> str:
    """Give the digest of bytes."""
    return f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"


def noise(size: int, seed: str = "") -> bytes:
    """Give `size` bytes that do not compress and depend on `size` and `seed` alone."""
    return random.Random(f"{seed}/{size}").randbytes(size)


def descriptor(data: bytes, media_type: str, algorithm: str = "sha256", **more: object) -> Document:
    """Give the descriptor of bytes."""
    return {"mediaType": media_type, "digest": digest(data, algorithm), "size": len(data), **more}


def encoded(document: Mapping[str, object]) -> bytes:
    """Encode JSON with an indent that nobody else would choose: what comes back must be these very bytes."""
    return json.dumps(document, indent=3).encode() + b"\n"


def image(config: bytes, layers: Sequence[bytes] = (), /, *, algorithm: str = "sha256", **more: object) -> bytes:
    """Give an OCI image manifest; `more` are further fields, or other values for the usual ones."""
    document: Document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": descriptor(config, OCI_CONFIG, algorithm),
        "layers": [descriptor(layer, OCI_LAYER, algorithm) for layer in layers],
    }
    return encoded({**document, **more})


def docker_image(config: bytes, layers: Sequence[bytes] = ()) -> bytes:
    """Give a Docker schema 2 manifest."""
    return encoded(
        {
            "schemaVersion": 2,
            "mediaType": DOCKER_MANIFEST,
            "config": descriptor(config, DOCKER_CONFIG),
            "layers": [descriptor(layer, DOCKER_LAYER) for layer in layers],
        }
    )


def index(children: Sequence[bytes], /, *, kind: str = OCI_INDEX, child: str = OCI_MANIFEST, **more: object) -> bytes:
    """Give an index (or, by `kind` and `child`, a Docker manifest list) of manifests."""
    platform = {"architecture": "amd64", "os": "linux"}
    manifests = [descriptor(data, child, platform=platform) for data in children]
    return encoded({"schemaVersion": 2, "mediaType": kind, "manifests": manifests, **more})


def referrer(subject: bytes, /, **more: object) -> bytes:
    """Give an artifact manifest of the empty config that refers to `subject`, an OCI image manifest."""
    document: Document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": descriptor(b"{}", OCI_EMPTY),
        "layers": [descriptor(b"{}", OCI_EMPTY)],
        "subject": descriptor(subject, OCI_MANIFEST),
    }
    return encoded({**document, **more})
