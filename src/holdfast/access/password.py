"""Passwords: argon2id, in a bounded number of threads, the same time for a name that does not exist."""

from __future__ import annotations

import asyncio
import secrets
from concurrent.futures import ThreadPoolExecutor

import argon2

from holdfast.access.errors import Busy

MINIMUM_LENGTH = 12
_QUEUE = 64
_THREADS = 2
# OWASP's argon2id profile of 19 MiB and two passes: strong, and two at once stay small beside the server.
_HASHER = argon2.PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)
_ALPHABET = "abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"


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


class PasswordChecker:
    """Checks passwords beside the loop: two at once, at most 64 waiting (raises `Busy` above that)."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="holdfast-password")
        self._waiting = 0
        self._decoy: str | None = None

    async def check(self, stored: str | None, password: str) -> bool:
        """Whether `password` matches `stored`; None takes as long and never matches."""
        if self._waiting >= _QUEUE:
            raise Busy("too many log-ins at once")
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._threads, self._check, stored, password)
        finally:
            self._waiting -= 1

    def _check(self, stored: str | None, password: str) -> bool:
        if stored is None:
            if self._decoy is None:
                self._decoy = hash_password(secrets.token_hex(16))
            matches(self._decoy, password)
            return False
        return matches(stored, password)

    def close(self) -> None:
        """End the threads once what is under way is done."""
        self._threads.shutdown(wait=True)
