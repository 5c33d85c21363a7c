"""Where a request came from: the peer, unless trusted proxies say more."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from holdfast.app.proxies import Proxies

TRUSTED = ("10.0.0.0/8", "fd00::/8", "192.0.2.7/32")
TABLE = [
    # trusted networks, peer, X-Forwarded-For headers, who it was
    ((), "10.0.0.1", ["198.51.100.1"], "10.0.0.1"),
    (TRUSTED, "198.51.100.9", ["203.0.113.1"], "198.51.100.9"),
    (TRUSTED, "10.0.0.1", [], "10.0.0.1"),
    (TRUSTED, "10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
    (TRUSTED, "10.0.0.1", ["203.0.113.66, 198.51.100.1"], "198.51.100.1"),
    (TRUSTED, "10.0.0.1", ["198.51.100.1, 10.0.0.2"], "198.51.100.1"),
    (TRUSTED, "10.0.0.1", ["198.51.100.1 ,10.0.0.2, 192.0.2.7"], "198.51.100.1"),
    (TRUSTED, "10.0.0.1", ["198.51.100.1", "10.0.0.2"], "198.51.100.1"),
    (TRUSTED, "10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
    (TRUSTED, "10.0.0.1", ["198.51.100.1, 192.0.2.8"], "192.0.2.8"),
    (TRUSTED, "fd00::1", ["2001:db8::1"], "2001:db8::1"),
    (TRUSTED, "fd00::1", ["2001:db8::1, fd00::2"], "2001:db8::1"),
    (TRUSTED, "", ["198.51.100.1"], ""),
    (TRUSTED, "unix:", ["198.51.100.1"], "unix:"),
    (TRUSTED, "10.0.0.1", ["unknown"], "10.0.0.1"),
    (TRUSTED, "10.0.0.1", ["198.51.100.1, , unknown"], "198.51.100.1"),
    (TRUSTED, "10.0.0.1", ["a\r\nb"], "10.0.0.1"),
    (TRUSTED, "10.0.0.1", ["198.51.100.1\0"], "10.0.0.1"),
    (TRUSTED, "10.0.0.1", ["127.0.0.1 or 1=1"], "10.0.0.1"),
    (TRUSTED, "10.0.0.1", ["1" * 70_000], "10.0.0.1"),
    (TRUSTED, "10.0.0.1", ["10.0.0.1," * 20_000], "10.0.0.1"),
]


def proxies(networks: tuple[str, ...]) -> Proxies:
    return Proxies([ip_network(network) for network in networks])


@pytest.mark.parametrize(("networks", "peer", "headers", "wanted"), TABLE)
def test_remote(networks: tuple[str, ...], peer: str, headers: list[str], wanted: str) -> None:
    scope = {
        "client": (peer, 1234),
        "headers": [
            (b"host", b"registry.example.com"),
            (b"forwarded", b"for=203.0.113.99"),
            *[(b"x-forwarded-for", value.encode("latin-1")) for value in headers],
        ],
    }
    assert proxies(networks).remote(scope) == wanted


def test_a_request_without_a_peer() -> None:
    assert proxies(TRUSTED).remote({"headers": []}) == ""
    assert proxies(TRUSTED).remote({"client": None, "headers": [(b"x-forwarded-for", b"198.51.100.1")]}) == ""


def test_what_was_cut_off_is_not_believed() -> None:
    """Only so much of the header is read; what lies beyond it decides nothing, and an address cut in two is none."""
    for length in range(990, 1030):
        value = b"x" * length + b", 198.51.100.1, 10.0.0.2"
        found = proxies(TRUSTED).remote({"client": ("10.0.0.1", 1), "headers": [(b"x-forwarded-for", value)]})
        assert found in ("198.51.100.1", "10.0.0.1", "10.0.0.2")
