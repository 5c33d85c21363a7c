"""Mounts: a blob of another repository without its bytes, or an ordinary session."""

from __future__ import annotations

import pytest
from tests.wire.content import digest, image, noise
from tests.wire.repository import Repository

SMALL, MIDDLE, LARGE = (noise(size, "mount") for size in (500, 64 << 10, (1 << 20) + 5))


@pytest.fixture
def source(repository: Repository) -> Repository:
    """A repository to mount from."""
    return Repository(repository.connection, repository.name + "/source")


def mount(repository: Repository, name: str, source: str) -> str:
    return f"blobs/uploads/?mount={name}&from={source}"


@pytest.mark.parametrize("data", [SMALL, MIDDLE, LARGE, b""], ids=["500 B", "64 KiB", "1 MiB", "empty"])
@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_a_mounted_blob_is_here(repository: Repository, source: Repository, data: bytes, algorithm: str) -> None:
    name = source.blob(data, algorithm)
    answer = repository.expect(201, "POST", mount(repository, name, source.name))
    assert answer["location"] == f"{repository.path}/blobs/{name}"
    assert answer["docker-content-digest"] == name
    assert repository.expect(200, "GET", answer["location"]).body == data
    repository.expect(201, "POST", mount(repository, name, source.name))
    repository.expect(201, "POST", mount(repository, name, repository.name))


def test_a_mounted_blob_outlives_its_source(repository: Repository, source: Repository) -> None:
    name = source.blob(LARGE)
    repository.expect(201, "POST", mount(repository, name, source.name))
    source.expect(202, "DELETE", f"blobs/{name}")
    source.expect(404, "GET", f"blobs/{name}", code="BLOB_UNKNOWN")
    assert repository.expect(200, "GET", f"blobs/{name}").body == LARGE
    repository.manifest(image(LARGE), "v1")


def test_what_is_not_there_is_an_ordinary_session(repository: Repository, source: Repository) -> None:
    name = source.blob(SMALL)
    gone = source.blob(MIDDLE)
    source.expect(202, "DELETE", f"blobs/{gone}")
    unknown = digest(b"nobody has this")
    answers = [
        repository.expect(202, "POST", path)
        for path in (
            mount(repository, unknown, source.name),
            mount(repository, gone, source.name),
            mount(repository, name, "nobody/here"),
            mount(repository, name, repository.name),
            mount(repository, name, "NOT A NAME".replace(" ", "%20")),
            mount(repository, name, ""),
            f"blobs/uploads/?mount={name}",
            f"blobs/uploads/?mount={name}&from={source.name}%00",
        )
    ]
    # Nothing in the answer says why.
    shapes = {
        tuple(
            (key, value)
            for key, value in answer.fields
            if key not in ("location", "docker-upload-uuid", "x-request-id", "date")
        )
        for answer in answers
    }
    assert len(shapes) == 1
    for answer in answers:
        repository.expect(201, "PUT", f"{answer['location']}?digest={digest(LARGE)}", LARGE)
    repository.expect(404, "GET", f"blobs/{name}", code="BLOB_UNKNOWN")


def test_a_manifest_of_the_source_can_be_mounted_as_a_blob_only(repository: Repository, source: Repository) -> None:
    source.blob(SMALL)
    data = image(SMALL)
    source.manifest(data, "v1")
    repository.expect(201, "POST", mount(repository, digest(data), source.name))
    repository.expect(404, "GET", f"manifests/{digest(data)}", code="MANIFEST_UNKNOWN")
