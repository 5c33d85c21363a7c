"""Images and artifacts with deterministic bytes, made without any client and without a network.

Promises: the same call gives the same bytes in every run; an image has three layers, one of them larger than 2 MiB and
incompressible; a runnable one holds two static programs, `/pause` (waits for ever) and `/true` (ends at once).
"""

from __future__ import annotations

import functools
import gzip
import hashlib
import io
import json
import platform
import random
import struct
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
OCI_EMPTY = "application/vnd.oci.empty.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"

HERE = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), "amd64")
OTHER = "arm64" if HERE == "amd64" else "amd64"

# pause(): for ever; exit(0). Machine code of the two system calls, by ELF machine number.
_PROGRAMS = {
    "amd64": (62, bytes.fromhex("b8220000000f05ebf7"), bytes.fromhex("b83c00000031ff0f05")),
    "arm64": (
        183,
        bytes.fromhex("e0031faae1031faae2031faae3031faae4031faa280980d2010000d4f9ffff17"),
        bytes.fromhex("000080d2a80b80d2010000d4"),
    ),
}


@dataclass(frozen=True, slots=True)
class Blob:
    """Bytes with a media type."""

    media_type: str
    data: bytes

    @property
    def digest(self) -> str:
        """Give the sha256 digest."""
        return "sha256:" + hashlib.sha256(self.data).hexdigest()

    def descriptor(self, **more: object) -> dict[str, object]:
        """Give the OCI descriptor of these bytes."""
        return {"mediaType": self.media_type, "digest": self.digest, "size": len(self.data), **more}


@dataclass(frozen=True, slots=True)
class Image:
    """A manifest or an index with all that it needs to be pushed: blobs and child manifests."""

    manifest: Blob
    blobs: tuple[Blob, ...] = ()
    children: tuple[Image, ...] = ()

    @property
    def digest(self) -> str:
        """Give the manifest's digest."""
        return self.manifest.digest

    @property
    def document(self) -> dict[str, object]:
        """Give the manifest as decoded JSON."""
        document: dict[str, object] = json.loads(self.manifest.data)
        return document

    def closure(self) -> Iterator[Blob]:
        """Give every blob, then every child's closure, then the manifest: the order of a push."""
        yield from self.blobs
        for child in self.children:
            yield from child.closure()
        yield self.manifest


def encoded(document: Mapping[str, object]) -> bytes:
    """Encode JSON as these tests always do."""
    return json.dumps(document, separators=(",", ":")).encode()


