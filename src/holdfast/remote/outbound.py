"""Requests to URLs that somebody stored: issuers of tokens, sign-in providers, targets of webhooks.

Promises (rules 21 and 22): a URL is checked when it is saved (`check_url`) and again at every connect, by the address
that is connected to, so that a name which leads elsewhere by then leads nowhere; of a name that has several addresses
every one must do. Only https, unless the address was allowed by name. No redirect is followed, nothing is taken from
the environment, no cookie is kept, and no answer is longer or later than what the caller says.
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from holdfast.remote.addresses import Network, inside, refusal
from holdfast.remote.errors import BadAnswer, UrlRefused
from holdfast.remote.model import Answer, Asked, Barred, Lookup
from holdfast.telemetry.traces import Traces

if TYPE_CHECKING:
    from holdfast.remote.asking import Asking

BODY_LIMIT = 1 << 20
PATIENCE = 10.0
_URL_LIMIT = 2048
_URL = re.compile(r"[!-~]+")
_HOST = re.compile(r"[a-z0-9_](?:[a-z0-9._-]*[a-z0-9_.])?|[0-9a-f:.]*:[0-9a-f:.]*", re.IGNORECASE)


async def system_lookup(host: str, port: int) -> list[str]:
    """The addresses that this machine knows of `host`. Raises OSError."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class Outbound:
    """Asks other hosts. `allow`: networks beyond the public internet that may be connected to, also without TLS;
    `ca_file`: certificates to trust beside the system's; `lookup`: how names become addresses; `setting`: the one that
    `allow` comes from, for the words of refusals; `connections`: at once, with TLS and without;
    `traces`: None where nobody traces."""

    def __init__(
        self,
        allow: Sequence[Network] = (),
        ca_file: Path | None = None,
        *,
        lookup: Lookup = system_lookup,
        setting: str = "outbound.allow",
        connections: int = 32,
        traces: Traces | None = None,
    ) -> None:
        self._traces = traces
        self._connections = connections
        self._setting = setting
        self._allow = tuple(allow)
        self._ca_file = ca_file
        self._lookup = lookup
        self._asking: Asking | None = None

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
            except Barred as error:
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
        return await self._send(Asked(method, url, headers or {}, body, form, limit, seconds))

    async def _send(self, asked: Asked) -> Answer:
        scheme, host, _ = _parts(asked.url)
        if self._asking is None:
            from holdfast.remote.asking import Asking

            self._asking = Asking(self._lookup, self._check, self._ca_file, self._connections)
        if self._traces is None:
            return await self._asking.send(asked, scheme, host)
        with self._traces.outbound(asked.method, host) as leg:
            answer = await self._asking.send(asked._replace(headers={**asked.headers, **leg.headers}), scheme, host)
            leg.status = answer.status
            return answer

    async def post(self, url: str, *, headers: Mapping[str, str], body: bytes, limit: int, seconds: float) -> Answer:
        """Send `body`, and give the answer whatever it is, redirects too, with the first `limit` bytes of its body.
        Raises `UrlRefused`, `Unreachable`."""
        return await self._send(Asked("POST", url, headers, body, None, limit, seconds, whole=False))

    async def close(self) -> None:
        """End every connection."""
        if self._asking is not None:
            await self._asking.close()
            self._asking = None

    def _check(self, scheme: str, address: str) -> None:
        """Raise `Barred` unless `address` may be connected to with `scheme`."""
        why = refusal(address, self._allow)
        if why is not None:
            raise Barred(f"the address {address} {why}: {self._setting} would have to name its network")
        if scheme != "https" and not inside(address, self._allow):
            raise Barred(f"the address {address} is asked by https only, unless {self._setting} names its network")


@lru_cache(1024)
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
        raise UrlRefused("a URL begins with https:// (with http:// only where a setting names the network)")
    if "@" in parts.netloc:
        raise UrlRefused("a URL holds no user name or password")
    if not parts.hostname or not _HOST.fullmatch(parts.hostname):
        raise UrlRefused("the URL has no usable host name")
    if parts.fragment or url.endswith("#"):
        raise UrlRefused("the URL has a fragment")
    return parts.scheme, parts.hostname, port or (443 if parts.scheme == "https" else 80)
