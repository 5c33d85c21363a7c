"""Whether a pull is sent to the bucket itself: by size, by who asks, and by whether the bucket answers there.

With `storage.redirect = auto` every worker asks the bucket's public address, by a signed URL of the kind that clients
get, at start and then once a minute; clients are redirected while the last answer was the bucket's own. A URL names an
object that does not exist, so nothing is read.
"""

from __future__ import annotations

import asyncio
import ipaddress
import time
from email.utils import parsedate_to_datetime

from holdfast.app.config import Settings
from holdfast.app.proxies import Proxies
from holdfast.blobs.key import new_key
from holdfast.blobs.port import BlobStore
from holdfast.distribution.request import Scope

SECONDS = 300
"""How long a signed URL holds."""
_EVERY = 60.0
_PATIENCE = 5.0
_SKEW = 60.0
_READ = 4096


class Redirects:
    """One a worker; called for each blob that may be redirected."""

    def __init__(self, settings: Settings, blobs: BlobStore, proxies: Proxies) -> None:
        self._mode = settings.storage.redirect if settings.storage.url is not None else "off"
        self._above = settings.storage.redirect_above
        self._not_for = settings.storage.redirect_not_for
        self._blobs = blobs
        self._proxies = proxies
        self._reachable = self._mode == "on"

    def __call__(self, scope: Scope, size: int) -> bool:
        """Whether the client of `scope` gets a blob of `size` bytes from the bucket."""
        if not self._reachable or size < self._above:
            return False
        if not self._not_for:
            return True
        try:
            client = ipaddress.ip_address(self._proxies.remote(scope))
        except ValueError:
            return False
        return not any(client in network for network in self._not_for)

    async def watch(self) -> None:
        """Keep finding out whether the bucket answers where clients would ask it; returns when that decides nothing."""
        while self._mode == "auto":
            self._reachable = await self._answers()
            await asyncio.sleep(_EVERY)

    async def _answers(self) -> bool:
        url = self._blobs.sign(new_key(0), SECONDS)
        return url is not None and await is_missing_object(url)


async def is_missing_object(url: str) -> bool:
    """Whether the signed `url` of an object that does not exist is answered as a bucket answers it.

    404, or 403 where the credential may not list the bucket. A signature that does not hold is 403 too, and no answer:
    nor is one that has expired already, because this node's clock and the bucket's differ.
    """
    import aiohttp

    began = time.time()  # the clock that signs

    try:
        timeout = aiohttp.ClientTimeout(total=_PATIENCE)
        async with (
            aiohttp.ClientSession(timeout=timeout, trust_env=False) as session,
            session.get(url, allow_redirects=False) as answer,
        ):
            body = await answer.content.read(_READ)
            denied = answer.status == 403 and b"AccessDenied" in body
            return answer.status == 404 or (denied and _agree(answer.headers.get("date", ""), began))
    except (aiohttp.ClientError, TimeoutError, OSError):
        return False


def _agree(date: str, now: float) -> bool:
    """Whether an answer of this `date` came from a clock that says about `now` (Unix seconds)."""
    try:
        return abs(parsedate_to_datetime(date).timestamp() - now) < _SKEW
    except ValueError:
        return False