def tar(files: Mapping[str, bytes]) -> bytes:
    """Make a tar whose bytes depend on nothing but names and contents."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode, entry.mtime = len(content), 0o755, 0
            archive.addfile(entry, io.BytesIO(content))
    return out.getvalue()


def elf(machine: int, code: bytes) -> bytes:
    """Make the smallest static ELF program that runs `code`."""
    base, header = 0x400000, 64 + 56
    ident = b"\x7fELF" + bytes([2, 1, 1, 0]) + bytes(8)
    entry = struct.pack("<HHIQQQIHHHHHH", 2, machine, 1, base + header, 64, 0, 0, 64, 56, 1, 64, 0, 0)
    size = header + len(code)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, base, base, size, size, 0x10000)
    return ident + entry + segment + code


def programs(architecture: str) -> dict[str, bytes]:
    """Give `/pause` and `/true` for an architecture."""
    machine, pause, true = _PROGRAMS[architecture]
    return {"pause": elf(machine, pause), "true": elf(machine, true)}


@functools.cache
def layers(seed: str, architecture: str) -> tuple[bytes, ...]:
    """Give three uncompressed layers; the second is over 2 MiB and does not compress."""
    noise = random.Random(f"{seed}/{architecture}")
    return (
        tar(programs(architecture)),
        tar({"data/noise": noise.randbytes(2 * 1024 * 1024 + 4099)}),
        tar({"etc/seed": f"{seed} {architecture}\n".encode()}),
    )


@functools.cache
def image(seed: str, architecture: str = HERE, *, docker: bool = False) -> Image:
    """Make a runnable three-layer image, OCI or (`docker`) Docker schema 2."""
    plain = layers(seed, architecture)
    media_type = DOCKER_LAYER if docker else OCI_LAYER
    blobs = tuple(Blob(media_type, gzip.compress(layer, 6, mtime=0)) for layer in plain)
    config = Blob(
        DOCKER_CONFIG if docker else OCI_CONFIG,
        encoded(
            {
                "created": "2026-01-01T00:00:00Z",
                "architecture": architecture,
                "os": "linux",
                "config": {"Cmd": ["/pause"], "Env": ["PATH=/"]},
                "rootfs": {"type": "layers", "diff_ids": [Blob("", layer).digest for layer in plain]},
                "history": [{"created": "2026-01-01T00:00:00Z", "created_by": seed} for _ in plain],
            }
        ),
    )
    manifest = {
        "schemaVersion": 2,
        "mediaType": DOCKER_MANIFEST if docker else OCI_MANIFEST,
        "config": config.descriptor(),
        "layers": [blob.descriptor() for blob in blobs],
    }
    return Image(Blob(str(manifest["mediaType"]), encoded(manifest)), (config, *blobs))


@functools.cache
def index(seed: str, *, docker: bool = False) -> Image:
    """Make a two-architecture index of `image(seed, ...)`, OCI or a Docker manifest list."""
    children = tuple(image(seed, architecture, docker=docker) for architecture in ("amd64", "arm64"))
    media_type = DOCKER_LIST if docker else OCI_INDEX
    manifests = [
        child.manifest.descriptor(platform={"architecture": architecture, "os": "linux"})
        for child, architecture in zip(children, ("amd64", "arm64"), strict=True)
    ]
    document = {"schemaVersion": 2, "mediaType": media_type, "manifests": manifests}
    return Image(Blob(media_type, encoded(document)), (), children)


def artifact(kind: str, content: bytes, subject: Image | None = None, layer: str = "text/plain") -> Image:
    """Make an artifact of type `kind` with one layer, referring to `subject` when there is one."""
    empty, blob = Blob(OCI_EMPTY, b"{}"), Blob(layer, content)
    document: dict[str, object] = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": kind,
        "config": empty.descriptor(),
        "layers": [blob.descriptor()],
    }
    if subject is not None:
        document["subject"] = subject.manifest.descriptor()
    return Image(Blob(OCI_MANIFEST, encoded(document)), (empty, blob))


def write_layout(directory: Path, tagged: Mapping[str, Image]) -> Path:
    """Write an OCI image layout with the images under their tags; give the directory."""
    blobs = directory / "blobs" / "sha256"
    blobs.mkdir(parents=True, exist_ok=True)
    for entry in tagged.values():
        for blob in entry.closure():
            (blobs / blob.digest.removeprefix("sha256:")).write_bytes(blob.data)
    (directory / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}', encoding="ascii")
    manifests = [
        entry.manifest.descriptor(annotations={"org.opencontainers.image.ref.name": tag})
        for tag, entry in tagged.items()
    ]
    document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests}
    (directory / "index.json").write_bytes(encoded(document))
    return directory


def write_layout_tar(path: Path, tagged: Mapping[str, Image]) -> Path:
    """Write the same layout as one tar file, as `ctr images import` reads it."""
    directory = write_layout(path.with_suffix(".layout"), tagged)
    names = sorted(str(file.relative_to(directory)) for file in directory.rglob("*") if file.is_file())
    path.write_bytes(tar({name: (directory / name).read_bytes() for name in names}))
    return path


def write_directory(directory: Path, entry: Image) -> Path:
    """Write one image (no index) in the form of the containers library's `dir:`; give the directory."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "version").write_text("Directory Transport Version: 1.1\n", encoding="ascii")
    (directory / "manifest.json").write_bytes(entry.manifest.data)
    for blob in entry.blobs:
        (directory / blob.digest.removeprefix("sha256:")).write_bytes(blob.data)
    return directory


def write_docker_tar(path: Path, seed: str, names: Sequence[str], architecture: str = HERE) -> Path:
    """Write `image(seed)` in the form of `docker save`, under the given full names, for `docker load`."""
    config = image(seed, architecture, docker=True).blobs[0]
    plain = layers(seed, architecture)
    files = {f"{number}/layer.tar": layer for number, layer in enumerate(plain)}
    document = [{"Config": "config.json", "RepoTags": list(names), "Layers": list(files)}]
    path.write_bytes(tar({**files, "config.json": config.data, "manifest.json": json.dumps(document).encode()}))
    return path
