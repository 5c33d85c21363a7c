"""The load generator's client, against answers as servers really cut them."""

import hashlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from bench.connection import Broken, Connection, expect


@contextmanager
def _answering(*pieces: bytes) -> Iterator[Connection]:
    """A connection whose peer sends these pieces, one at a time, after it has read a request, and then closes."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            peer, _ = listener.accept()
            with peer:
                peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                peer.recv(65536)
                for piece in pieces:
                    peer.sendall(piece)

        thread = threading.Thread(target=serve)
        thread.start()
        connection = Connection(listener.getsockname()[1])
        try:
            yield connection
        finally:
            connection.close()
            thread.join(10)


_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\ncontent-length: 5\r\nX-Empty:\r\nLocation: /v2/A?b=c\r\n\r\n"


@pytest.mark.parametrize("pieces", [(_HEAD + b"hello",), (_HEAD, b"hello"), (_HEAD[:30], _HEAD[30:] + b"he", b"llo")])
def test_a_body_with_a_length(pieces: tuple[bytes, ...]) -> None:
    with _answering(*pieces) as connection:
        answer = connection.ask(connection.request("GET", "/v2/"))
    assert (answer.status, answer.length, answer.body) == (200, 5, b"hello")
    assert answer.header("location") == "/v2/A?b=c"
    assert answer.header("X-Empty") == ""
    assert answer.header("X-Missing") == ""


def test_a_body_that_is_only_counted_and_hashed() -> None:
    data = bytes(range(256)) * 4096
    with _answering(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(data), data) as connection:
        connection.send([connection.request("GET", "/v2/")])
        hasher = hashlib.sha256()
        answer = connection.receive(keep=False, hasher=hasher)
    assert (answer.length, answer.body) == (len(data), b"")
    assert hasher.digest() == hashlib.sha256(data).digest()


def test_head_has_a_length_and_no_body() -> None:
    with _answering(_HEAD) as connection:
        answer = connection.ask(connection.request("HEAD", "/v2/"), bodiless=True)
    assert (answer.length, answer.body, answer.header("Content-Length")) == (0, b"", "5")


def test_chunks_cut_anywhere() -> None:
    whole = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhold\r\n4;x=y\r\nfast\r\n0\r\n\r\n"
    for cut in range(50, len(whole)):
        with _answering(whole[:cut], whole[cut:]) as connection:
            assert connection.ask(connection.request("GET", "/")).body == b"holdfast"


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nshort",
        b"HTTP/1.1 200 OK\r\n\r\nuntil the end",
    ],
)
def test_an_answer_cut_short_is_broken(sent: bytes) -> None:
    with _answering(sent) as connection, pytest.raises(Broken):
        connection.ask(connection.request("GET", "/"))


def test_a_request_is_whole() -> None:
    with _answering(_HEAD + b"hello") as connection:
        connection.authorization = "Basic eA=="
        data = connection.request("PUT", "/x?y=z", ("Content-Type: a/b",), 3)
        assert data == (
            b"PUT /x?y=z HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUser-Agent: holdfast-bench\r\nAuthorization: Basic eA==\r\n"
            b"Content-Length: 3\r\nContent-Type: a/b\r\n\r\n" % connection.port
        )
        answer = connection.ask(data)
    assert expect(answer, 201, 200) is answer
    with pytest.raises(Broken, match="status 200, expected 404"):
        expect(answer, 404)
