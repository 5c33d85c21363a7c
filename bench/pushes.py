"""The workloads that write: whole small images, layers of 1 MiB and 256 MiB, and tags that move."""

import time

from bench.connection import Broken, Connection, expect, sha256_digest
from bench.content import KIB, MIB, Blob, image
from bench.load import Job
from bench.protocol import (
    ACCEPT,
    finish,
    get,
    patch_blob,
    patch_body,
    put_blob,
    put_body,
    put_manifest,
)
from bench.tags import TAGS, tagged_repository
from bench.workload import Stage, Workload, layers

_SMALL_LAYER = 4 * KIB


class PushImages:
    """Each operation pushes an image of its own: layer, config, manifest by tag."""

    def __init__(self, repository: str, name: str, *, patched: bool) -> None:
        self._repository = repository
        self._name = name
        self._patched = patched
        self._layers = layers(_SMALL_LAYER)
        self._count = 0
        self._last: Blob | None = None

    def __call__(self, connection: Connection) -> int:
        self._count += 1
        name = f"{self._name} {self._count}"
        pushed = image(self._layers.blob(name), name)
        push = patch_blob if self._patched else put_blob
        moved = push(connection, self._repository, pushed.layer) + push(connection, self._repository, pushed.config)
        put_manifest(connection, self._repository, self._tag, pushed.manifest)
        self._last = pushed.manifest
        return moved + len(pushed.manifest.data)

    @property
    def _tag(self) -> str:
        return f"{self._name}-{self._count}".replace(" ", "-")

    def verify(self, connection: Connection) -> None:
        """Pull the last image's manifest by its tag."""
        answer = expect(get(connection, f"/v2/{self._repository}/manifests/{self._tag}", ACCEPT), 200)
        if self._last is None or answer.body != self._last.data:
            raise Broken("the manifest pulled is not the one pushed")

    def tail_seconds(self) -> float:
        return 0.0


class PushLayers:
    """Each operation pushes one unique layer of a given size."""

    def __init__(self, repository: str, name: str, size: int, *, patched: bool) -> None:
        self._repository = repository
        self._name = name
        self._layers = layers(size)
        self._patched = patched
        self._count = 0
        self._tail = 0.0

    def __call__(self, connection: Connection) -> int:
        self._count += 1
        body = self._layers.unique(f"{self._name} {self._count}")
        (patch_body if self._patched else put_body)(connection, self._repository, body)
        sent = time.perf_counter()
        finish(connection, body.digest, patched=self._patched)
        self._tail = max(self._tail, time.perf_counter() - sent)
        return body.size

    def verify(self, connection: Connection) -> None:
        """The last layer is there, and if it is not too large, byte for byte."""
        body = self._layers.unique(f"{self._name} {self._count}")
        target = f"/v2/{self._repository}/blobs/{body.digest}"
        head = expect(connection.ask(connection.request("HEAD", target), bodiless=True), 200)
        if head.header("Content-Length") != str(body.size):
            raise Broken(f"pushed {body.size} bytes, HEAD says {head.header('Content-Length')}")
        if body.size <= MIB and sha256_digest(expect(get(connection, target), 200).body) != body.digest:
            raise Broken("the layer pulled is not the one pushed")

    def tail_seconds(self) -> float:
        return self._tail


class MoveTag:
    """Each operation moves one tag to the other of two manifests."""

    def __init__(self, repository: str, tag: str, first: Blob, second: Blob) -> None:
        self._repository = repository
        self._tag = tag
        self._manifests = (first, second)
        self._count = 0

    def __call__(self, connection: Connection) -> int:
        self._count += 1
        put_manifest(connection, self._repository, self._tag, self._manifests[self._count % 2])
        return 0

    def verify(self, connection: Connection) -> None:
        answer = expect(get(connection, f"/v2/{self._repository}/manifests/{self._tag}", ACCEPT), 200)
        if answer.body != self._manifests[self._count % 2].data:
            raise Broken("the tag is not where it was moved last")

    def tail_seconds(self) -> float:
        return 0.0


def pushing_images(stage: Stage, *, patched: bool) -> Job:
    """Unique small images, each client to a repository of its own as builds do."""
    way = "patch" if patched else "put"
    return lambda client, turn: PushImages(
        f"bench/small-{client}", f"{way} {stage.scale.run} {client} {turn}", patched=patched
    )


def _pushing_layers(stage: Stage, size: int, *, patched: bool) -> Job:
    way = "patch" if patched else "put"
    return lambda client, turn: PushLayers(
        "bench/layers", f"{way} {stage.scale.run} {client} {turn}", size, patched=patched
    )


def _moving_tags(stage: Stage) -> Job:
    tagged = stage.once("tagged", tagged_repository)
    return lambda client, turn: MoveTag(
        tagged.repository, tagged.tag(client * 16 + turn % 16), tagged.first.manifest, tagged.second.manifest
    )


WORKLOADS: tuple[Workload, ...] = (
    Workload(
        "push-small-put",
        "push of a small image, PUT",
        lambda stage: pushing_images(stage, patched=False),
        clients=8,
        writes=True,
        basic=True,
    ),
    Workload(
        "push-small-patch",
        "push of a small image, PATCH",
        lambda stage: pushing_images(stage, patched=True),
        clients=8,
        writes=True,
    ),
    Workload(
        "push-1m-put",
        "push of 1 MiB, PUT",
        lambda stage: _pushing_layers(stage, MIB, patched=False),
        writes=True,
    ),
    Workload(
        "push-1m-patch",
        "push of 1 MiB, PATCH",
        lambda stage: _pushing_layers(stage, MIB, patched=True),
        writes=True,
    ),
    Workload(
        "push-256m-put",
        "push of 256 MiB, PUT",
        lambda stage: _pushing_layers(stage, 256 * MIB, patched=False),
        clients=1,
        writes=True,
        single=True,
    ),
    Workload(
        "push-256m-patch",
        "push of 256 MiB, PATCH",
        lambda stage: _pushing_layers(stage, 256 * MIB, patched=True),
        clients=1,
        writes=True,
        single=True,
    ),
    Workload(
        "retag",
        f"move a tag, {TAGS:,} tags",
        _moving_tags,
        writes=True,
    ),
)
