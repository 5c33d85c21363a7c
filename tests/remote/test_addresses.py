"""Which addresses may be connected to."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from holdfast.remote.addresses import refusal

INSIDE = [
    "127.0.0.1",
    "127.9.9.9",
    "0.0.0.0",
    "10.1.2.3",
    "100.64.0.1",
    "169.254.1.1",
    "172.16.0.1",
    "192.168.1.1",
    "192.0.0.8",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "fc00::1",
    "fd00::1",
    "ff02::1",
    "2001:db8::1",
    "64:ff9b:1::1",
    # What carries another address inside is judged by that one.
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "2002:7f00:1::",
    "2002:a00:1::1",
    "64:ff9b::127.0.0.1",
    "64:ff9b::a9fe:a9fe",
    "2001:0:0:0:0:0:80ff:fffe",  # Teredo of 127.0.0.1
]
METADATA = [
    "169.254.169.254",
    "169.254.170.2",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "fd00:ec2::254",
    "::ffff:169.254.169.254",
]


@pytest.mark.parametrize("address", INSIDE + METADATA + ["", "localhost", "1.2.3", "0x7f.1", "2130706433"])
def test_nothing_inside_is_connected_to(address: str) -> None:
    assert refusal(address, ()) is not None


@pytest.mark.parametrize("address", ["8.8.8.8", "140.82.112.3", "2606:4700:4700::1111", "64:ff9b::8.8.8.8"])
def test_the_public_internet_is(address: str) -> None:
    assert refusal(address, ()) is None


@pytest.mark.parametrize("address", ["10.1.2.3", "::ffff:10.1.2.3", "64:ff9b::10.1.2.3"])
def test_a_network_that_is_allowed_is(address: str) -> None:
    assert refusal(address, [ip_network("10.0.0.0/8")]) is None
    assert refusal(address, [ip_network("11.0.0.0/8"), ip_network("fd00::/8")]) is not None


@pytest.mark.parametrize("address", METADATA)
def test_a_wide_network_never_opens_the_metadata_of_a_cloud(address: str) -> None:
    wide = [ip_network(text) for text in ("169.254.0.0/16", "100.64.0.0/10", "fd00::/8", "168.0.0.0/8", "192.0.0.0/24")]
    assert refusal(address, wide) is not None


def test_the_metadata_of_a_cloud_is_opened_by_its_own_address() -> None:
    assert refusal("169.254.169.254", [ip_network("169.254.169.254/32")]) is None
