"""No name, tag, digest, id or parameter is ever a path."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import quote

import pytest
from tests.serving import Server
from tests.wire.always import problems
from tests.wire.client import Connection
from tests.wire.content import OCI_INDEX, Document, digest, encoded, image, noise
from tests.wire.repository import Repository
from tests.wire.seed import CONFIG, IMAGE, NOWHERE, SEED

CANARY = b"canary: this file is no content of the registry"
CLIMBS = (
    *("../canary", "../../canary", "../../../canary", "..%2f..%2fcanary", "%2e%2e/%2e%2e/canary", "%2e%2e%2fcanary"),
    *("%252e%252e%252fcanary", "..%5c..%5ccanary", "..%c0%afcanary", "%c0%ae%c0%ae/canary", "..%ef%bc%8fcanary"),
    *("/canary", "//canary", "%2fcanary", "./canary", "a/../../canary", "a/./canary", "....//canary", "..%00/canary"),
    *("%00", "..", ".", "~/canary", "file:%2f%2f%2fcanary", "C:%5ccanary", "%uff0e%uff0e/canary", "..%0d%0a/canary"),
    *("/proc/self/environ", "..%2f..%2f..%2f..%2f..%2f..%2fetc%2fpasswd", "..%2fmaster.key", "..;/canary"),
)
HEX = "0" * 58
POSITIONS = {
    "name": "/v2/{}/manifests/v1",
    "name of a blob": "/v2/{}/blobs/" + NOWHERE,
    "end of a name": f"/v2/{SEED}/{{}}/tags/list",
    "tag": f"/v2/{SEED}/manifests/{{}}",
    "blob": f"/v2/{SEED}/blobs/{{}}",
    "digest": f"/v2/{SEED}/blobs/sha256:{{}}",
    "hex of a digest": f"/v2/{SEED}/blobs/sha256:{{}}" + HEX,
    "algorithm": f"/v2/{SEED}/blobs/{{}}:" + HEX,
    "subject": f"/v2/{SEED}/referrers/{{}}",
    "upload": f"/v2/{SEED}/blobs/uploads/{{}}",
    "last": f"/v2/{SEED}/tags/list?last={{}}",
    "last of the catalog": "/v2/_catalog?last={}",
    "below the registry": "/v2/{}",
    "beside the registry": "/{}",
}
WRITES = {
    "mount": ("POST", f"/v2/{SEED}/blobs/uploads/?mount={{}}&from={SEED}"),
    "from": ("POST", f"/v2/{SEED}/blobs/uploads/?mount={digest(CONFIG)}&from={{}}"),
    "digest": ("POST", f"/v2/{SEED}/blobs/uploads/?digest={{}}"),
    "algorithm": ("POST", f"/v2/{SEED}/blobs/uploads/?digest-algorithm={{}}"),
    "tag": ("PUT", f"/v2/{SEED}/manifests/{digest(IMAGE)}?tag={{}}"),
    "reference": ("PUT", f"/v2/{SEED}/manifests/{{}}"),
    "name": ("POST", "/v2/{}/blobs/uploads/"),
    "upload": ("PATCH", f"/v2/{SEED}/blobs/uploads/{{}}"),
    "closed upload": ("PUT", f"/v2/{SEED}/blobs/uploads/{{}}?digest={digest(CONFIG)}"),
    "cancelled upload": ("DELETE", f"/v2/{SEED}/blobs/uploads/{{}}"),
    "deleted blob": ("DELETE", f"/v2/{SEED}/blobs/{{}}"),
    "deleted tag": ("DELETE", f"/v2/{SEED}/manifests/{{}}"),
}
# What `serve` makes below a data directory, and nothing else.
OWN = re.compile(
    r"holdfast\.db(-wal|-shm|\.lock)?|master\.key|serve\.lock|host|store(/[a-z]+)?|store/\.holdfast-(store|guard)"
    r"|store/objects/[0-9a-f]{2}(/[0-9a-z-]+)?|store/uploads/[0-9a-f]{14}-[0-9a-f]{32}"
)


@pytest.fixture(scope="module")
def canary(open_server: Server) -> Path:
    """A file beside the data directory, and one inside it."""
    for place in (open_server.logs, open_server.data, open_server.data / "store"):
        (place / "canary").write_bytes(CANARY)
    return open_server.logs / "canary"


def tree(server: Server) -> set[str]:
    """Every path beside and below the data directory."""
    return {str(path.relative_to(server.logs)) for path in server.logs.rglob("*")}


def spelled(climb: str) -> str:
    return climb if "%" in climb else quote(climb, safe="/.:;~")


@pytest.mark.parametrize("position", POSITIONS)
def test_no_read_climbs(open_sown: Connection, open_server: Server, canary: Path, position: str) -> None:
    before = tree(open_server)
    for climb in CLIMBS:
        for method in ("GET", "HEAD"):
            answer = open_sown.ask(method, POSITIONS[position].format(spelled(climb)))
            assert CANARY not in answer.body
            assert b"root:" not in answer.body
            assert answer.status in (200, 400, 404), str(answer)
            assert answer.status != 200 or "last" in position, str(answer)
            assert not problems(answer) or answer.header("x-request-id") is None, str(answer)
    assert tree(open_server) <= before | {"data/store/uploads"}


@pytest.mark.parametrize("position", WRITES)
def test_no_write_climbs(open_sown: Connection, open_server: Server, canary: Path, position: str) -> None:
    before = {path for path in tree(open_server) if not path.startswith("data/")}
    method, target = WRITES[position]
    for climb in CLIMBS:
        body = IMAGE if "manifests" in target and method == "PUT" else CONFIG if method != "DELETE" else b""
        answer = open_sown.ask(method, target.format(spelled(climb)), body)
        assert answer.status in (202, 400, 404, 405), str(answer)
        assert answer.status != 202 or position == "from", str(answer)
        assert CANARY not in answer.body
    assert {path for path in tree(open_server) if not path.startswith("data/")} == before
    for place in (open_server.logs, open_server.data, open_server.data / "store"):
        assert (place / "canary").read_bytes() == CANARY


@pytest.mark.parametrize(
    "climb", ["../../canary", "/etc/passwd", *(f"sha256:{end}" for end in ("../canary", "../" * 21 + "a", "\0" * 64))]
)
def test_what_manifests_name_is_no_path(open_sown: Connection, climb: str) -> None:
    repository = Repository(open_sown, "traversal/manifests")
    repository.blob(CONFIG)
    bad: Document = {"mediaType": "a/b", "digest": climb, "size": 1}
    for data in (
        image(CONFIG, layers=[bad]),
        image(CONFIG, config=bad),
        image(CONFIG, subject=bad),
        encoded({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [bad]}),
    ):
        repository.expect(400, "PUT", "manifests/v1", data, code="MANIFEST_INVALID")


def test_files_have_names_of_the_servers_own_making(open_sown: Connection, open_server: Server, canary: Path) -> None:
    repository = Repository(open_sown, "traversal/files")
    repository.blob(noise(300_000, "object"))
    repository.begun(noise(300_000, "staged"))
    for path in open_server.data.rglob("*"):
        name = str(path.relative_to(open_server.data))
        assert path.name == "canary" or OWN.fullmatch(name), name
