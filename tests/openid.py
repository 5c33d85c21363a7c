"""OpenID providers on loopback: a real one in a process of its own, and one that does what a test wants.

Promises: both listen on 127.0.0.1 only and are gone when their block is left. The real one (the package
oidc-provider-mock) is a full provider by a library that is not ours; `OwnProvider` checks what a provider must (the
client, the redirect address, PKCE, each code once) and can lie in everything else.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.client
import json
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey
from tests.ports import free_port
from tests.serving import pause

READY_SECONDS = 120.0


@dataclass(slots=True)
class RealProvider:
    """A running provider process. `issuer`: its URL."""

    issuer: str
    port: int

    def set_user(self, sub: str, **claims: object) -> None:
        """Let the provider say this of a person from now on."""
        self._call("PUT", f"/users/{sub}", json.dumps(claims).encode(), "application/json")

    def revoke(self, sub: str) -> None:
        """End the refresh tokens of a person."""
        self._call("POST", f"/users/{sub}/revoke-tokens", b"", "application/json")

    def approve(self, url: str, sub: str) -> str:
        """Sign in as `sub` on the provider's page at `url`; gives the address that it sends the browser back to."""
        parts = urlsplit(url)
        _, headers = self._call(
            "POST", f"{parts.path}?{parts.query}", urlencode({"sub": sub}).encode(), "application/x-www-form-urlencoded"
        )
        return str(headers["Location"])

    def _call(self, method: str, path: str, body: bytes, kind: str) -> tuple[bytes, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, body, {"Content-Type": kind})
            answer = connection.getresponse()
            data = answer.read()
            assert answer.status < 400, data[-2000:]
            return data, answer.headers
        finally:
            connection.close()


@contextlib.contextmanager
def real_provider(*, refresh: bool = True) -> Iterator[RealProvider]:
    """Run the provider until the block is left."""
    port = free_port()
    words = ["-m", "oidc_provider_mock", "--host", "127.0.0.1", "--port", str(port)]
    words += [] if refresh else ["--no-refresh-token", "true"]
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + READY_SECONDS
        while not _answers(port):
            assert process.poll() is None, "the provider ended"
            assert time.monotonic() < deadline, "the provider was not ready in time"
            pause(0.05)
        yield RealProvider(f"http://127.0.0.1:{port}", port)
    finally:
        process.kill()
        process.wait(10)


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/.well-known/openid-configuration")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def new_key(kid: str) -> RSAKey:
    """A signing key."""
    return RSAKey.generate_key(2048, {"kid": kid, "use": "sig"})


