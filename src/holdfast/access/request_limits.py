"""How many requests a minute each credential may make.

Promises, where a limit is set: each credential has a bucket of its own; requests without one share that of their
network (/24 of IPv4, /64 of IPv6). A token counts for what it was bought with. Who is over the limit is kept waiting
for a moment, because some clients ask again at once; if there is room by then the request goes on. The state is the
process's own, bounded, oldest out: one number a credential, the time at which its bucket is full again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import lru_cache

from holdfast.access.errors import TooManyRequests
from holdfast.access.model import UNCHECKED, Identity
from holdfast.access.throttle import Bounded, Hold, network_block
from holdfast.journal.model import Origin

SLOW_RATE = 10
"""Requests a minute of a key that is slowed (keys/suspending.py), in each process, whether a limit is set or not."""
_SECOND = 10**9
_BLOCKS = 4096


class RequestLimits:
    """`rate`: requests a minute; `burst`: requests at once, 0: a minute's. `clock`: nanoseconds, never back."""

    def __init__(
        self, rate: int, burst: int = 0, *, clock: Callable[[], int] = time.monotonic_ns, hold: Hold | None = None
    ) -> None:
        self._rate = rate
        self._step = 60 * _SECOND // rate
        self._ahead = ((burst or rate) - 1) * self._step
        self._clock = clock
        self._hold = hold or Hold()
        self._full: Bounded[tuple[str, int, int] | str, int] = Bounded()
        self._block = lru_cache(_BLOCKS)(network_block)

    async def count(self, who: Identity, origin: Origin) -> None:
        """Count a request of `who`. Raises `TooManyRequests`, a moment late."""
        if not self.take(who, origin):
            return
        await self._hold.moment()
        wait = self.take(who, origin)
        if wait:
            raise self._refusal(who, wait)

    def take(self, who: Identity, origin: Origin) -> int:
        """Count a request of `who` and give 0, or the whole seconds until there is room for one."""
        account, credential = who.subject.id, who.credential
        key = (credential.kind.value, credential.id, account) if account else self._block(origin.address)
        now = self._clock()
        full = self._full.get(key)
        if full is None or full < now:
            full = now
        elif full > now + self._ahead:
            return -((now + self._ahead - full) // _SECOND)
        self._full.put(key, full + self._step)
        return 0

    def _refusal(self, who: Identity, wait: int) -> TooManyRequests:
        used_up = f"has used up its {self._rate} requests a minute"
        if who.subject.id:
            return TooManyRequests(f"this credential {used_up}", wait, "; programs with a key each have a limit each")
        instead = ", or log in" if who.version != UNCHECKED else ""
        return TooManyRequests(f"your network {used_up} without a log-in", wait, instead)
