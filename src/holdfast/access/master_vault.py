"""The master key in Vault's transit engine (or OpenBao's): it never leaves Vault, which wraps and unwraps for us.

Promises: certificates are verified (SSL_CERT_FILE names a private authority); the token is sent to the configured
address only, no redirect is followed; nothing that Vault says is shown but its own error text. Calls happen at start,
at a rotation and when a key of another node is met: pulls and pushes do not wait for Vault.
Source: Vault HTTP API, "Transit secrets engine", POST /v1/transit/encrypt/:name, /decrypt/:name, /rewrap/:name.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import ssl
from collections.abc import Callable
from typing import Any

import aiohttp

from holdfast.access.errors import MasterKeyAway, WrongMasterKey

_PREFIX = b"vault:v"
_TIMEOUT = aiohttp.ClientTimeout(total=10, connect=3)
_SHOWN = 200
_REFUSED_TOKEN = (401, 403)


class VaultMasterKey:
    """The transit key `key` of the Vault at `url` (scheme, host and port). `token` gives the token to ask with."""

    def __init__(self, url: str, key: str, token: Callable[[], str]) -> None:
        self._url = url.rstrip("/")
        self._key = key
        self._token = token

    async def wrap(self, name: str, key: bytes) -> bytes:
        """Have Vault encrypt it, with its name inside. See MasterKey."""
        answer = await self._ask("encrypt", {"plaintext": base64.b64encode(_named(name, key)).decode()})
        return _ciphertext(answer)

    async def unwrap(self, name: str, wrapped: bytes) -> bytes:
        """Have Vault decrypt it, and look at its name. See MasterKey."""
        answer = await self._ask("decrypt", {"ciphertext": _sent(wrapped)})
        try:
            plain = base64.b64decode(answer["plaintext"], validate=True)
        except (KeyError, TypeError, ValueError, binascii.Error):
            raise MasterKeyAway("Vault's answer holds no plaintext") from None
        prefix = _named(name, b"")
        if not plain.startswith(prefix):
            raise _wrong()
        return plain[len(prefix) :]

    async def rewrap(self, name: str, wrapped: bytes) -> bytes:
        """Have Vault encrypt it anew under the newest version of its key. See MasterKey."""
        await self.unwrap(name, wrapped)
        return _ciphertext(await self._ask("rewrap", {"ciphertext": _sent(wrapped)}))

    async def mark(self) -> str:
        """A short digest of where the key is. See MasterKey."""
        return hashlib.sha256(f"{self._url} {self._key}".encode()).hexdigest()[:16]

    async def _ask(self, verb: str, body: dict[str, str]) -> dict[str, Any]:
        url = f"{self._url}/v1/transit/{verb}/{self._key}"
        try:
            async with (
                aiohttp.ClientSession(timeout=_TIMEOUT, connector=aiohttp.TCPConnector(force_close=True)) as session,
                session.post(
                    url,
                    json=body,
                    headers={"X-Vault-Token": self._token(), "X-Vault-Request": "true"},
                    allow_redirects=False,
                    ssl=ssl.create_default_context(),  # made anew: the library's own was made when it was loaded
                ) as answer,
            ):
                said = await answer.json(content_type=None)
                status = answer.status
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            reason = str(error)[:_SHOWN] or type(error).__name__
            raise MasterKeyAway(f"Vault at {self._url} does not answer: {reason}") from error
        if status == 200 and isinstance(said, dict) and isinstance(said.get("data"), dict):
            return dict(said["data"])
        raise self._refusal(verb, status, said)

    def _refusal(self, verb: str, status: int, said: object) -> Exception:
        errors = said.get("errors") if isinstance(said, dict) else None
        reason = "; ".join(map(str, errors))[:_SHOWN] if isinstance(errors, list) and errors else "no reason given"
        if status == 400 and verb != "encrypt":
            return _wrong(f" (Vault says: {reason})")
        what = "refuses the token" if status in _REFUSED_TOKEN else f"answers {status}"
        return MasterKeyAway(f"Vault at {self._url} {what} for transit key {self._key}: {reason}")


def _named(name: str, key: bytes) -> bytes:
    """What Vault encrypts: a key and its name, so that it opens under that name only."""
    return b"holdfast\0" + name.encode() + b"\0" + key


def _ciphertext(answer: dict[str, Any]) -> bytes:
    text = answer.get("ciphertext")
    if not isinstance(text, str) or not text.startswith(_PREFIX.decode()) or not text.isascii():
        raise MasterKeyAway("Vault's answer holds no ciphertext")
    return text.encode()


def _sent(wrapped: bytes) -> str:
    if not wrapped.startswith(_PREFIX):
        raise _wrong()
    try:
        return wrapped.decode("ascii")
    except UnicodeDecodeError:
        raise _wrong() from None


def _wrong(more: str = "") -> WrongMasterKey:
    return WrongMasterKey(
        "Vault's transit key does not open the keys in the database: name the Vault and the key that belong to this "
        f"data{more}"
    )