@dataclass
class OwnProvider:
    """A provider that a test steers. `change`: alters the claims of ID tokens before they are signed; `sign`: makes the
    token of claims; `refresh_answer`: status and body of refreshes, None: a good one; `down`: it answers 503."""

    port: int
    client_id: str = "holdfast"
    client_secret: str = "a-secret-of-the-client"
    scopes: list[str] = field(default_factory=lambda: ["openid", "profile", "offline_access"])
    metadata: dict[str, object] = field(default_factory=dict)
    key: RSAKey = field(default_factory=lambda: new_key("one"))
    published: list[RSAKey] = field(default_factory=list)
    claims: dict[str, object] = field(default_factory=lambda: {"sub": "s-1", "preferred_username": "alice"})
    userinfo: dict[str, object] | None = None
    change: Callable[[dict[str, Any]], None] = lambda claims: None
    sign: Callable[[dict[str, Any]], str] | None = None
    gives_refresh: bool = True
    refresh_answer: tuple[int, dict[str, object]] | None = None
    down: bool = False
    delay: threading.Event | None = None
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    refresh_token: str = ""
    refreshes: int = 0
    refused: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    @property
    def issuer(self) -> str:
        """Its URL."""
        return f"http://127.0.0.1:{self.port}"

    def document(self) -> dict[str, object]:
        """The discovery document."""
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "scopes_supported": self.scopes,
            "code_challenge_methods_supported": ["S256"],
            **({"userinfo_endpoint": f"{self.issuer}/userinfo"} if self.userinfo is not None else {}),
            **self.metadata,
        }

    def approve(self, url: str, **more: str) -> str:
        """The person signs in at `url`; gives where the browser is sent. `more`: goes into the address, too."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        assert url.startswith(f"{self.issuer}/authorize?")
        assert asked["response_type"] == "code"
        assert asked["client_id"] == self.client_id
        assert asked["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(12)
        self.codes[code] = asked
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state'], **more})}"

    def id_token(self, nonce: str | None) -> str:
        """A token as this provider signs it now."""
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "aud": self.client_id,
            "iat": now,
            "exp": now + 300,
            **self.claims,
        }
        if nonce is not None:
            claims["nonce"] = nonce
        self.change(claims)
        if self.sign is not None:
            return self.sign(claims)
        return jwt.encode({"alg": "RS256", "kid": self.key.kid}, claims, self.key)

    def token(self, form: dict[str, str], authorization: str) -> tuple[int, dict[str, object]]:
        """The token endpoint."""
        pair = base64.b64encode(f"{self.client_id}:{self.client_secret}".encode()).decode()
        if authorization != f"Basic {pair}":
            return 401, {"error": "invalid_client"}
        if form.get("grant_type") == "refresh_token":
            return self._refresh(form)
        asked = self.codes.pop(form.get("code", ""), None)
        if asked is None:
            return self._no("the code is not known, or was used")
        verifier = form.get("code_verifier", "")
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
        if challenge != asked["code_challenge"]:
            return self._no("the verifier is not that of the challenge")
        if form.get("redirect_uri") != asked["redirect_uri"]:
            return self._no("the redirect address is another one")
        return 200, self._tokens(asked.get("nonce"))

    def _refresh(self, form: dict[str, str]) -> tuple[int, dict[str, object]]:
        self.refreshes += 1
        if self.refresh_answer is not None:
            return self.refresh_answer
        if form.get("refresh_token") != self.refresh_token:
            return self._no("the refresh token was replaced")
        return 200, self._tokens(None)

    def _tokens(self, nonce: str | None) -> dict[str, object]:
        tokens: dict[str, object] = {"access_token": "at-1", "token_type": "Bearer", "id_token": self.id_token(nonce)}
        if self.gives_refresh:
            self.refresh_token = secrets.token_urlsafe(12)
            tokens["refresh_token"] = self.refresh_token
        return tokens

    def _no(self, why: str) -> tuple[int, dict[str, object]]:
        self.refused.append(why)
        return 400, {"error": "invalid_grant", "error_description": why}

    def answer(self, method: str, path: str, form: dict[str, str], authorization: str) -> tuple[int, object]:
        """What is answered to a request."""
        self.asked.append(f"{method} {path}")
        if self.delay is not None:
            self.delay.wait(20)
        if self.down:
            return 503, {"error": "temporarily_unavailable"}
        if path == "/.well-known/openid-configuration":
            return 200, self.document()
        if path == "/jwks":
            return 200, {"keys": [key.as_dict(private=False) for key in self.published or [self.key]]}
        if path == "/userinfo" and authorization == "Bearer at-1":
            return 200, self.userinfo
        if path == "/token" and method == "POST":
            return self.token(form, authorization)
        return 404, {}


@contextlib.contextmanager
def own_provider() -> Iterator[OwnProvider]:
    """Run a provider of the test's own until the block is left."""

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
            path = urlsplit(self.path).path
            status, said = provider.answer(self.command, path, form, self.headers.get("Authorization") or "")
            data = json.dumps(said).encode()
            with contextlib.suppress(OSError):
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

        do_GET = do_POST = _serve  # noqa: N815 - what the library calls

        def log_message(self, *_words: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    provider = OwnProvider(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        if provider.delay is not None:
            provider.delay.set()
        server.shutdown()
        server.server_close()
        thread.join(10)
