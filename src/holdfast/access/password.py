"""Passwords: argon2id, in a bounded number of threads, the same time for a name that does not exist.

Checks wait in a bounded queue that is fair between network blocks: they take turns, and when it is full the block that
waits with most gives way to one that waits with less. So whoever fills it keeps out nobody but himself.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from base64 import b64encode
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import argon2

from holdfast.access.errors import Busy, Invalid

MINIMUM_LENGTH = 12
MAXIMUM_LENGTH = 1024
_QUEUE = 64
_THREADS = 2
# OWASP's argon2id profile of 19 MiB and two passes: strong, and two at once stay small beside the server.
_HASHER = argon2.PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)
_ALPHABET = "abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"


def check_password(password: str) -> str:
    """`password`, if it can be one: long enough, and nothing else is asked of it. Raises `Invalid`."""
    if len(password) < MINIMUM_LENGTH:
        raise Invalid("password", f"a password has at least {MINIMUM_LENGTH} characters")
    if len(password) > MAXIMUM_LENGTH:
        raise Invalid("password", f"a password has at most {MAXIMUM_LENGTH} characters")
    try:
        password.encode()
    except UnicodeEncodeError as error:
        raise Invalid("password", "this is no text") from error
    return password


def generate() -> str:
    """A password of 24 letters and digits (about 138 bits) that survives a shell and a double click."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(24))


def hash_password(password: str) -> str:
    """The argon2id hash, with its parameters and salt, as text."""
    return _HASHER.hash(password)


def matches(stored: str, password: str) -> bool:
    """Whether `password` is the one that `stored` was made of. A damaged hash matches nothing."""
    try:
        return _HASHER.verify(stored, password)
    except (argon2.exceptions.VerificationError, ValueError):
        return False


def is_outdated(stored: str) -> bool:
    """Whether `stored` was made with other parameters than those of today."""
    try:
        return _HASHER.check_needs_rehash(stored)
    except (argon2.exceptions.InvalidHashError, ValueError):
        return False


class _Turn:
    """One call that waits for a thread. `favoured`: it gives way to nobody that is not."""

    __slots__ = ("block", "call", "done", "favoured")

    def __init__(self, block: str, favoured: bool, call: Callable[[], Any], done: asyncio.Future[Any]) -> None:
        self.block = block
        self.favoured = favoured
        self.call = call
        self.done = done


class PasswordChecker:
    """Checks passwords beside the loop: two at once, at most 64 with those that wait, the blocks in turn."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="holdfast-password")
        self._lines: dict[str, deque[_Turn]] = {}  # in the order of their next turn
        self._waiting = 0
        self._running = 0
        self._decoy = _decoy()

    async def check(self, stored: str | None, password: str, block: str = "", *, favoured: bool = False) -> bool:
        """Whether `password` matches `stored`; None takes as long and never matches. `block`: who takes turns with
        others; `favoured`: it logged in from there lately. Raises `Busy`."""
        found: bool = await self._run(block, favoured, lambda: self._check(stored, password))
        return found

    async def hash(self, password: str) -> str:
        """The hash of a new password. Raises `Busy`."""
        made: str = await self._run("", True, lambda: hash_password(password))
        return made

    def close(self) -> None:
        """End the threads once what is under way is done."""
        self._threads.shutdown(wait=True)

    async def _run(self, block: str, favoured: bool, call: Callable[[], Any]) -> Any:
        if self._waiting >= _QUEUE:
            self._make_room(block, favoured)
        turn = _Turn(block, favoured, call, asyncio.get_running_loop().create_future())
        self._lines.setdefault(block, deque()).append(turn)
        self._waiting += 1
        self._start()
        return await turn.done

    def _make_room(self, block: str, favoured: bool) -> None:
        """Send the youngest of the longest line away: for one that is favoured one that is not, else only from a line
        that is longer than this block's would be."""
        lines = [line for line in self._lines.values() if favoured or not line[-1].favoured]
        longest = max(lines, key=lambda line: (not line[-1].favoured, len(line)), default=None)
        own = len(self._lines.get(block, ())) + 1
        if longest is None or (len(longest) <= own and longest[-1].favoured >= favoured):
            raise Busy("too many log-ins at once")
        gone = longest.pop()
        self._waiting -= 1
        if not longest:
            del self._lines[gone.block]
        if not gone.done.done():
            gone.done.set_exception(Busy("too many log-ins at once"))

    def _start(self) -> None:
        """Give the free threads to whose turn it is."""
        loop = asyncio.get_running_loop()
        while self._running < _THREADS and self._lines:
            block = next(iter(self._lines))
            line = self._lines.pop(block)
            turn = line.popleft()
            if line:
                self._lines[block] = line  # the last in the round now
            if turn.done.done():
                self._waiting -= 1  # nobody waits for it any more
                continue
            self._running += 1
            running = loop.run_in_executor(self._threads, turn.call)
            running.add_done_callback(partial(self._end, turn))

    def _end(self, turn: _Turn, ran: asyncio.Future[Any]) -> None:
        self._running -= 1
        self._waiting -= 1
        if not turn.done.done():
            error = ran.exception() if not ran.cancelled() else Busy("the server is stopping")
            if error is not None:
                turn.done.set_exception(error)
            else:
                turn.done.set_result(ran.result())
        self._start()

    def _check(self, stored: str | None, password: str) -> bool:
        return matches(stored if stored is not None else self._decoy, password) and stored is not None


def _decoy() -> str:
    """A hash of today's parameters that no password is known for; made without the work of one."""
    salt, digest = (b64encode(os.urandom(size)).rstrip(b"=").decode() for size in (16, 32))
    cost = f"m={_HASHER.memory_cost},t={_HASHER.time_cost},p={_HASHER.parallelism}"
    return f"$argon2id$v=19${cost}${salt}${digest}"
