"""The HTTP client behind `Outbound`, in a module of its own: an installation that asks nobody never loads it."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from holdfast.remote.errors import BadAnswer, Unreachable, UrlRefused
from holdfast.remote.model import Answer, Asked, Barred, Lookup

_CONNECT = 5.0
_IDLE = 4.0
"""Seconds for which a connection is kept that nobody uses: less than servers keep theirs."""
_MOST_READ = 64 << 10
"""Bytes of a body that are read and dropped, so that its connection can be used again."""
Check = Callable[[str, str], None]
"""From a scheme and an address: raises `Barred` unless it may be connected to."""


class _Resolver(AbstractResolver):
    """Resolves names, and refuses those of which any address may not be connected to."""

    def __init__(self, lookup: Lookup, check: Callable[[str], None]) -> None:
        self._lookup = lookup
        self._check = check

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Every address of `host`. Raises OSError."""
        found = await self._lookup(host, port)
        for address in found:
            self._check(address)
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in found
        ]

    async def close(self) -> None:
        """Nothing is held."""


class Asking:
    """Sessions of one process, one a scheme. `ca_file`: certificates to trust beside the system's; `connections`: at
    once, of one scheme."""

    def __init__(self, lookup: Lookup, check: Check, ca_file: Path | None, connections: int) -> None:
        self._connections = connections
        self._lookup = lookup
        self._check = check
        self._ca_file = ca_file
        self._sessions: dict[str, aiohttp.ClientSession] = {}

    async def send(self, asked: Asked, scheme: str, host: str) -> Answer:
        """Send one request and give its whole answer. Raises `UrlRefused`, `Unreachable`, `BadAnswer`."""
        timeout = aiohttp.ClientTimeout(total=asked.seconds, connect=min(asked.seconds, _CONNECT))
        try:
            async with self._session(scheme).request(
                asked.method,
                asked.url,
                headers={"accept-encoding": "identity", **asked.headers},
                data=dict(asked.form) if asked.form is not None else asked.body,
                allow_redirects=False,
                timeout=timeout,
            ) as response:
                return await (_whole if asked.whole else _beginning)(response, asked.limit)
        except aiohttp.InvalidURL as error:
            raise UrlRefused("that is no URL") from error
        except TimeoutError as error:
            raise Unreachable(f"{host} did not answer within {asked.seconds:g} s") from error
        except (aiohttp.ClientError, OSError) as error:
            cause = getattr(error, "os_error", error)
            if isinstance(cause, Barred):
                raise UrlRefused(str(cause)) from error
            raise Unreachable(f"{host}: {_said(error)}") from error

    async def close(self) -> None:
        """End every connection."""
        for session in self._sessions.values():
            await session.close()
        self._sessions.clear()

    def _session(self, scheme: str) -> aiohttp.ClientSession:
        """The session for a scheme; made inside the loop that uses it."""
        session = self._sessions.get(scheme)
        if session is None:

            def check(address: str) -> None:
                self._check(scheme, address)

            def connect(info: Any) -> socket.socket:
                check(info[4][0])  # also of a URL that holds the address itself
                return socket.socket(family=info[0], type=info[1], proto=info[2])

            connector = aiohttp.TCPConnector(
                ssl=self._trust(),
                resolver=_Resolver(self._lookup, check),
                use_dns_cache=False,
                socket_factory=connect,
                limit=self._connections,
                keepalive_timeout=_IDLE,
            )
            session = aiohttp.ClientSession(
                connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False, auto_decompress=False
            )
            self._sessions[scheme] = session
        return session

    def _trust(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self._ca_file is not None:
            context.load_verify_locations(self._ca_file)
        return context


async def _whole(response: aiohttp.ClientResponse, limit: int) -> Answer:
    """The answer with its body. Raises `BadAnswer`."""
    if 300 <= response.status < 400:
        raise BadAnswer("the answer is a redirect, which is not followed")
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise BadAnswer("the answer is compressed, which was not asked for")
    pieces: list[bytes] = []
    size = 0
    async for piece in response.content.iter_any():
        size += len(piece)
        if size > limit:
            raise BadAnswer(f"the answer has more than {limit} bytes")
        pieces.append(piece)
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Answer(response.status, headers, b"".join(pieces))


async def _beginning(response: aiohttp.ClientResponse, limit: int) -> Answer:
    """The answer with the first bytes of its body, whatever it is."""
    kept = bytearray()
    size = 0
    async for piece in response.content.iter_any():
        size += len(piece)
        kept += piece[: limit - len(kept)]
        if size > _MOST_READ:
            response.close()
            break
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Answer(response.status, headers, bytes(kept))


def _said(error: Exception) -> str:
    """What an error of a connection says, without our own side of it."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError | ssl.SSLError):
        return "its certificate is not trusted"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "it has no address"
    if isinstance(error, aiohttp.ClientSSLError):
        return "TLS failed"
    if isinstance(error, aiohttp.ClientConnectorError):
        return "it takes no connection"
    return "the connection broke, or the answer is no HTTP"
