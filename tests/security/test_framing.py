"""Requests that two readers could take for two things: refused, and the connection with them."""

from __future__ import annotations

import pytest
from tests.serving import Server
from tests.wire.always import checked
from tests.wire.client import Answer, Closed, Connection, connected
from tests.wire.content import digest
from tests.wire.seed import CONFIG, SEED

UPLOADS = f"POST /v2/{SEED}/blobs/uploads/ HTTP/1.1\r\n"
PING = "GET /v2/ HTTP/1.1\r\n"
SMUGGLED = b"GET /v2/_catalog HTTP/1.1\r\nHost: a\r\n\r\n"

# Refused by the registry: the error shape, and the connection closes.
AMBIGUOUS = {
    "no Host": PING + "\r\n",
    "an empty Host": PING + "Host:\r\n\r\n",
    "two Hosts": PING + "Host: a\r\nHost: b\r\n\r\n",
    "the same Host twice": PING + "Host: a\r\nHost: a\r\n\r\n",
    "an empty Host beside one": PING + "Host:\r\nHost: a\r\n\r\n",
    "two Authorizations": PING + "Host: a\r\nAuthorization: Basic YTpi\r\nAuthorization: Basic YzpkZQ==\r\n\r\n",
}

# Refused by the HTTP layer before it is a request: a bare status, and the connection closes.
NO_REQUEST = {
    "no version": "GET /v2/\r\n\r\n",
    "another version": "GET /v2/ HTTP/3.0\r\nHost: a\r\n\r\n",
    "a space in the path": "GET /v2/ a HTTP/1.1\r\nHost: a\r\n\r\n",
    "a control character in the path": "GET /v2/\x01 HTTP/1.1\r\nHost: a\r\n\r\n",
    "bytes above ASCII in the path": "GET /v2/\xff HTTP/1.1\r\nHost: a\r\n\r\n",
    "space before the colon": PING + "Host : a\r\n\r\n",
    "a folded header": PING + "Host: a\r\n X: folded\r\n\r\n",
    "a header without colon": PING + "Host: a\r\nnonsense\r\n\r\n",
    "NUL in a header": PING + "Host: a\r\nX: a\0b\r\n\r\n",
    "a bare CR in a header": PING + "Host: a\r\nX: a\rb\r\n\r\n",
    "too many headers": PING + "Host: a\r\n" + "X: y\r\n" * 200 + "\r\n",
    "two lengths": UPLOADS + "Host: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "a list of lengths": UPLOADS + "Host: a\r\nContent-Length: 3, 3\r\n\r\nabc",
    "a length below 0": UPLOADS + "Host: a\r\nContent-Length: -1\r\n\r\n",
    "a length with a sign": UPLOADS + "Host: a\r\nContent-Length: +3\r\n\r\nabc",
    "a length beyond 64 bits": UPLOADS + f"Host: a\r\nContent-Length: {2**65}\r\n\r\n",
    "another coding": UPLOADS + "Host: a\r\nTransfer-Encoding: gzip\r\n\r\nabc",
    "a coding after chunked": UPLOADS + "Host: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "chunks in HTTP/1.0": "POST /v2/a/blobs/uploads/ HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a very long path": "GET /v2/" + "a" * 100_000 + " HTTP/1.1\r\nHost: a\r\n\r\n",
}


def refused(connection: Connection, request: str) -> Answer:
    """The answer to `request`; what is smuggled behind it is never answered."""
    data = request.encode("latin-1")
    connection.send(data + SMUGGLED)
    answer = connection.receive(data, pipelined=True)
    assert 400 <= answer.status < 500, str(answer)
    assert answer["connection"] == "close"
    with pytest.raises((Closed, BrokenPipeError, ConnectionResetError)):
        connection.receive(SMUGGLED)
    return answer


@pytest.mark.parametrize("request_", AMBIGUOUS.values(), ids=AMBIGUOUS)
def test_an_ambiguous_request_is_refused(open_server: Server, request_: str) -> None:
    with connected(open_server.port) as connection:
        answer = checked(refused(connection, request_))
        assert (answer.status, answer.code) == (400, "UNSUPPORTED")


