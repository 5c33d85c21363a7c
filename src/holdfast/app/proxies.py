"""Where a request really came from, when a proxy that we trust says so (RFC 7239; X-Forwarded-For)."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_LONGEST = 1024


class Proxies:
    """Believes `X-Forwarded-For` only from trusted peers, and only as far as the chain of trusted ones reaches."""

    def __init__(self, trusted: Sequence[_Network]) -> None:
        self._trusted = tuple(trusted)

    def remote(self, scope: Mapping[str, Any]) -> str:
        """The address of the client: the peer, or what trusted proxies say of it."""
        client = scope.get("client")
        peer: str = client[0] if client else ""
        if not self._trusted or not self.trusts(peer):
            return peer
        for hop in reversed(self._hops(scope)):
            if not self.trusts(hop):
                return hop
            peer = hop
        return peer

    @staticmethod
    def _hops(scope: Mapping[str, Any]) -> list[str]:
        values = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
        text = b",".join(values)[:_LONGEST].decode("latin-1")
        return [hop.strip() for hop in text.split(",") if _is_address(hop.strip())]

    def trusts(self, address: str) -> bool:
        """Whether `address` is one of the trusted proxies."""
        if not _is_address(address):
            return False
        parsed = ipaddress.ip_address(address)
        return any(parsed in network for network in self._trusted)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
