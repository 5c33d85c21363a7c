"""`GET /healthz?mirror=SECONDS`: how a request looked when it arrived, for `holdfast doctor --url`.

A client that compares this with what it sent learns what a proxy did to it. The answer says nothing but what its own
asker sent, so it needs no credential. It comes in two pieces, SECONDS apart (100 at most), which shows whether a proxy
holds answers back and how long it waits for them; few may pause at once, the others are answered without a pause.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import parse_qs

from holdfast.app.proxies import Proxies
from holdfast.distribution.request import Scope, Send

PIECE = b" " * 1024
"""JSON takes blanks before a value; a piece of one KiB is more than what a web server holds back by itself."""
_LONGEST_PAUSE = 100.0
_PAUSES = 32
_LONGEST_VALUE = 256


class Mirror:
    """One a worker. `proxies`: whom to believe about the client's address."""

    def __init__(self, proxies: Proxies) -> None:
        self._proxies = proxies
        self._pauses = 0

    @staticmethod
    def asked(scope: Scope) -> float | None:
        """The pause in seconds that a request for the mirror asks for; None when it asks for something else."""
        query: bytes = scope.get("query_string", b"")
        if not query.startswith(b"mirror="):
            return None
        try:
            seconds = float(parse_qs(query[:64].decode("ascii"))["mirror"][0])
        except (ValueError, KeyError):
            return 0.0
        return min(seconds, _LONGEST_PAUSE) if seconds > 0 else 0.0

    async def answer(self, scope: Scope, send: Send, pause: float) -> None:
        """Send what `scope` says of the request."""
        data = json.dumps({"status": "ok", "request": self._seen(scope)}).encode()
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % (len(PIECE) + len(data))),
            (b"cache-control", b"no-store"),
            (b"x-content-type-options", b"nosniff"),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        if scope["method"] == "HEAD":
            await send({"type": "http.response.body", "body": b""})
            return
        await send({"type": "http.response.body", "body": PIECE, "more_body": True})
        if pause and self._pauses < _PAUSES:
            self._pauses += 1
            try:
                await asyncio.sleep(pause)
            finally:
                self._pauses -= 1
        await send({"type": "http.response.body", "body": data})

    def _seen(self, scope: Scope) -> dict[str, Any]:
        client = scope.get("client")
        peer: str = client[0] if client else ""
        return {
            "http_version": scope.get("http_version", ""),
            "scheme": scope.get("scheme", ""),
            "host": _value(scope, b"host"),
            "forwarded_proto": _value(scope, b"x-forwarded-proto"),
            "forwarded_for": _value(scope, b"x-forwarded-for"),
            "peer_trusted": self._proxies.trusts(peer),
            "client": self._proxies.remote(scope),
        }


def _value(scope: Scope, wanted: bytes) -> str | None:
    found: bytes | None = next((value for name, value in scope["headers"] if name == wanted), None)
    return None if found is None else found[:_LONGEST_VALUE].decode("latin-1")
