"""Where a request really came from, when a proxy that we trust says so (RFC 7239; X-Forwarded-For)."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any

from holdfast.access.certificates import PREFIX

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


class IdentityHeader:
    """Believes a proxy that checked a client certificate: `header` (lower case) names the account, where the peer is
    trusted and the client sends no credential of its own. From everyone else the header is as if it were not there."""

    def __init__(self, proxies: Proxies, header: str | None) -> None:
        self._proxies = proxies
        self._header = header.lower().encode() if header is not None else None

    def take(self, scope: MutableMapping[str, Any]) -> None:
        """Put the name where a credential stands, and the header away. Several of them are no name: a client's own
        stands beside the proxy's then."""
        if self._header is None:
            return
        told = [value for name, value in scope["headers"] if name == self._header]
        kept = [
            (name, value)
            for name, value in scope["headers"]
            if name != self._header and not (name == b"authorization" and value.startswith(PREFIX[:1]))
        ]
        client = scope.get("client")
        trusted = self._proxies.trusts(client[0] if client else "")
        if trusted and any(told) and all(name != b"authorization" for name, _ in kept):
            kept.append((b"authorization", PREFIX + (told[0] if len(told) == 1 else b"")))
        scope["headers"] = kept


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
