"""One registry, spoken to as the distribution specification says, by the standard library alone.

Promises: credentials go to the registry itself and to the token service of its own name, and follow neither a redirect
nor an upload address that leads elsewhere (rules "We are the client", 21); what comes back is bounded, and bytes are
checked against their digest before they count; nothing crosses a network in clear that was not meant to.
"""

from __future__ import annotations

import hashlib
import json
import os
import ssl
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode, urljoin, urlsplit

from holdfast import __version__
from holdfast.cli.exchange.challenge import Challenge, challenges, may_know
from holdfast.cli.exchange.credentials import Secret

BLOCK = 1 << 20
MANIFESTS = ", ".join(
    (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)
_MANIFEST_BYTES = 4 << 20
_PAGE_BYTES = 16 << 20
_TOKEN_BYTES = 1 << 20
_TIMEOUT = 120.0
_REDIRECTS = 5
_CLIENT = "holdfast"
_CUT = 300


class RegistryError(Exception):
    """A registry refused, or did not answer as one; `status` 0 where there was no answer."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class Found(NamedTuple):
    """A manifest as a registry gave it, checked where its digest was known."""

    data: bytes
    media_type: str


Body = Callable[[], Iterable[bytes]]
"""What is sent, from its beginning each time that it is asked for."""


class Remote:
    """One registry. `base`: scheme and address; `secret`: how to log in there, asked for when the registry wants it;
    `ca`: a file of certificates to trust."""

    def __init__(self, base: str, secret: Callable[[], Secret], ca: str = "") -> None:
        self.base = base
        self._parts = urlsplit(base)
        self._secret = secret
        self._ca = ca
        self._connection: HTTPConnection | None = None
        self._tokens: dict[str, str] = {}
        self._basic: str | None = None
        self._context: ssl.SSLContext | None = None

    # -- what there is ---------------------------------------------------------------------------------------------

    def manifest(self, repository: str, reference: str) -> Found | None:
        """A manifest by tag or digest, None where there is none. Raises `RegistryError`."""
        answer = self._ask("GET", f"/v2/{repository}/manifests/{reference}", _pull(repository), {"Accept": MANIFESTS})
        if answer.status == 404:
            answer.read(_PAGE_BYTES)
            return None
        self._require(answer, 200)
        data = answer.read(_MANIFEST_BYTES + 1)
        if len(data) > _MANIFEST_BYTES:
            raise RegistryError(f"{self.base} gives a manifest of more than {_MANIFEST_BYTES} bytes")
        if ":" in reference:
            algorithm, _, encoded = reference.partition(":")
            if hashlib.new(algorithm, data).hexdigest() != encoded:
                raise RegistryError(f"what {self.base} gives for {reference} does not hash to it")
        return Found(data, (answer.getheader("Content-Type") or "").partition(";")[0].strip())

    def has_manifest(self, repository: str, digest: str) -> bool:
        """Whether the manifest is there."""
        answer = self._ask("HEAD", f"/v2/{repository}/manifests/{digest}", _pull(repository), {"Accept": MANIFESTS})
        answer.read()
        return answer.status == 200

    def has_blob(self, repository: str, digest: str) -> bool:
        """Whether the blob is there."""
        answer = self._ask("HEAD", f"/v2/{repository}/blobs/{digest}", _both(repository))
        answer.read()
        return answer.status == 200

    def blob(self, repository: str, digest: str, size: int) -> Iterator[bytes]:
        """The bytes of a blob, in pieces. Raises `RegistryError` when they are not what their digest says, after the
        last."""
        answer = self._followed(self._ask("GET", f"/v2/{repository}/blobs/{digest}", _pull(repository)))
        self._require(answer, 200)
        algorithm, _, encoded = digest.partition(":")
        running, left = hashlib.new(algorithm), size
        while piece := self._read(answer, BLOCK):
            left -= len(piece)
            if left < 0:
                break
            running.update(piece)
            yield piece
        if left or running.hexdigest() != encoded:
            raise RegistryError(f"what {self.base} gives for {digest} is not what it should be")

    def tags(self, repository: str) -> Iterator[str]:
        """Every tag. Raises `RegistryError`."""
        yield from self._pages(f"/v2/{repository}/tags/list?n=1000", _pull(repository), "tags")

    def repositories(self) -> Iterator[str]:
        """Every repository that one may know. Raises `RegistryError`."""
        yield from self._pages("/v2/_catalog?n=1000", "registry:catalog:*", "repositories")

    def referrers(self, repository: str, digest: str) -> list[Mapping[str, Any]]:
        """What refers to a manifest, by the API or the tag that stands for it; none where there is neither."""
        answer = self._ask("GET", f"/v2/{repository}/referrers/{digest}", _pull(repository))
        found: list[Mapping[str, Any]] = []
        if answer.status == 200:
            target: str | None = ""
            while target is not None:
                listed = self._json(answer).get("manifests")
                found += [each for each in listed or () if isinstance(each, dict)]
                target = _next(answer)
                if target is not None:
                    answer = self._ask("GET", self._here(target), _pull(repository))
                    self._require(answer, 200)
            return found
        answer.read(_PAGE_BYTES)
        index = self.manifest(repository, digest.replace(":", "-", 1))
        listed = json.loads(index.data).get("manifests") if index is not None else []
        return [each for each in listed or () if isinstance(each, dict)]

    # -- what is brought -------------------------------------------------------------------------------------------

    def mount(self, repository: str, digest: str, source: str) -> bool:
        """Let a blob of another repository of this registry be in this one; False: it must be sent."""
        path = f"/v2/{repository}/blobs/uploads/?{urlencode({'mount': digest, 'from': source})}"
        answer = self._ask("POST", path, f"{_both(repository)} {_pull(source)}")
        answer.read(_PAGE_BYTES)
        if answer.status == 202 and (session := answer.getheader("Location")):
            self._send("DELETE", urljoin(self.base, session), {}, None, _both(repository)).read(_PAGE_BYTES)
        return answer.status == 201

    def put_blob(self, repository: str, digest: str, size: int, body: Body) -> None:
        """Send a blob, in one piece. Raises `RegistryError`."""
        answer = self._ask("POST", f"/v2/{repository}/blobs/uploads/", _both(repository))
        answer.read(_PAGE_BYTES)
        self._require(answer, 202)
        session = urljoin(self.base + f"/v2/{repository}/blobs/uploads/", answer.getheader("Location") or "")
        where = session + ("&" if urlsplit(session).query else "?") + urlencode({"digest": digest})
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(size)}
        done = self._send("PUT", where, headers, body, _both(repository))
        done_text = done.read(_PAGE_BYTES)
        self._require(done, 201, done_text)

    def put_manifest(self, repository: str, reference: str, data: bytes, media_type: str) -> None:
        """Put a manifest under a tag or its digest. Raises `RegistryError`."""
        headers = {"Content-Type": media_type, "Content-Length": str(len(data))}
        path = f"/v2/{repository}/manifests/{quote(reference)}"
        answer = self._ask("PUT", path, _both(repository), headers, lambda: [data])
        self._require(answer, 201, answer.read(_PAGE_BYTES))

    def delete_tag(self, repository: str, tag: str) -> bool:
        """Delete a tag; False where there is none. Raises `RegistryError`."""
        answer = self._ask("DELETE", f"/v2/{repository}/manifests/{quote(tag)}", f"repository:{repository}:delete")
        text = answer.read(_PAGE_BYTES)
        if answer.status == 404:
            return False
        self._require(answer, 202, text)
        return True

    def close(self) -> None:
        """Let go of the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    # -- requests --------------------------------------------------------------------------------------------------

    def _ask(
        self,
        method: str,
        path: str,
        scope: str,
        headers: Mapping[str, str] | None = None,
        body: Body | None = None,
    ) -> HTTPResponse:
        return self._send(method, self.base + path, dict(headers or {}), body, scope)

    def _send(self, method: str, url: str, headers: dict[str, str], body: Body | None, scope: str) -> HTTPResponse:
        """One request, logged in when the registry asks for it; what leads elsewhere goes without credentials."""
        if not self._is_here(url):
            return self._once(method, url, headers, body)
        authorization = self._tokens.get(scope) or self._basic
        given = {**headers, "Authorization": authorization} if authorization else headers
        answer = self._once(method, url, given, body)
        if answer.status != 401:
            return answer
        asked = challenges(answer.getheader("WWW-Authenticate") or "")
        answer.read(_PAGE_BYTES)
        authorization = self._log_in(asked, scope)
        return self._once(method, url, {**headers, "Authorization": authorization} if authorization else headers, body)

    def _log_in(self, asked: list[Challenge], scope: str) -> str:
        """The Authorization for `scope`, '' for none; by the first way that the registry names and we know."""
        for way in asked:
            if way.scheme == "bearer" and way.realm:
                self._tokens[scope] = f"Bearer {self._token(way, scope)}"
                return self._tokens[scope]
            if way.scheme == "basic":
                secret = self._secret()
                if secret.user:
                    self._basic = _basic(secret)
                return self._basic or ""
        return ""

    def _token(self, way: Challenge, scope: str) -> str:
        secret = self._secret()
        known = may_know(self.base, way.realm)
        if secret.access and known:
            return secret.access
        fields = [("service", way.service)] if way.service else []
        fields += [("scope", each) for each in scope.split()]
        if secret.refresh and known:
            form = [("grant_type", "refresh_token"), ("refresh_token", secret.refresh), ("client_id", _CLIENT), *fields]
            form = [*(pair for pair in form if pair[0] != "scope"), ("scope", scope)]
            headers = {"Content-Type": "application/x-www-form-urlencoded"}
            body = urlencode(form).encode()
            headers["Content-Length"] = str(len(body))
            answer = self._once("POST", way.realm, headers, lambda: [body])
        else:
            headers = {"Authorization": _basic(secret)} if secret.user and known else {}
            mark = "&" if urlsplit(way.realm).query else "?"
            answer = self._once("GET", f"{way.realm}{mark}{urlencode(fields)}", headers, None)
        data = answer.read(_TOKEN_BYTES)
        if answer.status != 200:
            raise RegistryError(f"{self.base} lets nobody in with these credentials: {_said(data)}", answer.status)
        found = _object(data)
        token = found.get("token") or found.get("access_token")
        if not isinstance(token, str) or not token.isascii():
            raise RegistryError(f"{self.base} gives no token that can be used")
        return token

    def _followed(self, answer: HTTPResponse) -> HTTPResponse:
        """Where a blob lies elsewhere: the answer from there, asked for without credentials."""
        url = self.base
        for _ in range(_REDIRECTS):
            if answer.status not in (301, 302, 303, 307, 308):
                return answer
            url = urljoin(url, answer.getheader("Location") or "")
            answer.read(_PAGE_BYTES)
            answer = self._once("GET", url, {}, None)
        raise RegistryError(f"{self.base} leads from one address to another without end")

    def _once(self, method: str, url: str, headers: Mapping[str, str], body: Body | None) -> HTTPResponse:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise RegistryError(f"{self.base} leads to what is no address")
        if parts.scheme == "http" and self._parts.scheme == "https":
            raise RegistryError(f"{self.base} leads to an address without TLS")
        here = self._is_here(url)
        path = parts.path or "/"
        target = f"{path}?{parts.query}" if parts.query else path
        sent = {"User-Agent": f"holdfast/{__version__}", "Accept": "*/*", **headers}
        for attempt in (1, 2):
            kept = here and self._connection is not None
            connection = self._connection if here and self._connection is not None else self._connect(url)
            if here:
                self._connection = connection
            try:
                connection.request(method, target, iter(body()) if body is not None else None, sent)
                return connection.getresponse()
            except (OSError, HTTPException) as error:
                connection.close()
                if here:
                    self._connection = None
                if not kept or attempt == 2:
                    raise RegistryError(f"{parts.netloc} does not answer: {_why(error)}") from error
        raise RegistryError(f"{parts.netloc} does not answer")

    def _connect(self, url: str) -> HTTPConnection:
        parts = urlsplit(url)
        assert parts.hostname is not None
        if parts.scheme == "http":
            return HTTPConnection(parts.hostname, parts.port, timeout=_TIMEOUT)
        if self._context is None:
            try:
                self._context = ssl.create_default_context(cafile=self._ca or None)
            except OSError as error:
                raise RegistryError(f"the certificates in {self._ca} cannot be read: {_why(error)}") from error
        return HTTPSConnection(parts.hostname, parts.port, timeout=_TIMEOUT, context=self._context)

    def _is_here(self, url: str) -> bool:
        parts = urlsplit(url)
        return (parts.scheme, parts.netloc) == (self._parts.scheme, self._parts.netloc)

    def _here(self, target: str) -> str:
        """The path of a next page, which must be of this registry."""
        url = urljoin(self.base, target)
        if not self._is_here(url):
            raise RegistryError(f"{self.base} continues its list elsewhere")
        return url[len(self.base) :]

    def _pages(self, path: str, scope: str, name: str) -> Iterator[str]:
        target: str | None = path
        while target is not None:
            answer = self._ask("GET", self._here(target), scope)
            if answer.status == 404:
                answer.read(_PAGE_BYTES)
                return
            self._require(answer, 200)
            listed = self._json(answer).get(name)
            yield from (each for each in listed or () if isinstance(each, str))
            target = _next(answer)

    def _json(self, answer: HTTPResponse) -> dict[str, Any]:
        return _object(answer.read(_PAGE_BYTES))

    def _read(self, answer: HTTPResponse, size: int) -> bytes:
        try:
            return answer.read(size)
        except (OSError, HTTPException) as error:
            raise RegistryError(f"{self.base} broke off: {_why(error)}") from error

    def _require(self, answer: HTTPResponse, status: int, text: bytes | None = None) -> None:
        if answer.status != status:
            data = answer.read(_PAGE_BYTES) if text is None else text
            raise RegistryError(f"{self.base} refuses: {_said(data) or f'status {answer.status}'}", answer.status)


def _pull(repository: str) -> str:
    return f"repository:{repository}:pull"


def _both(repository: str) -> str:
    return f"repository:{repository}:pull,push"


def _basic(secret: Secret) -> str:
    return "Basic " + b64encode(f"{secret.user}:{secret.password}".encode()).decode()


def _next(answer: HTTPResponse) -> str | None:
    link = answer.getheader("Link") or ""
    if 'rel="next"' not in link or "<" not in link or ">" not in link:
        return None
    return link.partition("<")[2].partition(">")[0]


def _object(data: bytes) -> dict[str, Any]:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        found = None
    return found if isinstance(found, dict) else {}


def _said(data: bytes) -> str:
    """What a refusal says, for people."""
    errors = _object(data).get("errors")
    if isinstance(errors, list) and errors and isinstance(errors[0], dict):
        return str(errors[0].get("message") or errors[0].get("code") or "")[:_CUT]
    return ""


def _why(error: object) -> str:
    untrusted = getattr(error, "verify_message", None)
    if untrusted:
        return f"its certificate is not trusted ({untrusted})"
    if isinstance(error, OSError) and error.errno is not None and error.errno > 0:
        return os.strerror(error.errno)
    return str(error)[:_CUT] or type(error).__name__
