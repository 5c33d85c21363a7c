"""The private authority and its certificates: what is in them, who can read them, and that TLS works with them."""

import hashlib
import socket
import ssl
import stat
import threading
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from holdfast.app.tls import Issued, TlsError, issue, parse_hosts
from holdfast.app.tls_trust import serve_line, trust_lines

HOSTS = ("registry.example.com", "127.0.0.1", "::1", "*.registry.example.com")


def now() -> datetime:
    return datetime.now(UTC)


def read(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


@pytest.fixture
def issued(tmp_path: Path) -> Issued:
    return issue(HOSTS, tmp_path / "tls", now())


def test_the_certificate_names_every_host(issued: Issued) -> None:
    names = read(issued.certificate).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["registry.example.com", "*.registry.example.com"]
    assert names.get_values_for_type(x509.IPAddress) == [ip_address("127.0.0.1"), ip_address("::1")]


def test_the_certificate_is_for_a_server_and_the_authority_signs_servers_only(issued: Issued) -> None:
    server, authority = read(issued.certificate), read(issued.authority)
    server.verify_directly_issued_by(authority)
    authority.verify_directly_issued_by(authority)
    usage = server.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert server.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False
    constraints = authority.extensions.get_extension_for_class(x509.BasicConstraints)
    assert constraints.critical
    assert constraints.value == x509.BasicConstraints(ca=True, path_length=0)
    assert server.not_valid_after_utc - now() < timedelta(days=826)
    assert isinstance(server.public_key(), ec.EllipticCurvePublicKey)
    assert issued.fingerprint.replace(":", "").lower() == hashlib.sha256(der(authority)).hexdigest()


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def test_keys_are_pkcs8_and_for_their_owner_alone(issued: Issued) -> None:
    for path in (issued.key, issued.authority_key):
        assert path.read_text().startswith("-----BEGIN PRIVATE KEY-----\n")
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert sorted(path.name for path in issued.key.parent.iterdir()) == ["ca.crt", "ca.key", "server.crt", "server.key"]


@pytest.mark.parametrize("host", ["registry.example.com", "127.0.0.1", "a.registry.example.com"])
def test_a_strict_client_that_trusts_the_authority_connects(issued: Issued, host: str) -> None:
    assert handshake(issued, host) == "TLSv1.3"


def test_another_host_is_refused(issued: Issued) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="mismatch"):
        handshake(issued, "elsewhere.example.com")


def handshake(issued: Issued, host: str) -> str | None:
    """Serve one connection on loopback with the issued files and give the version that a strict client speaks."""
    ours = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ours.load_cert_chain(issued.certificate, issued.key)
    theirs = ssl.create_default_context(cafile=str(issued.authority))
    theirs.verify_flags |= ssl.VERIFY_X509_STRICT

    def answer(listener: socket.socket) -> None:
        connection = listener.accept()[0]
        connection.settimeout(10)
        try:
            with ours.wrap_socket(connection, server_side=True) as wrapped:
                wrapped.recv(1)
        except OSError:
            connection.close()  # the client refused us, as one test means it to

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)
        thread = threading.Thread(target=answer, args=(listener,))
        thread.start()
        try:
            with (
                socket.create_connection(listener.getsockname(), timeout=10) as plain,
                theirs.wrap_socket(plain, server_hostname=host) as wrapped,
            ):
                wrapped.sendall(b"x")
                return wrapped.version()
        finally:
            thread.join(10)


def test_a_second_run_keeps_the_authority_and_renews_the_certificate(issued: Issued) -> None:
    authority, key, certificate = (
        path.read_bytes() for path in (issued.authority, issued.authority_key, issued.certificate)
    )
    again = issue(("other.example.com",), issued.authority.parent, now())
    assert not again.authority_made
    assert (again.authority.read_bytes(), again.authority_key.read_bytes()) == (authority, key)
    assert again.certificate.read_bytes() != certificate
    read(again.certificate).verify_directly_issued_by(read(issued.authority))


