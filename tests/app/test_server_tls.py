"""A server with a certificate of `holdfast tls init`: https to who trusts its authority, and nothing older than 1.2."""

from __future__ import annotations

import http.client
import os
import socket
import ssl
import struct
from collections.abc import Iterator

import pytest
from tests.cli.program import holdfast
from tests.serving import Server, running_server

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
