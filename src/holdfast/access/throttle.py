"""Failed log-ins slow down whoever makes them, and lock nobody out.

Promises, for one way of logging in (each has a `Throttle` of its own, so that no failure counts for another):

- failures delay by account and network block (/24 of IPv4, /64 of IPv6), after a few free ones, ever longer up to a
  cap; who logs in to the same account from elsewhere feels nothing;
- an address that fails for many different accounts is slowed for all of them;
- a secret that was wrong counts once, however often it is sent again;
- where an account logged in lately nothing is held back before its secret is looked at (`trusts`).

Names that exist and names that do not are treated alike. The state is the process's own, bounded, oldest out; a name
or a secret stands in it under a keyed hash only.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
import os
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from ipaddress import ip_address, ip_network
from typing import Generic, NamedTuple, Protocol, TypeVar

from holdfast.access.errors import Throttled
from holdfast.journal.model import Origin

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
_ENTRIES = 16384
_STEEPEST = 40
_ADDRESSES = 4096
_BEYOND = 12
_HELD = 1.0
_MOST_HELD = 256


class ThrottleSettings(NamedTuple):
    """`free` failures, or `accounts` accounts that one address failed for, bring the first delay; `first` and `cap`:
    that delay and the longest, in seconds, each failure doubles it; `forget`: seconds without a failure after which all
    is forgotten; `trust`: seconds for which a block counts as one where the account logs in."""

    free: int = 3
    accounts: int = 10
    first: float = 1.0
    cap: float = 300.0
    forget: float = 3600.0
    trust: float = 7 * 86400.0


class Failures(NamedTuple):
    """How often something failed, and when last (seconds of the clock)."""

    times: int
    last: float


class Tried(NamedTuple):
    """The accounts that an address failed for, hashed, and when last."""

    accounts: frozenset[bytes]
    last: float


class Told(Protocol):
    """Who hears of log-ins: `holdfast.access.usage.watch.Watch.login`."""

    def __call__(self, actor: str, origin: Origin, ok: bool, why: str) -> None:
        """`actor` (`unknown`: nobody has the name) logged in or could not; `why`: a fixed sentence, '' when it did."""


class Hold:
    """Keeps a refusal back for a moment, because some clients ask again without one. `pause`: waits so many seconds."""

    def __init__(self, pause: Callable[[float], Awaitable[object]] = asyncio.sleep) -> None:
        self._pause = pause
        self._held = 0

    async def moment(self) -> None:
        """Let a second pass; none when very many are kept back already."""
        if self._held < _MOST_HELD:
            self._held += 1
            try:
                await self._pause(_HELD)
            finally:
                self._held -= 1

    async def refusal(self, wait: int) -> Throttled:
        """The refusal of a log-in for `wait` seconds, a moment late."""
        await self.moment()
        return Throttled(wait)


class Bounded(Generic[K, V]):
    """A dictionary that drops what was put in longest ago."""

    def __init__(self, entries: int = _ENTRIES) -> None:
        self._entries = entries
        self._kept: OrderedDict[K, V] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: K) -> V | None:
        """What was put in last under `key`."""
        return self._kept.get(key)

    def put(self, key: K, value: V) -> None:
        """Put `value` in as the youngest."""
        self._kept[key] = value
        self._kept.move_to_end(key)
        if len(self._kept) > self._entries:
            self._kept.popitem(last=False)

    def drop(self, key: K) -> None:
        """Forget `key`."""
        self._kept.pop(key, None)


def network_block(address: str) -> str:
    """The block that an address stands for: its /24 (IPv4, mapped ones too) or /64; '' when it is none."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return ""
    parsed = getattr(parsed, "ipv4_mapped", None) or parsed
    return str(ip_network((int(parsed), 24 if parsed.version == 4 else 64), strict=False))


