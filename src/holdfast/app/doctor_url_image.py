"""The image that the doctor sends on its way, and what of it has to be removed again."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from dataclasses import replace as changed
from urllib.parse import urlsplit

from holdfast.app.doctor_url_wire import Cut, Reply, Wire

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_PIECE = 1 << 18


@dataclass(frozen=True, slots=True)
class Scratch:
    """A repository of the doctor's own, and an image of one layer of `size` bytes that nothing can compress.

    `faults` collects what addresses in answers were wrong, `sessions` and `stored` what is to be removed.
    """

    repository: str
    size: int
    tag: str
    seed: bytes = field(default_factory=lambda: os.urandom(_PIECE))
    faults: list[str] = field(default_factory=list)
    sessions: list[str] = field(default_factory=list)
    stored: list[str] = field(default_factory=list)

    def within(self, limit: int | None) -> Scratch:
        """The same with a layer that a body limit lets through."""
        return self if limit is None else changed(self, size=max(1, min(self.size, limit // 2)))

    def layer(self) -> Iterator[bytes]:
        """The layer's bytes."""
        left, number = self.size, 0
        while left:
            piece = (number.to_bytes(8, "big") + self.seed[8:])[:left]
            yield piece
            left, number = left - len(piece), number + 1

    def layer_digest(self) -> str:
        """The layer's digest."""
        running = hashlib.sha256()
        for piece in self.layer():
            running.update(piece)
        return f"sha256:{running.hexdigest()}"

    @property
    def config(self) -> bytes:
        """The image's configuration: a small blob."""
        return json.dumps({"architecture": "unknown", "os": "unknown", "doctor": self.seed[:16].hex()}).encode()

    def manifest(self, layer: str) -> bytes:
        """The manifest of the image whose layer has this digest."""
        layers = [{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": layer, "size": self.size}]
        config = {
            "mediaType": "application/vnd.oci.image.config.v1+json",
            "digest": digest_of(self.config),
            "size": len(self.config),
        }
        whole = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers}
        return json.dumps(whole).encode()

    def session(self, wire: Wire) -> tuple[str, Reply]:
        """Open an upload; the path to send to, and the answer. Raises Cut when there is no upload."""
        reply = wire.ask("POST", f"/v2/{self.repository}/blobs/uploads/")
        if reply.status != 202 or "location" not in reply.headers:
            raise Cut(f"an upload could not be opened: {reply.said}")
        path = self.path(wire, reply)
        self.sessions.append(path)
        return path, reply

    def path(self, wire: Wire, reply: Reply) -> str:
        """Where an answer's `Location` leads on this wire; one of another scheme or host is a fault that is noted."""
        location = reply.headers.get("location", "")
        parts = urlsplit(location)
        if parts.scheme and parts.scheme != wire.origin.scheme:
            self._note(f"Location leads to {parts.scheme}, not {wire.origin.scheme}")
        elif parts.netloc and parts.netloc != wire.origin.authority:
            self._note(f"Location leads to {parts.netloc[:128]}, not {wire.origin.authority}")
        return parts.path + (f"?{parts.query}" if parts.query else "")

    def _note(self, fault: str) -> None:
        if fault not in self.faults:
            self.faults.append(fault)

    def remove(self, wire: Wire) -> list[str]:
        """Cancel what is open and delete what is stored, manifest first; what could not be."""
        left: list[str] = []
        for path in self.sessions:
            with suppress(Cut, OSError):
                wire.ask("DELETE", path)  # most are closed or were never begun
        for path in reversed(self.stored):
            try:
                reply = wire.ask("DELETE", path)
            except (Cut, OSError):
                left.append(path)
                continue
            if reply.status not in (202, 404):
                left.append(f"{path} ({reply.said})")
        return left


def digest_of(data: bytes) -> str:
    """The sha256 digest of some bytes."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"
