"""Requests to URLs that somebody stored: issuers of tokens, sign-in providers.

Promises (rules 21 and 22): a URL is checked when it is saved (`check_url`) and again at every connect, by the address
that is connected to, so that a name which leads elsewhere by then leads nowhere; of a name that has several addresses
every one must do. Only https, unless the address was allowed by name. No redirect is followed, nothing is taken from
the environment, no cookie is kept, and no answer is longer or later than what the caller says.
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from holdfast.remote.addresses import Network, inside, refusal
from holdfast.remote.errors import BadAnswer, Unreachable, UrlRefused

BODY_LIMIT = 1 << 20
PATIENCE = 10.0
_CONNECT = 5.0
_URL_LIMIT = 2048
_URL = re.compile(r"[!-~]+")
_HOST = re.compile(r"[a-z0-9_](?:[a-z0-9._-]*[a-z0-9_.])?|[0-9a-f:.]*:[0-9a-f:.]*", re.IGNORECASE)
Lookup = Callable[[str, int], Awaitable[Sequence[str]]]
"""From a host name and a port to every address of it. Raises OSError."""


class Answer(NamedTuple):
    """What came back. Header names are in lower case; of one that came twice, the last."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON. Raises `BadAnswer`."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise BadAnswer("the answer is no JSON") from error


class _Barred(OSError):
    """An address that may not be connected to."""


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


async def system_lookup(host: str, port: int) -> list[str]:
    """The addresses that this machine knows of `host`. Raises OSError."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class Outbound:
    """Asks other hosts. `allow`: networks beyond the public internet that may be connected to, also without TLS;
    `ca_file`: certificates to trust beside the system's; `lookup`: how names become addresses."""

    def __init__(
        self, allow: Sequence[Network] = (), ca_file: Path | None = None, *, lookup: Lookup = system_lookup
    ) -> None:
        self._allow = tuple(allow)
        self._ca_file = ca_file
        self._lookup = lookup
        self._sessions: dict[str, aiohttp.ClientSession] = {}

    async def check_url(self, url: str) -> str:
        """`url`, when it may be stored and asked. Raises `UrlRefused`, whose text is for whoever gave it."""
        scheme, host, port = _parts(url)
        try:
            async with asyncio.timeout(PATIENCE):
                addresses = await self._lookup(host, port)
        except (OSError, UnicodeError) as error:  # TimeoutError is one
            raise UrlRefused(f"the host {host} has no address") from error
        if not addresses:
            raise UrlRefused(f"the host {host} has no address")
        for address in addresses:
            try:
                self._check(scheme, address)
            except _Barred as error:
                raise UrlRefused(str(error)) from error
        return url

    async def get(
        self, url: str, *, headers: Mapping[str, str] | None = None, limit: int = BODY_LIMIT, seconds: float = PATIENCE
    ) -> Answer:
        """GET `url`. Raises `UrlRefused`, `Unreachable`, `BadAnswer`."""
        return await self.request("GET", url, headers=headers, limit=limit, seconds=seconds)

    async def get_json(self, url: str, *, limit: int = BODY_LIMIT, seconds: float = PATIENCE) -> Any:
        """What `url` says, as JSON. Raises `UrlRefused`, `Unreachable`, `BadAnswer`."""
        answer = await self.get(url, headers={"accept": "application/json"}, limit=limit, seconds=seconds)
        if answer.status != 200:
            raise BadAnswer(f"the answer has status {answer.status}")
        return answer.json()

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        form: Mapping[str, str] | None = None,
        limit: int = BODY_LIMIT,
        seconds: float = PATIENCE,
    ) -> Answer:
        """Send one request and give its whole answer, whatever its status is, but for redirects.

        `form` is sent as application/x-www-form-urlencoded instead of `body`; `limit`: bytes of the answer's body;
        `seconds`: until all of it is here. Raises `UrlRefused`, `Unreachable`, `BadAnswer`.
        """
        scheme, host, _ = _parts(url)
        timeout = aiohttp.ClientTimeout(total=seconds, connect=min(seconds, _CONNECT))
        try:
            async with self._session(scheme).request(
                method,
                url,
                headers={"accept-encoding": "identity", **(headers or {})},
                data=dict(form) if form is not None else body,
                allow_redirects=False,
                timeout=timeout,
            ) as response:
                return await _whole(response, limit)
        except aiohttp.InvalidURL as error:
            raise UrlRefused("that is no URL") from error
        except TimeoutError as error:
            raise Unreachable(f"{host} did not answer within {seconds:g} s") from error
        except (aiohttp.ClientError, OSError) as error:
            cause = getattr(error, "os_error", error)
            if isinstance(cause, _Barred):
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
                limit=32,
            )
            session = aiohttp.ClientSession(
                connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False, auto_decompress=False
            )
            self._sessions[scheme] = session
        return session

    def _check(self, scheme: str, address: str) -> None:
        """Raise `_Barred` unless `address` may be connected to with `scheme`."""
        why = refusal(address, self._allow)
        if why is not None:
            raise _Barred(f"the address {address} {why}: outbound.allow would have to name its network")
        if scheme != "https" and not inside(address, self._allow):
            raise _Barred(f"the address {address} is asked by https only, unless outbound.allow names its network")

    def _trust(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self._ca_file is not None:
            context.load_verify_locations(self._ca_file)
        return context


def _parts(url: str) -> tuple[str, str, int]:
    """Scheme, host and port. Raises `UrlRefused` for what is no plain URL of a host."""
    if len(url) > _URL_LIMIT or not _URL.fullmatch(url) or "\\" in url:
        raise UrlRefused("that is no URL: at most 2048 printable ASCII characters, no blanks")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise UrlRefused("that is no URL") from error
    if parts.scheme not in ("https", "http"):
        raise UrlRefused("a URL begins with https:// (with http:// only where outbound.allow names the network)")
    if "@" in parts.netloc:
        raise UrlRefused("a URL holds no user name or password")
    if not parts.hostname or not _HOST.fullmatch(parts.hostname):
        raise UrlRefused("the URL has no usable host name")
    if parts.fragment or url.endswith("#"):
        raise UrlRefused("the URL has a fragment")
    return parts.scheme, parts.hostname, port or (443 if parts.scheme == "https" else 80)


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
