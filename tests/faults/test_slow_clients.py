"""Clients that stall, vanish or speak HTTP that can be read in two ways: nobody else notices, and nothing stays behind.

Every wait is for the server to do something, with a bound; nothing is asserted of how long it took.
"""

from __future__ import annotations

import contextlib
import os
import re
import resource
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.faults.client import Caller, Ledger, Pushing, content, digest_of
from tests.faults.load import LARGE, SMALL
from tests.faults.oracle import check, verify
from tests.faults.test_disk_full import push_all
from tests.serving import Server, pause, running_server

_HEADS, _BODIES = 400, 250
_REPOSITORY = "faults/slow"
_BLOBS = f"/v2/{_REPOSITORY}/blobs"
_STALLED = (("PATCH", 1), ("PUT", 2_000_000))
_GROWTH = 40 << 20
"""Bytes that a worker may grow while hundreds of clients come and go: what allocators keep, and no more."""


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that waits for a stalled body longer than any test runs."""
    with running_server(tmp_path_factory.mktemp("patient"), "--open", "--uploads-idle", "10m") as server:
        yield server


@pytest.fixture(scope="module")
def brisk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that gives a stalled body up after a second."""
    with running_server(tmp_path_factory.mktemp("brisk"), "--open", "--uploads-idle", "1s") as server:
        yield server


@pytest.fixture
def many_files() -> Iterator[None]:
    """Let this process hold as many connections as the tests open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 4096:
        pytest.skip(f"this process may open {hard} files, too few for the test")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 4096), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def connect(server: Server) -> socket.socket:
    """A connection of which the test itself decides every byte."""
    return socket.create_connection(("127.0.0.1", server.port), timeout=30)


def head_of(method: str, path: str, *fields: str) -> bytes:
    """The head of a request."""
    return "\r\n".join((f"{method} {path} HTTP/1.1", *fields, "", "")).encode()


def upload_head(size: int, data: bytes) -> bytes:
    """The head of a single POST."""
    return head_of("POST", f"{_BLOBS}/uploads/?digest={digest_of(data)}", "Host: a", f"Content-Length: {size}")


def answer_of(connection: socket.socket) -> bytes:
    """Everything that comes until the server closes the connection."""
    received = b""
    with contextlib.suppress(ConnectionError):
        while piece := connection.recv(65536):
            received += piece
    return received


def worker(server: Server) -> int:
    """The id of the server's one worker."""
    (child,) = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
    return int(child)


