"""The kinds of setting that name places on the network: where to listen, the public URL, trusted proxies.

Nothing is resolved: an address to listen on is an address and never a name, so that "only this machine can connect"
is decided by looking at it.
"""

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from holdfast.app.config_kinds import Kind, text_of

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Listen:
    """Where the server listens: an IP address and a port."""

    host: str
    port: int

    @property
    def loopback(self) -> bool:
        """True when only this machine can connect."""
        return ipaddress.ip_address(self.host).is_loopback

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def listen() -> Kind:
    """ADDRESS:PORT."""

    def read(value: object) -> Listen:
        host, colon, port = text_of(value).rpartition(":")
        if not colon:
            raise ValueError("has no port")
        if not re.fullmatch(r"[0-9]{1,5}", port, re.ASCII) or not 0 < int(port) < 65536:
            raise ValueError("is not a port from 1 to 65535")
        if not host or host == "*":
            raise ValueError(f"has no address (for every interface write 0.0.0.0:{port} or [::]:{port})")
        if host == "localhost":
            return Listen("127.0.0.1", int(port))
        bracketed = host.startswith("[") and host.endswith("]")
        try:
            address = ipaddress.ip_address(host[1:-1] if bracketed else host)
        except ValueError:
            raise ValueError("is not an IP address") from None
        if (address.version == 6) != bracketed:
            raise ValueError("is not ADDRESS:PORT (an IPv6 address stands in brackets, others do not)")
        return Listen(str(address), int(port))

    allowed = "ADDRESS:PORT with an IP address or localhost, such as 127.0.0.1:5000, 0.0.0.0:5000 or [::1]:5000"
    return Kind("HOST:PORT", allowed, read, str)


def _web_parts(text: str) -> tuple[SplitResult, str]:
    """The parts of an http or https URL, and its host, which is usable. Raises ValueError."""
    try:
        parts = urlsplit(text)
        _ = parts.port  # raises for what is none
    except ValueError:
        raise ValueError("is not a URL") from None
    if parts.scheme not in ("http", "https"):
        raise ValueError("does not begin with http:// or https://")
    if parts.username is not None or parts.password is not None:
        raise ValueError("holds a user name or password")
    if not parts.hostname or not re.fullmatch(r"[a-z0-9._:-]+", parts.hostname):
        raise ValueError("has no usable host name")
    return parts, parts.hostname


def origin_url() -> Kind:
    """Scheme, host and port as clients see them: `https://registry.example.com`, without a path."""

    def read(value: object) -> str:
        text = text_of(value)
        parts, name = _web_parts(text)
        if parts.path not in ("", "/") or "?" in text or "#" in text:
            raise ValueError("has a path or a query: a registry always stands at /v2/ of its host")
        host = f"[{name}]" if ":" in name else name
        return f"{parts.scheme}://{host}" + ("" if parts.port is None else f":{parts.port}")

    return Kind("URL", "scheme, host and perhaps port, such as https://registry.example.com", read)


def base_url() -> Kind:
    """Scheme, host, port and perhaps a path that others are below: `https://collector.example.com/otlp`."""

    def read(value: object) -> str:
        text = text_of(value)
        parts, _ = _web_parts(text)
        if not re.fullmatch(r"[a-zA-Z0-9._~/-]*", parts.path) or "?" in text or "#" in text:
            raise ValueError("has a query, or a path of other than letters, digits, '.', '_', '~', '-' and '/'")
        return text.rstrip("/")

    return Kind("URL", "scheme, host, and perhaps port and path, such as http://127.0.0.1:4318", read)


def networks() -> Kind:
    """Addresses and networks in CIDR form, as a tuple."""

    def one(word: str) -> Network:
        try:
            network = ipaddress.ip_network(word, strict=False)
        except ValueError:
            raise ValueError(f"holds {word[:64]!r}, which is no address or network") from None
        address = ipaddress.ip_interface(word).ip
        if address != network.network_address:
            raise ValueError(f"holds {word!r}, which has host bits set (did you mean {network} or {address}?)")
        if network.prefixlen == 0:
            raise ValueError(f"holds {word!r}, which would believe everybody")
        return network

    def read(value: object) -> tuple[Network, ...]:
        words = value if isinstance(value, list | tuple) else text_of(value).split(",")
        return tuple(dict.fromkeys(one(text_of(word)) for word in words))

    def plain(value: object) -> list[str]:
        assert isinstance(value, tuple)
        return [str(network) for network in value]

    return Kind("CIDR[,CIDR]", "addresses or networks, such as 10.0.0.0/8,192.0.2.7", read, plain, is_list=True)
