"""A real Prometheus scrapes a real server: nothing fires on a healthy one, and on a fault what is meant for it."""

from __future__ import annotations

import datetime
import http.client
import ipaddress
import shutil
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.cli.program import holdfast
from tests.metrics.prometheus import PATIENCE, running_prometheus
from tests.ports import free_port
from tests.serving import Server, running_server

from holdfast.cli.metrics import RULES


def _certificate(place: Path, days: int) -> tuple[str, str]:
    """A certificate for 127.0.0.1 that ends in so many days, and its key."""
    place.mkdir()
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    made = made.add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
    signed = made.not_valid_before(now).not_valid_after(now + datetime.timedelta(days=days)).sign(key, hashes.SHA256())
    (place / "c.pem").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    form, how = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (place / "k.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, form, how))
    return str(place / "c.pem"), str(place / "k.pem")


def _push(server: Server) -> int:
    """Begin an upload of a few bytes, and give the status of the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
    connection.request("POST", "/v2/shop/web/blobs/uploads/")
    answer = connection.getresponse()
    answer.read()
    if answer.status == 202:
        connection.request("PATCH", answer.headers["location"], body=b"x" * 100_000)
        answer = connection.getresponse()
        answer.read()
    connection.close()
    return answer.status


@pytest.mark.slow
def test_a_healthy_server_is_quiet_and_faults_are_told(tmp_path: Path) -> None:
    port = free_port()
    flags = ("--open", "--metrics-listen", f"127.0.0.1:{port}")
    rules = RULES.read_text(encoding="utf-8")
    with (
        running_server(tmp_path / "server", *flags) as server,
        running_prometheus(tmp_path / "prometheus", f"127.0.0.1:{port}", rules) as prometheus,
    ):
        assert _push(server) == 202
        prometheus.until(
            lambda: prometheus.ask("/api/v1/query?query=holdfast_database_up")["result"], "nothing is scraped"
        )
        state = prometheus.ask("/api/v1/rules")["groups"][0]["rules"]
        prometheus.until(
            lambda: all(rule["health"] == "ok" for rule in prometheus.ask("/api/v1/rules")["groups"][0]["rules"]),
            f"rules cannot be judged: {state}",
        )
        assert not prometheus.firing()

        holdfast(tmp_path, "read-only", "on", "--data", str(server.data), "--reason", "a test")
        prometheus.until_firing("HoldfastReadOnly")
        holdfast(tmp_path, "read-only", "off", "--data", str(server.data))
        prometheus.until_quiet("HoldfastReadOnly")

        (server.data / "store").rename(server.data / "away")
        prometheus.until_firing("HoldfastStoreAway")
        (server.data / "away").rename(server.data / "store")
        prometheus.until_quiet("HoldfastStoreAway")

        server.stop()
        prometheus.until_firing("HoldfastDown")
        free = shutil.disk_usage(tmp_path).free
        certificate, key = _certificate(tmp_path / "tls", days=5)
        server.flags = (*flags, "--storage-reserve", str(2 * free))
        server.start()
        prometheus.until_quiet("HoldfastDown")
        assert _push(server) == 507
        prometheus.until_firing("HoldfastDiskFull")

        def refused() -> bool:
            return _push(server) == 507 and "HoldfastErrors" in prometheus.firing()

        prometheus.until(refused, "HoldfastErrors does not fire")
        server.stop()
        server.flags = (*flags, "--tls-cert", certificate, "--tls-key", key)
        server.start()
        prometheus.until_firing("HoldfastCertificateEnds")
        prometheus.until_quiet("HoldfastDiskFull", "HoldfastDown")