def memory(server: Server) -> int:
    """Bytes that the worker holds."""
    return int(Path(f"/proc/{worker(server)}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def files(server: Server) -> int:
    """Descriptors that the worker holds."""
    return len(os.listdir(f"/proc/{worker(server)}/fd"))


def staged(server: Server) -> list[str]:
    """The names of uploads under way."""
    return os.listdir(server.data / "store" / "uploads")


def until(holds: Callable[[], bool], what: str) -> None:
    """Wait until the server has done something."""
    for _ in range(1500):
        if holds():
            return
        pause(0.02)
    raise AssertionError(f"never: {what}")


def still_serves(server: Server, number: int) -> None:
    """Pushes in every way and pulls go well, now."""
    ledger = Ledger()
    with Caller(server.port, timeout=30) as caller:
        push_all(Pushing(caller, ledger), number)
    assert check(server.port, [ledger]) > 0


@pytest.mark.usefixtures("many_files")
def test_hundreds_that_stall_do_not_hurt_the_honest(patient: Server) -> None:
    before = files(patient)
    data = content(1, LARGE)
    with contextlib.ExitStack() as stalled:
        for number in range(_HEADS + _BODIES):
            connection = stalled.enter_context(connect(patient))
            if number < _HEADS:
                connection.sendall(b"GET /v2/ HTTP/1.1\r\nHost: a\r\nX-Slow: " + b"y" * (number % 50))
            else:
                connection.sendall(upload_head(LARGE, data) + data[: number * 300])
        until(lambda: files(patient) > before + _HEADS + _BODIES - 9, "all connections are taken")
        still_serves(patient, 10_000)
    until(lambda: files(patient) <= before + 2, "the connections are let go of")
    until(lambda: staged(patient) == [], "nothing of their uploads is left")
    still_serves(patient, 11_000)
    verify(patient.data)


@pytest.mark.slow
@pytest.mark.usefixtures("many_files")
def test_bodies_that_stall_give_way_when_all_places_are_taken(patient: Server) -> None:
    """There are places for 256 uploads at once; 500 that stall do not keep the honest out for longer than moments."""
    data, honest = content(7, LARGE), content(8, SMALL)
    path = f"{_BLOBS}/uploads/?digest={digest_of(honest)}"
    with contextlib.ExitStack() as stalled, Caller(patient.port) as caller:
        for _ in range(500):
            stalled.enter_context(connect(patient)).sendall(upload_head(LARGE, data) + data[:1000])
        # Refused with 429 as long as nobody has stalled for long, and told when to come again.
        until(lambda: caller.expect((201, 429), "POST", path, honest).status == 201, "the honest are served")
        still_serves(patient, 50_000)
    until(lambda: staged(patient) == [], "nothing of their uploads is left")


@pytest.mark.parametrize(
    ("method", "sent"),
    [
        pytest.param(method, sent, marks=() if (method, sent) in _STALLED else pytest.mark.slow)
        for method in ("POST", "PATCH", "PUT")
        for sent in (0, 1, 2_000_000)
    ],
)
def test_a_stalled_body_is_given_up(brisk: Server, method: str, sent: int) -> None:
    data = content(2, LARGE)
    with Caller(brisk.port) as caller:
        location = caller.expect(202, "POST", f"{_BLOBS}/uploads/").headers["location"]
        path = {"POST": f"{_BLOBS}/uploads/?digest=", "PATCH": location, "PUT": f"{location}?digest="}[method]
        path += "" if method == "PATCH" else digest_of(data)
        with connect(brisk) as connection:
            connection.sendall(head_of(method, path, "Host: a", f"Content-Length: {LARGE}") + data[:sent])
            said = answer_of(connection)
        assert said == b"" or said.startswith(b"HTTP/1.1 408 "), said[:200]
        until(lambda: staged(brisk) == [], "nothing of it is left")
        assert caller.expect(204, "GET", location).headers["range"] == "0-0"
        caller.expect(404, "HEAD", f"{_BLOBS}/{digest_of(data)}")
    still_serves(brisk, 20_000)


def test_an_honest_slow_push_succeeds(brisk: Server) -> None:
    """It takes longer than a stalled body may, and never stalls."""
    data = content(3, SMALL)
    with connect(brisk) as connection:
        connection.sendall(upload_head(SMALL, data))
        for start in range(0, SMALL, SMALL // 16):
            pause(0.2)
            connection.sendall(data[start : start + SMALL // 16])
        assert connection.recv(65536).startswith(b"HTTP/1.1 201 ")


def test_clients_that_vanish_leave_nothing(patient: Server) -> None:
    data = content(4, LARGE)
    ledger = Ledger()
    with Caller(patient.port) as caller:
        Pushing(caller, ledger).put(_REPOSITORY, data)
        location = caller.expect(202, "POST", f"{_BLOBS}/uploads/").headers["location"]
        caller.expect(202, "PATCH", location, data[:SMALL])
    kept = staged(patient)
    assert len(kept) == 1
    new = content(5, LARGE)
    heads = [
        (upload_head(LARGE, new), new[: LARGE // 2]),
        (head_of("PATCH", location, "Host: a", f"Content-Length: {LARGE - SMALL}"), data[SMALL : LARGE // 2]),
        (head_of("PATCH", location, "Host: a", "Transfer-Encoding: chunked"), b"100000\r\n" + data[SMALL:][:SMALL]),
        (head_of("GET", f"{_BLOBS}/{digest_of(data)}", "Host: a"), b""),
    ]
    before, fewest = 0, files(patient)
    for turn in range(60):
        for head, part in heads:
            with connect(patient) as connection:
                connection.sendall(head + part)
                if not part:
                    connection.recv(1000)
        if turn == 20:
            before = memory(patient)
    until(lambda: files(patient) <= fewest + 2, "the connections are let go of")
    until(lambda: staged(patient) == kept, "nothing but the session is left")
    assert memory(patient) < before + _GROWTH
    with Caller(patient.port) as caller:
        until(lambda: caller.ask("GET", location).headers["range"] == f"0-{SMALL - 1}", "the session is as it was")
        caller.expect(201, "PUT", f"{location}?digest={digest_of(data)}", data[SMALL:])
    still_serves(patient, 30_000)
    verify(patient.data, "--deep")


@pytest.mark.slow
@pytest.mark.usefixtures("many_files")
def test_downloads_that_are_not_read_hold_no_memory(patient: Server) -> None:
    data = content(6, 4 << 20)
    with Caller(patient.port) as caller, contextlib.ExitStack() as stalled:
        Pushing(caller, Ledger()).post(_REPOSITORY, data)
        before = memory(patient)
        for _ in range(600):
            connection = stalled.enter_context(connect(patient))
            connection.sendall(head_of("GET", f"{_BLOBS}/{digest_of(data)}", "Host: a"))
        still_serves(patient, 40_000)
        assert memory(patient) < before + 600 * (1 << 20)


_TWO_LENGTHS = ("Content-Length: 4", "Content-Length: 5")
ODDITIES = {
    "both framings": head_of("PUT", "/v2/a/manifests/b", "Host: a", "Content-Length: 4", "Transfer-Encoding: chunked"),
    "no Host": head_of("GET", "/v2/"),
    "two Hosts": head_of("GET", "/v2/", "Host: a", "Host: b"),
    "an empty Host": head_of("GET", "/v2/", "Host:"),
    "two lengths": head_of("PUT", "/v2/a/manifests/b", "Host: a", *_TWO_LENGTHS),
    "a length below zero": head_of("PUT", "/v2/a/manifests/b", "Host: a", "Content-Length: -1"),
    "a length of words": head_of("PUT", "/v2/a/manifests/b", "Host: a", "Content-Length: four"),
    "a length beyond numbers": head_of("PUT", "/v2/a/manifests/b", "Host: a", f"Content-Length: {10**30}"),
    "another coding": head_of("PUT", "/v2/a/manifests/b", "Host: a", "Transfer-Encoding: gzip, chunked"),
    "a chunk of words": head_of("PUT", "/v2/a/manifests/b", "Host: a", "Transfer-Encoding: chunked") + b"zz\r\n",
    "no request": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello\r\n\r\n",
    "a header without a name": head_of("GET", "/v2/", "Host: a", ": value"),
    "a header that is too long": head_of("GET", "/v2/", "Host: a", "X-Long: " + "y" * 200_000),
    "too many headers": head_of("GET", "/v2/", "Host: a", *(f"X-{n}: y" for n in range(2_000))),
}


@pytest.mark.parametrize("oddity", ODDITIES)
def test_what_can_be_read_in_two_ways_is_refused_and_ends_the_connection(patient: Server, oddity: str) -> None:
    with connect(patient) as connection:
        with contextlib.suppress(ConnectionError):
            # What follows must not be taken for a request.
            connection.sendall(ODDITIES[oddity] + b"0\r\n\r\n" + head_of("GET", "/v2/smuggled", "Host: a"))
        said = answer_of(connection)
    # Nothing, or refusals: never what the hidden request asks for, which would be 404.
    statuses = re.findall(rb"HTTP/1\.1 (\d+) ", said)
    assert set(statuses) <= {b"400", b"408", b"413", b"431"}, said
    with Caller(patient.port) as caller:
        caller.expect(200, "GET", "/v2/")


@pytest.mark.parametrize("oddity", ["no Host", "two Hosts", "an empty Host", "two lengths"])
def test_the_refusal_is_400(patient: Server, oddity: str) -> None:
    with connect(patient) as connection:
        connection.sendall(ODDITIES[oddity])
        said = answer_of(connection)
    assert said.startswith(b"HTTP/1.1 400 ")
