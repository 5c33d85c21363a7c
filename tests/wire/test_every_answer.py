"""What holds beside the tables: request ids, log lines, credentials, and connections that go on."""

from __future__ import annotations

import http.client
import json
import time
from typing import Any

import pytest
from tests.serving import Server, pause
from tests.wire.always import checked
from tests.wire.client import Connection, basic, connected
from tests.wire.content import digest, noise
from tests.wire.repository import Repository
from tests.wire.seed import BIG, CONFIG, IMAGE, SEED, SMALL

LOG_SECONDS = 20.0


def log_lines(server: Server, requests: set[str]) -> dict[str, list[dict[str, Any]]]:
    """The access lines of these request ids, waited for: they are written four times a second."""
    deadline = time.monotonic() + LOG_SECONDS
    while True:
        found: dict[str, list[dict[str, Any]]] = {name: [] for name in requests}
        for line in server.log_text().splitlines():
            if line.startswith('{"at"') and '"event":"request"' in line:
                fields = json.loads(line)
                if fields["request"] in found:
                    found[fields["request"]].append(fields)
        if all(found.values()) or time.monotonic() > deadline:
            return found
        pause(0.05)


def test_one_id_in_header_body_and_log(server: Server, sown: Connection) -> None:
    asked = [
        ("GET", "/v2/", 200, "ping"),
        ("GET", f"/v2/{SEED}/manifests/v1", 200, "manifest"),
        ("HEAD", f"/v2/{SEED}/manifests/absent", 404, "manifest"),
        ("GET", f"/v2/{SEED}/blobs/{digest(CONFIG)}", 200, "blob"),
        ("GET", f"/v2/{SEED}/manifests/.bad", 400, "manifest"),
        ("GET", "/v2/nothing/here", 404, "unrouted"),
        ("GET", "/", 404, "unrouted"),
        ("BREW", "/v2/", 405, "ping"),
        ("POST", f"/v2/{SEED}/blobs/uploads/", 202, "uploads"),
    ]
    ids: dict[str, tuple[str, str, int]] = {}
    for method, target, status, _ in asked:
        answer = checked(sown.ask(method, target, headers={"User-Agent": "one-id/1"}))
        assert answer.status == status
        ids[answer["x-request-id"]] = (method, target, status)
        if answer.body and status >= 400:
            assert answer.json["errors"][0]["detail"]["request_id"] == answer["x-request-id"]
    assert len(ids) == len(asked), "ids are never used twice"
    for name, lines in log_lines(server, set(ids)).items():
        assert len(lines) == 1, f"{name}: one request is one line"
        line = lines[0]
        assert (line["method"], line["path"], line["status"]) == ids[name]
        assert (line["agent"], line["subject"], line["remote"]) == ("one-id/1", "anonymous", "127.0.0.1")


def test_a_line_says_how_much_was_sent_and_received(server: Server, sown: Connection) -> None:
    body = noise(1234, "body")
    asked = {
        sown.ask("GET", f"/v2/{SEED}/blobs/{digest(BIG)}")["x-request-id"]: (len(BIG), 0),
        sown.ask("GET", f"/v2/{SEED}/blobs/{digest(BIG)}", headers={"Range": "bytes=5-9"})["x-request-id"]: (5, 0),
        sown.ask("HEAD", f"/v2/{SEED}/blobs/{digest(BIG)}")["x-request-id"]: (0, 0),
        sown.ask("POST", f"/v2/{SEED}/blobs/uploads/?digest={digest(body)}", body)["x-request-id"]: (0, len(body)),
    }
    for name, lines in log_lines(server, set(asked)).items():
        assert [(line["sent"], line["received"]) for line in lines] == [asked[name]]


def test_an_id_of_the_client_is_not_taken_over(sown: Connection) -> None:
    answer = checked(sown.ask("GET", "/v2/", headers={"X-Request-Id": "forged"}))
    assert answer["x-request-id"] != "forged"


@pytest.mark.parametrize("size", [CONFIG, SMALL, BIG], ids=["200 B", "64 KiB", "2 MiB"])
def test_a_connection_goes_on_after_every_kind_of_answer(sown: Connection, size: bytes) -> None:
    # One connection, requests one behind the other: a stray byte anywhere would break the next answer.
    target = f"/v2/{SEED}/blobs/{digest(size)}"
    requests = [
        ("GET", target, ""),
        ("HEAD", target, ""),
        ("GET", target, f'If-None-Match: "{digest(size)}"\r\n'),
        ("GET", target, "Range: bytes=3-9\r\n"),
        ("GET", target, f"Range: bytes={len(size)}-\r\n"),
        ("HEAD", f"/v2/{SEED}/manifests/v1", ""),
        ("GET", f"/v2/{SEED}/manifests/absent", ""),
        ("HEAD", f"/v2/{SEED}/manifests/absent", ""),
        ("DELETE", f"/v2/{SEED}/manifests/absent", "Content-Length: 0\r\n"),
        ("GET", f"/v2/{SEED}/manifests/v1", ""),
    ]
    raw = [f"{method} {path} HTTP/1.1\r\nHost: a\r\n{extra}\r\n".encode() for method, path, extra in requests]
    answers = []
    connection = http.client.HTTPConnection("127.0.0.1", sown.port, timeout=30)
    connection.connect()
    try:
        for (method, _, _), request in zip(requests, raw, strict=True):
            connection.sock.sendall(request)
            response = http.client.HTTPResponse(connection.sock, method=method)
            response.begin()
            answers.append((response.status, response.read()))
    finally:
        connection.close()
    assert [status for status, _ in answers] == [200, 200, 304, 206, 416, 200, 404, 404, 404, 200]
    assert answers[0][1] == size
    assert answers[3][1] == size[3:10]
    assert answers[-1][1] == IMAGE