def single_address(address: str) -> str:
    """The address as one host: an IPv6 host has a whole /64."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return ""
    mapped = getattr(parsed, "ipv4_mapped", None)
    return str(mapped or parsed) if mapped or parsed.version == 4 else network_block(address)


class Throttle:
    """The failures of one way of logging in, as one process saw them. `clock`: seconds that never go back."""

    def __init__(self, settings: ThrottleSettings, clock: Callable[[], float]) -> None:
        self._settings = settings
        self._clock = clock
        self._hash_key = os.urandom(32)
        self._failures: Bounded[tuple[bytes, str], Failures] = Bounded()
        self._tried: Bounded[str, Tried] = Bounded(_ADDRESSES)
        self._trusted: Bounded[tuple[bytes, str], float] = Bounded()
        self._wrong: Bounded[bytes, float] = Bounded()

    def fingerprint(self, *parts: str) -> bytes:
        """A hash that only this process can make again."""
        digest = hashlib.blake2b(key=self._hash_key, digest_size=16)
        for part in parts:
            data = part.encode("utf-8", "surrogatepass")
            digest.update(len(data).to_bytes(8) + data)
        return digest.digest()

    def trusts(self, account: str, origin: Origin) -> bool:
        """Whether `account` logged in lately from this block."""
        since = self._trusted.get(self._place(account, origin))
        return since is not None and self._clock() - since < self._settings.trust

    def wait(self, account: str, origin: Origin, under_way: int = 0) -> int:
        """The whole seconds that a log-in to `account` from here has to wait, 0: none. `under_way`: other secrets that
        are being checked for it now, each of which may turn out wrong."""
        now = self._clock()
        waits = [0.0]
        failures = self._failures.get(self._place(account, origin))
        count, last = self._current(failures, now)
        waits.append(self._delay(count + under_way - self._settings.free, now if under_way else last, now))
        tried = self._tried.get(single_address(origin.address))
        if tried is not None and now - tried.last < self._settings.forget:
            waits.append(self._delay(len(tried.accounts) - self._settings.accounts, tried.last, now))
        return math.ceil(max(waits))

    def was_wrong(self, secret: bytes) -> bool:
        """Whether the secret of this fingerprint failed lately."""
        since = self._wrong.get(secret)
        return since is not None and self._clock() - since < self._settings.forget

    def failed(self, account: str, origin: Origin, secret: bytes) -> None:
        """The secret of this fingerprint was wrong; one that failed lately is not counted again."""
        known = self.was_wrong(secret)
        now = self._clock()
        self._wrong.put(secret, now)
        if known:
            return
        place = self._place(account, origin)
        count, _ = self._current(self._failures.get(place), now)
        self._failures.put(place, Failures(count + 1, now))
        address = single_address(origin.address)
        tried = self._tried.get(address)
        before = tried.accounts if tried is not None and now - tried.last < self._settings.forget else frozenset()
        if len(before) < self._settings.accounts + _BEYOND:  # by then the delay is as long as it gets
            before |= {place[0]}
        self._tried.put(address, Tried(before, now))

    def succeeded(self, account: str, origin: Origin) -> None:
        """The secret was right: failures of the account from this block are forgotten, and the block is trusted."""
        place = self._place(account, origin)
        self._failures.drop(place)
        self._trusted.put(place, self._clock())

    def _current(self, failures: Failures | None, now: float) -> tuple[int, float]:
        if failures is None or now - failures.last >= self._settings.forget:
            return 0, now
        return failures.times, failures.last

    def _delay(self, excess: int, last: float, now: float) -> float:
        """What is left at `now` of the delay that `excess` failures beyond the free ones make, the last at `last`."""
        if excess < 0:
            return 0.0
        whole = min(self._settings.cap, self._settings.first * 2.0 ** min(excess, _STEEPEST))
        return max(0.0, last + whole - now)

    def _place(self, account: str, origin: Origin) -> tuple[bytes, str]:
        return self.fingerprint(account), network_block(origin.address)
