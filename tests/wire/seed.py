"""What the wire tables find in a repository, and the repositories and sessions that a single row has for itself."""

from __future__ import annotations

import itertools
from string import Formatter

from tests.wire.client import Connection
from tests.wire.content import (
    DOCKER_LIST,
    DOCKER_MANIFEST,
    OCI_INDEX,
    digest,
    docker_image,
    image,
    index,
    noise,
    referrer,
)
from tests.wire.repository import Repository

SEED = "table/seed"
CONFIG = noise(200, "config")
SMALL = noise(64 << 10, "layer")
BIG = noise((2 << 20) + 17, "layer")
LOOSE = noise(100, "loose")
IMAGE = image(CONFIG, [SMALL, BIG])
OTHER = image(CONFIG, [SMALL], annotations={"org.example": "other"})
UNTAGGED = image(CONFIG, annotations={"org.example": "untagged"})
INDEX = index([IMAGE, OTHER])
DOCKER = docker_image(CONFIG, [SMALL])
LIST = index([DOCKER], kind=DOCKER_LIST, child=DOCKER_MANIFEST)
REFERRER = referrer(IMAGE, artifactType="application/vnd.example.note")
NOWHERE = digest(b"nobody ever pushed this")
NOWHERE_512 = digest(b"nobody ever pushed this", "sha512")
BEGUN = b"0123456789"
BLOBS = (CONFIG, SMALL, BIG, LOOSE, b"{}")


def push_everything(repository: Repository) -> None:
    """Push the manifests under their tags; the blobs are there already."""
    repository.manifest(IMAGE, "v1")
    repository.manifest(OTHER, "other")
    repository.manifest(UNTAGGED)
    repository.manifest(INDEX, "multi", OCI_INDEX)
    repository.manifest(DOCKER, "docker", DOCKER_MANIFEST)
    repository.manifest(LIST, "list", DOCKER_LIST)
    repository.manifest(REFERRER)


def sow(connection: Connection) -> None:
    """Push blobs and manifests to `SEED`."""
    repository = Repository(connection, SEED)
    for data in BLOBS:
        repository.blob(data)
    push_everything(repository)


class Stage:
    """What one row needs before it is asked; made only when its texts name it."""

    _number = itertools.count()

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._values: dict[str, str] = {}

    def fill(self, text: str) -> str:
        """Give `text` with its names filled in."""
        for _, name, _, _ in Formatter().parse(text):
            if name and name not in self._values:
                self._values[name] = self._make(name)
        return text.format_map(self._values)

    def _make(self, name: str) -> str:
        if name == "empty":
            return f"table/row-{next(self._number)}"
        if name == "fresh":
            return self._fresh()
        repository = Repository(self._connection, self.fill("{empty}"))
        return repository.begun(BEGUN) if name == "begun" else repository.session()

    def _fresh(self) -> str:
        repository = Repository(self._connection, f"table/row-{next(self._number)}")
        for data in BLOBS:
            repository.expect(201, "POST", f"blobs/uploads/?mount={digest(data)}&from={SEED}")
        push_everything(repository)
        return repository.name