@pytest.mark.parametrize("request_", NO_REQUEST.values(), ids=NO_REQUEST)
def test_what_is_no_request_is_refused(open_server: Server, request_: str) -> None:
    with connected(open_server.port) as connection:
        answer = refused(connection, request_)
        assert answer.status in (400, 414, 431)
        assert not answer.body
    with connected(open_server.port) as connection:
        assert checked(connection.ask("GET", "/v2/")).status == 200


@pytest.mark.parametrize(
    "order", [("Transfer-Encoding: chunked", "Content-Length: 5"), ("Content-Length: 5", "Transfer-Encoding: chunked")]
)
def test_a_length_beside_chunks_smuggles_nothing(open_server: Server, order: tuple[str, str]) -> None:
    # The HTTP layer reads such a body by its chunks alone, as RFC 9112, 6.3 allows, and ends the connection after it.
    head = (
        f"POST /v2/{SEED}/blobs/uploads/?digest={digest(b'')} HTTP/1.1\r\nHost: a\r\n{order[0]}\r\n{order[1]}\r\n\r\n"
    )
    with connected(open_server.port) as connection:
        data = head.encode() + b"0\r\n\r\n"
        connection.send(data + SMUGGLED)
        answer = checked(connection.receive(data, pipelined=True))
        assert answer.status in (201, 400)
        assert answer["connection"] == "close"
        with pytest.raises((Closed, ConnectionResetError)):
            connection.receive(SMUGGLED)


@pytest.mark.parametrize("body", [b"zz\r\n\r\n", b"3\r\nabc\r\nzz\r\n\r\n", b"3\r\nabcdef\r\n0\r\n\r\n", b"-1\r\n\r\n"])
@pytest.mark.parametrize("what", ["blob", "manifest", "chunk", "closing"])
def test_a_broken_body_is_refused_and_stores_nothing(open_sown: Connection, body: bytes, what: str) -> None:
    repository = f"/v2/framing/{what}"
    session = open_sown.ask("POST", f"{repository}/blobs/uploads/")["location"]
    line = {
        "blob": f"POST {repository}/blobs/uploads/?digest={digest(b'abc')}",
        "manifest": f"PUT {repository}/manifests/v1",
        "chunk": f"PATCH {session}",
        "closing": f"PUT {session}?digest={digest(b'abc')}",
    }[what]
    with connected(open_sown.port) as connection:
        data = f"{line} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".encode() + body
        connection.send(data)
        answer = checked(connection.receive(data))
        assert (answer.status, answer.code) == (400, "SIZE_INVALID")
        assert answer["connection"] == "close"
    assert open_sown.ask("GET", f"{repository}/blobs/{digest(b'abc')}").status == 404
    assert open_sown.ask("GET", session)["range"] == "0-0"


def test_headers_have_a_bound(open_sown: Connection) -> None:
    target = f"/v2/{SEED}/blobs/{digest(CONFIG)}"
    for size, status in ((20_000, 200), (33_000, 431), (1_000_000, 431)):
        answer = checked(open_sown.ask("GET", target, headers={"X-Long": "y" * size}))
        assert answer.status == status
    many = {f"X-{number}": "y" * 1000 for number in range(90)}
    assert checked(open_sown.ask("GET", target, headers=many)).status == 431


def test_a_host_is_never_believed(open_sown: Connection) -> None:
    for target in ("/v2/host/blobs/uploads/", "http://evil.example/v2/host/blobs/uploads/"):
        for extra in ({}, {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https", "Forwarded": "host=evil"}):
            answer = checked(open_sown.ask("POST", target, headers={"Host": "evil.example", **extra}))
            assert answer.status == 202
            assert "evil" not in str(answer.fields)


def test_an_upgrade_is_not_made(open_sown: Connection) -> None:
    for protocol in ("h2c", "websocket"):
        headers = {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": protocol, "HTTP2-Settings": "AAMAAABkAAQAAP__"}
        assert checked(open_sown.ask("GET", "/v2/", headers=headers)).status == 200
