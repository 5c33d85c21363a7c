"""What is pushed: images, and layers of any size that are unique without being hashed or held whole.

A `Layer` of n bytes is a fixed block repeated, whose last 64 bytes differ each time: its digest costs one copy of a
hash state, and its bytes are sent from the same block, so that a client can push 10 GiB from 1 MiB of memory.
"""

import hashlib
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass

from bench.connection import sha256_digest

KIB = 2**10
MIB = 2**20
GIB = 2**30
TAIL = 64
CHUNK = 32 * KIB
"""The size of one chunk of a chunked body: what docker's io.Copy sends."""

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


@dataclass(frozen=True, slots=True)
class Blob:
    """Bytes and their digest."""

    data: bytes
    digest: str

    @classmethod
    def of(cls, data: bytes) -> "Blob":
        return cls(data, sha256_digest(data))


@dataclass(frozen=True, slots=True)
class Image:
    """An image of one layer: three things to push, the manifest last."""

    config: Blob
    layer: Blob
    manifest: Blob


@dataclass(frozen=True, slots=True)
class Body:
    """One unique layer, ready to be sent."""

    digest: str
    size: int
    block: bytes
    framed: bytes
    tail: bytes

    def parts(self) -> Iterator[bytes | memoryview]:
        """The bytes as they stand behind a Content-Length."""
        whole, rest = divmod(self.size - TAIL, len(self.block))
        for _ in range(whole):
            yield self.block
        yield bytes(memoryview(self.block)[:rest]) + self.tail if rest <= CHUNK else memoryview(self.block)[:rest]
        if rest > CHUNK:
            yield self.tail

    def chunks(self) -> Iterator[bytes | memoryview]:
        """The bytes in chunked transfer coding, chunks of 32 KiB, as docker sends a layer."""
        whole, rest = divmod(self.size - TAIL, len(self.block))
        for _ in range(whole):
            yield self.framed
        yield frame(self.block[:rest]) + frame(self.tail) + b"0\r\n\r\n"


def frame(data: bytes) -> bytes:
    """The data in chunked transfer coding, without the closing chunk."""
    pieces = (data[at : at + CHUNK] for at in range(0, len(data), CHUNK))
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)


class Layers:
    """Makes unique layers of one size (bytes, at least 64)."""

    def __init__(self, size: int) -> None:
        if size < TAIL:
            raise ValueError(f"a layer has at least {TAIL} bytes")
        self.size = size
        self._block = random.Random(7).randbytes(min(MIB, max(size, TAIL)))
        self._framed = frame(self._block)
        whole, rest = divmod(size - TAIL, len(self._block))
        self._state = hashlib.sha256()
        for _ in range(whole):
            self._state.update(self._block)
        self._state.update(memoryview(self._block)[:rest])

    def unique(self, name: str) -> Body:
        """The layer of that name (at most 64 ASCII characters count); the same name gives the same bytes."""
        tail = name.encode()[-TAIL:].rjust(TAIL, b".")
        state = self._state.copy()
        state.update(tail)
        return Body("sha256:" + state.hexdigest(), self.size, self._block, self._framed, tail)

    def blob(self, name: str) -> Blob:
        """The same, held whole."""
        body = self.unique(name)
        return Blob(b"".join(body.parts()), body.digest)


def image(layer: Blob, name: str, subject: Blob | None = None) -> Image:
    """The image of one layer; `name` makes its config, and so its manifest, unique."""
    config = Blob.of(
        json.dumps(
            {
                "architecture": "amd64",
                "os": "linux",
                "created": "2026-01-01T00:00:00Z",
                "config": {"Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin"], "Labels": {"name": name}},
                "rootfs": {"type": "layers", "diff_ids": [layer.digest]},
                "history": [{"created": "2026-01-01T00:00:00Z", "created_by": "bench"}],
            }
        ).encode()
    )
    document: dict[str, object] = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": CONFIG, "digest": config.digest, "size": len(config.data)},
        "layers": [{"mediaType": LAYER, "digest": layer.digest, "size": len(layer.data)}],
    }
    if subject is not None:
        document["subject"] = {"mediaType": MANIFEST, "digest": subject.digest, "size": len(subject.data)}
        document["artifactType"] = "application/vnd.example.signature"
    return Image(config, layer, Blob.of(json.dumps(document, indent=1).encode()))
