"""A server with a certificate of `holdfast tls init`: https to who trusts its authority, and nothing older than 1.2."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import ssl
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.cli.program import holdfast
from tests.serving import Server, pause, running_server

PATIENCE = 30.0
ALERT, HANDSHAKE = 0x15, 0x16


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    place = tmp_path_factory.mktemp("tls")
    holdfast(place, "tls", "init", "127.0.0.1", "localhost")
    flags = ("--tls-cert", str(place / "tls/server.crt"), "--tls-key", str(place / "tls/server.key"))
    with running_server(place, *flags) as found:
        yield found


def trusting(server: Server) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(server.logs / "tls" / "ca.crt"))


def test_https_for_who_trusts_the_authority(server: Server) -> None:
    for host in ("127.0.0.1", "localhost"):
        connection = http.client.HTTPSConnection(host, server.port, context=trusting(server), timeout=PATIENCE)
        connection.request("GET", "/v2/", headers={"Authorization": server.admin.basic})
        answer = connection.getresponse()
        assert answer.status == 200
        assert answer.read() == b"{}"
        connection.close()


def test_nobody_else_is_let_in_by_mistake(server: Server) -> None:
    connection = http.client.HTTPSConnection("127.0.0.1", server.port, timeout=PATIENCE)
    with pytest.raises(ssl.SSLCertVerificationError):
        connection.request("GET", "/v2/")
    connection.close()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_both_versions_that_are_good(server: Server, version: ssl.TLSVersion) -> None:
    context = trusting(server)
    context.minimum_version = context.maximum_version = version
    with (
        socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as connection,
    ):
        assert connection.version() == version.name.replace("_", ".")


def client_hello(version: int) -> bytes:
    """A first message that offers `version` at most, and else what every server knows (RFC 4346, RFC 5246)."""
    suites = struct.pack(">6H", 0xC02B, 0xC02F, 0xC009, 0xC013, 0x002F, 0x00FF)
    groups = struct.pack(">HHHHH", 10, 6, 4, 23, 24)
    points = struct.pack(">HHBB", 11, 2, 1, 0)
    signatures = struct.pack(">HHHHHH", 13, 8, 6, 0x0403, 0x0804, 0x0401)
    extensions = groups + points + signatures
    body = (
        struct.pack(">H", version)
        + os.urandom(32)
        + struct.pack(">BH", 0, len(suites))
        + suites
        + struct.pack(">BBH", 1, 0, len(extensions))
        + extensions
    )
    handshake = b"\1" + struct.pack(">I", len(body))[1:] + body
    return b"\x16" + struct.pack(">HH", 0x0301, len(handshake)) + handshake


@pytest.mark.parametrize(
    ("version", "wanted"),
    [(0x0300, ALERT), (0x0301, ALERT), (0x0302, ALERT), (0x0303, HANDSHAKE)],
    ids=["SSL 3.0", "TLS 1.0", "TLS 1.1", "TLS 1.2"],
)
def test_older_versions_are_refused(server: Server, version: int, wanted: int) -> None:
    """The same words are taken in 1.2, so it is the version that is refused."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as connection:
        connection.sendall(client_hello(version))
        answer = connection.recv(1024)
    assert answer[:1] == bytes([wanted]), answer


def test_plain_http_gets_no_answer(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as connection:
        connection.sendall(b"GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n")
        try:
            answer = connection.recv(1024)
        except ConnectionResetError:
            answer = b""
        assert not answer.startswith(b"HTTP/")


def test_the_banner_says_https(server: Server) -> None:
    assert f" at https://127.0.0.1:{server.port}" in server.stdout_text()


def served(server: Server) -> bytes:
    """The certificate that a new connection is shown (DER)."""
    anyone = ssl.create_default_context()
    anyone.check_hostname, anyone.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as plain,
        anyone.wrap_socket(plain) as connection,
    ):
        shown = connection.getpeercert(binary_form=True)
        assert shown is not None
        return shown


def test_a_renewed_certificate_is_served_without_a_restart_and_a_wrong_one_is_not(tmp_path: Path) -> None:
    holdfast(tmp_path, "tls", "init", "127.0.0.1")
    certificate, key = tmp_path / "tls/server.crt", tmp_path / "tls/server.key"
    with running_server(tmp_path, "--tls-cert", str(certificate), "--tls-key", str(key)) as server:
        before = served(server)
        good = certificate.read_bytes(), key.read_bytes()
        certificate.write_bytes(b"half of a certif")
        os.kill(server.pid, signal.SIGHUP)
        until(lambda: "the TLS files changed and cannot be used, the old ones stay" in server.log_text())
        assert served(server) == before
        certificate.write_bytes(good[0])
        holdfast(tmp_path, "tls", "init", "127.0.0.1")
        assert (certificate.read_bytes(), key.read_bytes()) != good
        until(lambda: served(server) != before)
        answer = http.client.HTTPSConnection("127.0.0.1", server.port, context=trusting(server), timeout=PATIENCE)
        answer.request("GET", "/v2/", headers={"Authorization": server.admin.basic})
        assert answer.getresponse().status == 200
        answer.close()


def until(holds: Callable[[], bool]) -> None:
    """Wait, bounded, for what another process does."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, "it did not happen in time"
        pause(0.05)
