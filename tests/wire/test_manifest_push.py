"""Manifest pushes beyond one request: what a push needs, what it leaves, and what the next one finds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.pairs import Pair
from tests.serving import Server, running_server
from tests.wire.always import checked
from tests.wire.client import connected
from tests.wire.content import (
    DOCKER_FOREIGN,
    DOCKER_LAYER,
    DOCKER_MANIFEST,
    OCI_ARTIFACT,
    OCI_FOREIGN,
    OCI_INDEX,
    OCI_LAYER,
    OCI_MANIFEST,
    descriptor,
    digest,
    encoded,
    image,
    index,
    noise,
    referrer,
)
from tests.wire.repository import Repository

LIMIT = 4 << 20
CONFIG = noise(150, "config")
AS_IMAGE = {"Content-Type": OCI_MANIFEST}


@pytest.fixture(scope="module")
def sparse_server(tmp_path_factory: pytest.TempPathFactory, pair: Pair) -> Iterator[Server]:
    with running_server(
        tmp_path_factory.mktemp("sparse"), "--open", "--manifests-sparse-indexes", pair=pair
    ) as running:
        yield running


def padded(size: int) -> bytes:
    """An image manifest of exactly `size` bytes."""
    short = image(CONFIG, annotations={"pad": ""})
    made = image(CONFIG, annotations={"pad": "a" * (size - len(short))})
    assert len(made) == size
    return made


@pytest.mark.parametrize("size", [LIMIT - 1, LIMIT])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_manifest_of_four_mebibytes_is_taken(repository: Repository, size: int, chunked: bool) -> None:
    repository.blob(CONFIG)
    data = padded(size)
    target = f"{repository.path}/manifests/big"
    if chunked:
        pieces = [data[at : at + 100_000] for at in range(0, size, 100_000)]
        assert checked(repository.connection.chunked("PUT", target, pieces, AS_IMAGE)).status == 201
    else:
        repository.expect(201, "PUT", target, data, AS_IMAGE)
    assert repository.expect(200, "GET", target).body == data
    assert repository.expect(200, "HEAD", f"manifests/{digest(data)}")["content-length"] == str(size)


@pytest.mark.parametrize("chunked", [False, True])
def test_a_larger_manifest_is_refused_and_leaves_nothing(repository: Repository, chunked: bool) -> None:
    repository.blob(CONFIG)
    data = padded(LIMIT + 1)
    target = f"{repository.path}/manifests/big"
    if chunked:
        answer = checked(repository.connection.chunked("PUT", target, [data[:LIMIT], data[LIMIT:]], AS_IMAGE))
        assert (answer.status, answer.code) == (413, "SIZE_INVALID")
    else:
        answer = repository.expect(413, "PUT", target, data, AS_IMAGE, code="SIZE_INVALID")
    assert answer.json["errors"][0]["detail"]["limit"] == LIMIT
    repository.expect(404, "GET", target, code="MANIFEST_UNKNOWN")
    repository.expect(404, "GET", f"manifests/{digest(data)}", code="MANIFEST_UNKNOWN")


def test_the_length_alone_is_enough_to_refuse(repository: Repository) -> None:
    # A client that waits for "100 Continue" learns it before it sends a byte.
    headers = {**AS_IMAGE, "Content-Length": str(1 << 40), "Expect": "100-continue"}
    answer = checked(repository.connection.ask("PUT", f"{repository.path}/manifests/big", b"", headers))
    assert (answer.status, answer.code) == (413, "SIZE_INVALID")


def test_the_type_first_stored_in_a_repository_stays(repository: Repository) -> None:
    repository.blob(CONFIG)
    plain = encoded({"schemaVersion": 2, "config": descriptor(CONFIG, "application/x"), "layers": []})
    first, second = "application/vnd.example.one+json", "application/vnd.example.two+json"
    repository.manifest(plain, "one", first)
    repository.manifest(plain, "two", second)
    for reference in ("one", "two", digest(plain)):
        for method in ("GET", "HEAD"):
            assert repository.expect(200, method, f"manifests/{reference}")["content-type"] == first
    elsewhere = Repository(repository.connection, repository.name + "/elsewhere")
    elsewhere.blob(CONFIG)
    elsewhere.manifest(plain, "one", second)
    assert elsewhere.expect(200, "GET", "manifests/one")["content-type"] == second


def test_every_tag_of_the_query_is_made_and_named(repository: Repository) -> None:
    repository.blob(CONFIG)
    data = image(CONFIG)
    names = [f"v{n}" for n in range(50)]
    query = "&".join(f"tag={name}" for name in [*names, "v0", "v1"])
    answer = repository.expect(201, "PUT", f"manifests/{digest(data)}?{query}", data, AS_IMAGE)
    assert answer.all("oci-tag") == names
    for name in names:
        assert repository.expect(200, "HEAD", f"manifests/{name}")["docker-content-digest"] == digest(data)
    assert repository.expect(200, "GET", "tags/list").json["tags"] == sorted(names)


def test_a_refused_push_makes_no_tag_at_all(repository: Repository) -> None:
    repository.blob(CONFIG)
    data = image(CONFIG)
    for query in ("tag=a&tag=.b", "&".join(f"tag=v{n}" for n in range(51))):
        repository.expect(400, "PUT", f"manifests/{digest(data)}?{query}", data, AS_IMAGE)
    repository.expect(400, "PUT", f"manifests/{digest(b'')}?tag=a", data, AS_IMAGE, code="DIGEST_INVALID")
    repository.expect(400, "PUT", "manifests/a", image(b"absent"), AS_IMAGE, code="MANIFEST_BLOB_UNKNOWN")
    repository.expect(404, "GET", "manifests/a", code="MANIFEST_UNKNOWN")
    repository.expect(404, "GET", "tags/list", code="NAME_UNKNOWN")


def test_missing_blobs_are_named_one_entry_each(repository: Repository) -> None:
    repository.blob(CONFIG)
    layers = [noise(20, f"layer {n}") for n in range(4)]
    repository.blob(layers[1])
    twice = image(CONFIG, [*layers, layers[0]])
    for reference in ("new", digest(twice)):
        answer = repository.expect(400, "PUT", f"manifests/{reference}", twice, AS_IMAGE)
        assert answer.codes == ["MANIFEST_BLOB_UNKNOWN"] * 3
        named = [entry["detail"]["digest"] for entry in answer.json["errors"]]
        assert named == [digest(layers[n]) for n in (0, 2, 3)]
    answer = repository.expect(400, "PUT", "manifests/new", image(b"no config"), AS_IMAGE)
    assert [entry["detail"]["digest"] for entry in answer.json["errors"]] == [digest(b"no config")]


def test_a_blob_of_another_repository_is_missing_here(repository: Repository) -> None:
    Repository(repository.connection, repository.name + "/elsewhere").blob(CONFIG)
    answer = repository.expect(400, "PUT", "manifests/new", image(CONFIG), AS_IMAGE, code="MANIFEST_BLOB_UNKNOWN")
    assert answer.json["errors"][0]["detail"]["digest"] == digest(CONFIG)


def test_a_deleted_blob_is_missing(repository: Repository) -> None:
    repository.blob(CONFIG)
    repository.expect(202, "DELETE", f"blobs/{digest(CONFIG)}")
    repository.expect(400, "PUT", "manifests/new", image(CONFIG), AS_IMAGE, code="MANIFEST_BLOB_UNKNOWN")
    repository.blob(CONFIG)
    repository.manifest(image(CONFIG), "new")


def test_layers_that_are_not_distributed_need_not_be_here(repository: Repository) -> None:
    repository.blob(CONFIG)
    foreign = descriptor(b"windows", OCI_FOREIGN, urls=["https://example.com/layer"])
    data = image(CONFIG, layers=[foreign])
    repository.manifest(data, "oci")
    docker = encoded(
        {
            "schemaVersion": 2,
            "mediaType": DOCKER_MANIFEST,
            "config": descriptor(CONFIG, "application/vnd.docker.container.image.v1+json"),
            "layers": [{**foreign, "mediaType": DOCKER_FOREIGN}],
        }
    )
    repository.manifest(docker, "docker", DOCKER_MANIFEST)
    almost = image(CONFIG, layers=[{**foreign, "mediaType": OCI_FOREIGN.upper()}])
    repository.expect(400, "PUT", "manifests/almost", almost, AS_IMAGE, code="MANIFEST_BLOB_UNKNOWN")


@pytest.mark.parametrize("kind", [OCI_LAYER, DOCKER_LAYER, OCI_LAYER + "+encrypted", "text/x-anything;a=b", "a/b"])
def test_a_layer_of_any_type_passes(repository: Repository, kind: str) -> None:
    repository.blob(CONFIG)
    data = image(CONFIG, layers=[descriptor(CONFIG, kind)])
    repository.manifest(data, "any")
    assert repository.expect(200, "GET", "manifests/any").body == data


def test_an_index_needs_its_manifests(repository: Repository) -> None:
    repository.blob(CONFIG)
    one, two = image(CONFIG), image(CONFIG, annotations={"n": "2"})
    repository.manifest(one)
    both = index([one, two])
    answer = repository.expect(400, "PUT", "manifests/multi", both, {"Content-Type": OCI_INDEX})
    assert [entry["detail"]["digest"] for entry in answer.json["errors"]] == [digest(two)]
    assert answer.codes == ["MANIFEST_BLOB_UNKNOWN"]
    repository.manifest(two)
    repository.manifest(both, "multi", OCI_INDEX)
    repository.manifest(index([both, one], child=OCI_INDEX), "nested", OCI_INDEX)


def test_a_sparse_index_is_taken_where_the_setting_allows_it(sparse_server: Server) -> None:
    with connected(sparse_server.port) as connection:
        repository = Repository(connection, "sparse/index")
        child = image(CONFIG)
        repository.manifest(index([child]), "multi", OCI_INDEX)
        repository.expect(200, "GET", "manifests/multi")
        repository.expect(404, "GET", f"manifests/{digest(child)}", code="MANIFEST_UNKNOWN")
        repository.expect(404, "GET", f"blobs/{digest(child)}", code="BLOB_UNKNOWN")
        repository.expect(400, "PUT", "manifests/one", child, AS_IMAGE, code="MANIFEST_BLOB_UNKNOWN")
        repository.blob(CONFIG)
        repository.manifest(child)
        assert repository.expect(200, "GET", f"manifests/{digest(child)}").body == child
        repository.expect(405, "DELETE", f"manifests/{digest(child)}", code="UNSUPPORTED")


def test_an_unknown_subject_is_accepted_and_acknowledged(repository: Repository) -> None:
    subject = image(b"never pushed")
    repository.blob(b"{}")
    for data, kind in (
        (referrer(subject), OCI_MANIFEST),
        (index([], subject=descriptor(subject, OCI_MANIFEST)), OCI_INDEX),
        (encoded({"mediaType": OCI_ARTIFACT, "subject": descriptor(subject, OCI_MANIFEST)}), OCI_ARTIFACT),
    ):
        answer = repository.expect(201, "PUT", f"manifests/{digest(data)}", data, {"Content-Type": kind})
        assert answer["oci-subject"] == digest(subject)
        again = repository.expect(201, "PUT", "manifests/again", data, {"Content-Type": kind})
        assert again["oci-subject"] == digest(subject)


def test_an_image_in_sha512_throughout(repository: Repository) -> None:
    layer = noise(70_000, "layer")
    for data in (CONFIG, layer):
        assert repository.blob(data, "sha512").startswith("sha512:")
    data = image(CONFIG, [layer], algorithm="sha512")
    name = digest(data, "sha512")
    assert repository.manifest(data, f"{name}?tag=long") == name
    assert repository.expect(200, "GET", f"manifests/{name}").body == data
    assert repository.expect(200, "HEAD", "manifests/long")["docker-content-digest"] == name
    assert repository.expect(200, "GET", f"blobs/{digest(layer, 'sha512')}").body == layer
    note = referrer(data, subject=descriptor(data, OCI_MANIFEST, "sha512"))
    repository.blob(b"{}")
    answer = repository.expect(201, "PUT", f"manifests/{digest(note)}", note, AS_IMAGE)
    assert answer["oci-subject"] == name
    listed = repository.expect(200, "GET", f"referrers/{name}").json["manifests"]
    assert [entry["digest"] for entry in listed] == [digest(note)]


def test_a_manifest_that_was_uploaded_as_a_blob_becomes_one(repository: Repository) -> None:
    repository.blob(CONFIG)
    data = padded(60_000)
    repository.blob(data)
    repository.expect(404, "GET", f"manifests/{digest(data)}", code="MANIFEST_UNKNOWN")
    repository.manifest(data, "now")
    assert repository.expect(200, "GET", "manifests/now").body == data


def test_a_tag_moves_and_what_it_left_stays_by_digest(repository: Repository) -> None:
    repository.blob(CONFIG)
    old, new = image(CONFIG), image(CONFIG, annotations={"n": "2"})
    repository.manifest(old, "latest")
    for _ in range(2):
        repository.manifest(new, "latest")
    assert repository.expect(200, "GET", "manifests/latest").body == new
    assert repository.expect(200, "GET", f"manifests/{digest(old)}").body == old
    assert repository.expect(200, "GET", "tags/list").json["tags"] == ["latest"]
