"""A stand-in for Vault: the three calls of its transit engine that are used, with its wire format and its answers.

It is not Vault: keys and tokens are what a test says, and nothing is kept. The form of requests and answers is that of
Vault's HTTP API (POST /v1/transit/encrypt/:name and the like, `X-Vault-Token`, `data` or `errors` in JSON).
"""

from __future__ import annotations

import base64
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

TOKEN = "hvs.stand-in-token"


class VaultStandIn:
    """One transit key `holdfast`, in versions; `asked` are the verbs that were asked for."""

    def __init__(self) -> None:
        self.versions = [AESGCM(AESGCM.generate_key(256))]
        self.asked: list[str] = []
        self.sealed = False
        self.url = ""
        self.elsewhere: str | None = None

    def rotate(self) -> None:
        """What an operator does with `vault write -f transit/keys/holdfast/rotate`."""
        self.versions.append(AESGCM(AESGCM.generate_key(256)))

    async def answer(self, request: web.Request) -> web.Response:
        verb, key = request.match_info["verb"], request.match_info["key"]
        self.asked.append(verb)
        if self.elsewhere is not None:
            return web.Response(status=307, headers={"Location": self.elsewhere})
        if self.sealed:
            return self._errors(503, "Vault is sealed")
        if request.headers.get("X-Vault-Token") != TOKEN:
            return self._errors(403, "permission denied")
        if key != "holdfast":
            return self._errors(400, "encryption key not found")
        body = await request.json()
        try:
            if verb == "encrypt":
                return self._data(ciphertext=self._encrypt(base64.b64decode(body["plaintext"])))
            plain = self._decrypt(body["ciphertext"])
        except (InvalidTag, ValueError, IndexError):
            return self._errors(400, "cipher: message authentication failed")
        if verb == "rewrap":
            return self._data(ciphertext=self._encrypt(plain))
        return self._data(plaintext=base64.b64encode(plain).decode())

    def _encrypt(self, plain: bytes) -> str:
        nonce = AESGCM.generate_key(128)[:12]
        sealed = nonce + self.versions[-1].encrypt(nonce, plain, None)
        return f"vault:v{len(self.versions)}:{base64.b64encode(sealed).decode()}"

    def _decrypt(self, text: str) -> bytes:
        vault, version, sealed = text.split(":")
        if vault != "vault":
            raise ValueError(vault)
        data = base64.b64decode(sealed)
        return self.versions[int(version[1:]) - 1].decrypt(data[:12], data[12:], None)

    def _data(self, **data: str) -> web.Response:
        return web.json_response({"request_id": "0195", "lease_id": "", "renewable": False, "data": data})

    def _errors(self, status: int, *errors: str) -> web.Response:
        return web.json_response({"errors": list(errors)}, status=status)


@asynccontextmanager
async def vault(tls: ssl.SSLContext | None = None) -> AsyncIterator[VaultStandIn]:
    """Run the stand-in on a free loopback port."""
    stand_in = VaultStandIn()
    application = web.Application()
    application.router.add_post("/v1/transit/{verb:encrypt|decrypt|rewrap}/{key}", stand_in.answer)
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
        await site.start()
        port = runner.addresses[0][1]
        stand_in.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
        yield stand_in
    finally:
        await runner.cleanup()
