"""Where the pages stand: their origin, as browsers write it, and whether it is encrypted."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlsplit

_DEFAULT_PORTS = {"http": 80, "https": 443}
_LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")


class Place(NamedTuple):
    """`origin`: of every absolute URL; `own`: the origins that a form may come from; `fixed`: whether it was set, and
    not only guessed from the listener on this machine; `private`: whether its certificate is of an authority that
    clients have to be told of."""

    origin: str
    own: frozenset[str]
    fixed: bool
    private: bool = False

    @property
    def secure(self) -> bool:
        """Whether browsers reach it by https alone."""
        return self.origin.startswith("https:")

    @property
    def host(self) -> str:
        """HOST or HOST:PORT, as in a Host header and in the name of an image."""
        return self.origin.partition("://")[2]


def place_of(public_url: str | None, scheme: str, listen: str) -> Place:
    """The place of a registry: its public URL, else the listener, which is then one of this machine."""
    if public_url is not None:
        origin = origin_of(public_url)
        return Place(origin, frozenset({origin}), fixed=True)
    port = listen.rpartition(":")[2]
    own = frozenset(origin_of(f"{scheme}://{name}:{port}") for name in _LOOPBACK_NAMES)
    origin = origin_of(f"{scheme}://{listen}")
    return Place(origin, own | {origin}, fixed=False)


def origin_of(url: str) -> str:
    """The origin of `url` as browsers write it (RFC 6454, 6.2): without the port that the scheme has anyway; '' for
    what has none."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return ""
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        return ""
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}" + ("" if port in (None, _DEFAULT_PORTS[parts.scheme]) else f":{port}")
