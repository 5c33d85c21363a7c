"""Which network addresses may be connected to on behalf of somebody who stored a URL.

Only addresses of the public internet, unless a network is allowed by name: not this machine, not the networks around
it, not what gives credentials to whoever asks from inside a cloud. An address that carries another one inside (mapped,
6to4, Teredo, NAT64) is judged by the one inside.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_METADATA = frozenset(
    map(ip_address, ("169.254.169.254", "169.254.170.2", "100.100.100.200", "168.63.129.16", "192.0.0.192"))
) | {ip_address("fd00:ec2::254"), ip_address("fd20:ce::254")}
# Said here once more because what the standard library calls global has changed between its versions.
_NEVER = tuple(
    map(
        ip_network,
        (
            "0.0.0.0/8",
            "10.0.0.0/8",
            "100.64.0.0/10",
            "127.0.0.0/8",
            "169.254.0.0/16",
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.88.99.0/24",
            "192.168.0.0/16",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/4",
            "240.0.0.0/4",
            "::/96",
            "64:ff9b:1::/48",
            "100::/64",
            "2001:db8::/32",
            "3fff::/20",
            "5f00::/16",
            "fc00::/7",
            "fe80::/9",
            "ff00::/8",
        ),
    )
)
_NAT64 = IPv6Network("64:ff9b::/96")


def refusal(text: str, allowed: Sequence[Network]) -> str | None:
    """Why the address `text` may not be connected to, in a few words; None: it may."""
    try:
        address = innermost(ip_address(text.partition("%")[0]))
    except ValueError:
        return "is no address"
    if address in _METADATA:
        # A wide network is not meant to open this; whoever means it names the address itself.
        alone = any(network.num_addresses == 1 and address in network for network in allowed)
        return None if alone else "gives credentials to whoever asks from inside a cloud"
    if inside(text, allowed):
        return None
    if address.is_loopback:
        return "is this machine"
    if address.is_global and not address.is_multicast and not any(address in network for network in _NEVER):
        return None
    return "is not an address of the public internet"


def inside(text: str, networks: Sequence[Network]) -> bool:
    """Whether the address `text` lies in one of `networks`."""
    try:
        address = innermost(ip_address(text.partition("%")[0]))
    except ValueError:
        return False
    return any(address in network for network in networks)


def innermost(address: Address) -> Address:
    """The address that `address` carries inside, or itself."""
    if isinstance(address, IPv6Address):
        for inner in (address.ipv4_mapped, address.sixtofour, (address.teredo or (None, None))[1]):
            if inner is not None:
                return inner
        if address in _NAT64:
            return IPv4Address(int(address) & 0xFFFFFFFF)
    return address