def test_requests_sent_at_once_are_answered_in_order(sown: Connection) -> None:
    names = ["v1", "multi", "absent", "docker"]
    with connected(sown.port) as connection:
        requests = [f"HEAD /v2/{SEED}/manifests/{name} HTTP/1.1\r\nHost: a\r\n\r\n".encode() for name in names]
        connection.send(b"".join(requests))
        found = [connection.receive(request, pipelined=True).status for request in requests]
    assert found == [200, 200, 404, 200]


def test_a_refused_body_leaves_the_connection_usable(repository: Repository) -> None:
    body = noise(3 << 20, "refused")
    for target, status in (
        ("/v2/UPPER/blobs/uploads/", 400),
        (f"{repository.path}/manifests/.bad", 400),
        (f"{repository.path}/blobs/uploads/none", 404),
    ):
        method = "POST" if status == 400 and target.endswith("/") else "PUT"
        for _ in range(3):
            repository.expect(status, method, target + ("?digest=" + digest(body) if status == 404 else ""), body)


class TestCredentials:
    """The administrator by Basic, and 401 for everybody else."""

    def test_the_right_password_opens(self, closed_server: Server) -> None:
        with connected(closed_server.port, {"Authorization": closed_server.admin.basic}) as connection:
            for _ in range(3):
                assert checked(connection.ask("GET", "/v2/")).status == 200
            repository = Repository(connection, "credentials/right")
            repository.blob(CONFIG)
            repository.blob(SMALL)
            repository.blob(BIG)
            repository.manifest(IMAGE, "v1")
            answer = repository.expect(200, "GET", f"blobs/{digest(CONFIG)}")
            # Nobody but the authorised may keep what only the authorised may see.
            assert answer["cache-control"] == "private, max-age=31536000, immutable"
            by_digest = repository.expect(200, "GET", f"manifests/{digest(IMAGE)}")
            assert by_digest["cache-control"] == "private, max-age=31536000, immutable"
            assert repository.expect(200, "GET", "manifests/v1").header("cache-control") is None

    def test_every_other_credential_is_challenged(self, closed_server: Server) -> None:
        admin = closed_server.admin
        right = admin.basic.removeprefix("Basic ")
        headers = [
            "",
            basic(admin.username, "wrong"),
            basic(admin.username, admin.password + " "),
            basic("somebody", ""),
            basic("", admin.password),
            basic(admin.username.upper(), admin.password),
            basic("nobody", admin.password),
            basic(admin.username + "\0", admin.password),
            basic("a" * 9000, "b"),
            f"Bearer {right}",
            f"Digest {right}",
            right,
            "Basic",
            "Basic !!!",
            "Basic " + right[:-4],
            "Basic " + "A" * 6000,
            "Basic //79/A==",
        ]
        with connected(closed_server.port) as connection:
            bodies = set()
            for header in headers:
                answer = checked(connection.ask("GET", "/v2/", headers={"Authorization": header}))
                assert (answer.status, answer.code) == (401, "UNAUTHORIZED"), header
                error = ',error="invalid_token"' if header.startswith("Bearer") else ""
                realm = f'Bearer realm="{closed_server.url}/token",service="holdfast"'
                assert answer["www-authenticate"] == realm + error
                bodies.add(answer.json["errors"][0]["message"])
            assert len(bodies) == 1, "the answer does not say what was wrong"

    def test_a_304_is_authorised_like_a_200(self, closed_server: Server) -> None:
        with connected(closed_server.port) as connection:
            path = f"/v2/credentials/right/blobs/{digest(CONFIG)}"
            for value in ("*", f'"{digest(CONFIG)}"'):
                answer = checked(connection.ask("GET", path, headers={"If-None-Match": value}))
                assert answer.status == 401
                assert answer.header("etag") is None

    def test_a_scheme_is_spelled_in_any_case(self, closed_server: Server) -> None:
        value = closed_server.admin.basic.replace("Basic", "bAsIc")
        with connected(closed_server.port) as connection:
            assert checked(connection.ask("GET", "/v2/", headers={"Authorization": value})).status == 200
