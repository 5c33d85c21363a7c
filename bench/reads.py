"""The workloads that read: manifests and blobs from one small repository."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import cycle

from bench.connection import Broken, Connection, expect
from bench.content import KIB, MIB, Blob, Body, Image, image
from bench.load import Job
from bench.protocol import ACCEPT, finish, put_body, put_image
from bench.server import Kind
from bench.workload import EVERYONE, Stage, Workload, layers

REPOSITORY = "bench/library"
_IMAGES = 16
_LARGE = 256 * MIB


@dataclass(frozen=True, slots=True)
class Request:
    """Bytes to send, and what must come back: the length of the body, and its digest where one is known."""

    data: bytes
    length: int
    digest: str = ""
    bodiless: bool = False


class Fetch:
    """Sends its requests in turn; each client begins elsewhere."""

    def __init__(self, requests: Sequence[Request], first: int) -> None:
        at = first % len(requests)
        self._turn = cycle([*requests[at:], *requests[:at]])
        self._sample = requests[at]

    def __call__(self, connection: Connection) -> int:
        request = next(self._turn)
        connection.send((request.data,))
        answer = connection.receive(bodiless=request.bodiless, keep=False)
        expect(answer, 200)
        if answer.length != request.length and not request.bodiless:
            raise Broken(f"{answer.length} bytes, expected {request.length}")
        return answer.length

    def verify(self, connection: Connection) -> None:
        """Fetch once more and hash what comes."""
        request = self._sample
        connection.send((request.data,))
        hasher = hashlib.sha256()
        answer = expect(connection.receive(bodiless=request.bodiless, keep=False, hasher=hasher), 200)
        if request.bodiless and answer.header("Content-Length") != str(request.length):
            raise Broken(f"HEAD says {answer.header('Content-Length')} bytes, there are {request.length}")
        if answer.length and request.digest and f"sha256:{hasher.hexdigest()}" != request.digest:
            raise Broken(f"expected {request.digest}, got other bytes")

    def tail_seconds(self) -> float:
        return 0.0


def fetching(requests: Sequence[Request]) -> Job:
    """The job that sends these requests, its clients spread over them."""
    return lambda client, turn: Fetch(requests, client * 7 + turn)


@dataclass(frozen=True, slots=True)
class _Library:
    images: tuple[Image, ...]
    middle: tuple[Blob, ...]
    large: Body


def _library() -> _Library:
    small = layers(4 * KIB)
    return _Library(
        images=tuple(image(small.blob(f"small {n}"), f"image {n}") for n in range(_IMAGES)),
        middle=tuple(layers(MIB).blob(f"middle {n}") for n in range(4)),
        large=layers(_LARGE).unique("large"),
    )


def _stock(stage: Stage) -> _Library:
    """Put the library on the server: pushed, or for nginx written under the same paths."""
    library = _library()
    if stage.server.kind is Kind.STATIC:
        _write_files(stage, library)
        return library
    with stage.connect() as connection:
        for number, one in enumerate(library.images):
            put_image(connection, REPOSITORY, f"v{number}", one)
        bodies = [layers(MIB).unique(f"middle {n}") for n in range(len(library.middle))]
        for body in (*bodies, library.large):
            finish(put_body(connection, REPOSITORY, body), body.digest, patched=False)
    return library


def _write_files(stage: Stage, library: _Library) -> None:
    blobs = stage.server.data / "v2" / REPOSITORY / "blobs"
    manifests = stage.server.data / "v2" / REPOSITORY / "manifests"
    blobs.mkdir(parents=True)
    manifests.mkdir()
    for number, one in enumerate(library.images):
        (blobs / one.layer.digest).write_bytes(one.layer.data)
        (manifests / one.manifest.digest).write_bytes(one.manifest.data)
        (manifests / f"v{number}").write_bytes(one.manifest.data)
    for blob in library.middle:
        (blobs / blob.digest).write_bytes(blob.data)
    with (blobs / library.large.digest).open("wb") as file:
        for part in library.large.parts():
            file.write(part)


def _manifests(stage: Stage, method: str, *, tagged: bool) -> Job:
    library = stage.once("library", _stock)
    with stage.connect() as connection:
        requests = []
        for number, one in enumerate(library.images):
            reference = f"v{number}" if tagged else one.manifest.digest
            data = connection.request(method, f"/v2/{REPOSITORY}/manifests/{reference}", (ACCEPT,))
            requests.append(Request(data, len(one.manifest.data), one.manifest.digest))
    return fetching([replace(one, bodiless=method == "HEAD") for one in requests])


def _blobs(stage: Stage, method: str, size: int) -> Job:
    library = stage.once("library", _stock)
    found = {
        4 * KIB: [one.layer.digest for one in library.images],
        MIB: [blob.digest for blob in library.middle],
        _LARGE: [library.large.digest],
    }[size]
    with stage.connect() as connection:
        requests = [
            Request(connection.request(method, f"/v2/{REPOSITORY}/blobs/{digest}"), size, digest, method == "HEAD")
            for digest in found
        ]
    return fetching(requests)


WORKLOADS: tuple[Workload, ...] = (
    Workload(
        "manifest-tag",
        "manifest GET by tag",
        lambda stage: _manifests(stage, "GET", tagged=True),
        kinds=EVERYONE,
        basic=True,
    ),
    Workload("manifest-digest", "manifest GET by digest", lambda stage: _manifests(stage, "GET", tagged=False)),
    Workload("manifest-head", "manifest HEAD by tag", lambda stage: _manifests(stage, "HEAD", tagged=True)),
    Workload("blob-head", "blob HEAD", lambda stage: _blobs(stage, "HEAD", 4 * KIB), kinds=EVERYONE),
    Workload("blob-4k", "blob GET 4 KiB", lambda stage: _blobs(stage, "GET", 4 * KIB), kinds=EVERYONE, basic=True),
    Workload("blob-1m", "blob GET 1 MiB", lambda stage: _blobs(stage, "GET", MIB), clients=2, kinds=EVERYONE),
    Workload("blob-256m", "blob GET 256 MiB", lambda stage: _blobs(stage, "GET", _LARGE), clients=1, kinds=EVERYONE),
)