def test_the_authority_is_replaced_when_told(issued: Issued) -> None:
    before = issued.authority.read_bytes()
    again = issue(HOSTS, issued.authority.parent, now(), replace_authority=True)
    assert again.authority_made
    assert again.authority.read_bytes() != before
    read(again.certificate).verify_directly_issued_by(read(again.authority))


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (lambda issued: issued.authority_key.unlink(), "is missing"),
        (lambda issued: issued.authority.unlink(), "is missing"),
        (lambda issued: issued.authority.write_text("x"), "cannot be read as PEM"),
        (lambda issued: issued.authority_key.write_bytes(issued.key.read_bytes()), "does not belong to"),
    ],
)
def test_a_damaged_authority_is_neither_used_nor_replaced(issued: Issued, break_it: object, message: str) -> None:
    assert callable(break_it)
    break_it(issued)
    before = {path.name: path.read_bytes() for path in issued.authority.parent.iterdir()}
    with pytest.raises(TlsError, match=message):
        issue(HOSTS, issued.authority.parent, now())
    assert {path.name: path.read_bytes() for path in issued.authority.parent.iterdir()} == before


def test_no_certificate_outlives_its_authority(issued: Issued) -> None:
    ends = read(issued.authority).not_valid_after_utc
    late = issue(HOSTS, issued.authority.parent, ends - timedelta(days=100))
    assert late.expires == ends
    with pytest.raises(TlsError, match="make a new authority"):
        issue(HOSTS, issued.authority.parent, ends - timedelta(days=10))


@pytest.mark.parametrize(
    ("words", "hosts"),
    [
        (("Registry.Example.com.",), ("registry.example.com",)),
        (("[::1]", "0:0::1"), ("::1",)),
        (("localhost", "10.0.0.1"), ("localhost", "10.0.0.1")),
        (("bücher.example",), ("xn--bcher-kva.example",)),
    ],
)
def test_hosts_are_read(words: tuple[str, ...], hosts: tuple[str, ...]) -> None:
    assert parse_hosts(words) == hosts


@pytest.mark.parametrize(
    "word",
    [
        "",
        "host:5000",
        "https://host",
        "host/path",
        "a_b",
        "-a.example",
        "*",
        "a.*.example",
        "300.1.1.1",
        "a" * 64,
        "é" * 300,
    ],
)
def test_what_is_no_host_is_refused(word: str) -> None:
    with pytest.raises(TlsError, match="neither a host name nor an IP address"):
        parse_hosts((word,))


def test_no_host_at_all_is_refused() -> None:
    with pytest.raises(TlsError, match="no host given"):
        parse_hosts(())


def test_the_lines_name_every_place_where_a_client_looks() -> None:
    text = trust_lines(("r.example.com", "::1", "*.r.example.com"), 5000, Path("tls/ca.crt"))
    for line in (
        "sudo install -D -m 644 ca.crt '/etc/docker/certs.d/r.example.com:5000/ca.crt'",
        "sudo install -D -m 644 ca.crt '/etc/docker/certs.d/[::1]:5000/ca.crt'",
        "'server = \"https://r.example.com:5000\"'",
        "sudo tee '/etc/containerd/certs.d/r.example.com:5000/hosts.toml'",
        "sudo install -D -m 644 ca.crt '/etc/containers/certs.d/r.example.com:5000/ca.crt'",
        "update-ca-certificates",
        "update-ca-trust",
        "security add-trusted-cert",
        "certutil -addstore -f ROOT ca.crt",
    ):
        assert line in text
    assert "*" not in text
    assert "'/etc/docker/certs.d/r.example.com/ca.crt'" in trust_lines(("r.example.com",), 443, Path("ca.crt"))


def test_the_serve_line_has_the_flags() -> None:
    line = serve_line(("*.r.example.com", "r.example.com"), 443, Path("c"), Path("k"))
    assert line == ("holdfast serve --listen 0.0.0.0:443 --tls-cert c --tls-key k --public-url https://r.example.com")
