"""The management API as the client verbs see it, by the standard library alone.

Promises: credentials go to the registry's own address and follow no redirect; they cross no network in clear unless
that was said; what comes back is JSON of a bounded size, or a `Problem` or `Unreachable` that says what to do.
"""

from __future__ import annotations

import json
import os
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urlsplit

from holdfast import __version__
from holdfast.cli.contexts import Context, chosen

if TYPE_CHECKING:
    from urllib.request import OpenerDirector

API = "/api/v1"
CLIENT_ID = "holdfast"
SCOPE = "registry:management:*"
_NEUTRAL = "<token>"
"""The user name that a key is sent under when its owner's is not known."""
_TIMEOUT = 60.0
_LARGEST = 64 << 20
_PAGE = 500


class Problem(Exception):
    """The registry refused. `status`; `kind`: the last part of the problem's type; `detail`: its text; `body`: all."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        self.status = status
        self.body = body
        self.kind = str(body.get("type", "")).rpartition("/")[2]
        self.detail = str(body.get("detail") or body.get("title") or f"status {status}")
        super().__init__(self.detail)


class Unreachable(Exception):
    """No registry answered as one; the text says why."""


def segment(name: str) -> str:
    """`name` as one segment of a path of the API."""
    return quote(name.replace("~", "~0").replace("/", "~1"), safe="~")


class Client:
    """Calls the API of one registry. Raises `Problem`, `Unreachable`."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self._opener: OpenerDirector | None = None
        self._authorization: str | None = None

    @classmethod
    def from_context(cls, name: str | None = None) -> Client:
        """For the context called `name`, else for what the environment or the last log-in says. Raises
        `ContextError`."""
        return cls(chosen(name))

    def get(self, path: str, /, **query: Any) -> Any:
        """GET `path` (below /api/v1); fields of `query` that are None are left out."""
        return self._call("GET", path, None, query, {})[0]

    def post(self, path: str, body: Any = None, /, **query: Any) -> Any:
        """POST `body` (None: none)."""
        return self._call("POST", path, body, query, {})[0]

    def post_version(self, path: str, body: Any = None, **query: Any) -> tuple[Any, str]:
        """POST `body`, and the ETag of the answer ('' where there is none)."""
        answer, headers = self._call("POST", path, body, query, {})
        return answer, str(headers.get("etag", ""))

    def put(self, path: str, body: Any = None, /, *, version: str = "", **query: Any) -> Any:
        """PUT `body`; `version`: the ETag that is replaced."""
        return self._call("PUT", path, body, query, _if_match(version))[0]

    def patch(self, path: str, body: Any, /, *, version: str = "", **query: Any) -> Any:
        """PATCH with `body`; `version`: the ETag that is changed."""
        return self._call("PATCH", path, body, query, _if_match(version))[0]

    def delete(self, path: str, /, *, version: str = "", **query: Any) -> Any:
        """DELETE; `version`: the ETag that is deleted."""
        return self._call("DELETE", path, None, query, _if_match(version))[0]

    def pages(self, path: str, /, *, most: int | None = None, **query: Any) -> Iterator[Any]:
        """Every item of a list, page by page; `most`: no more than these."""
        after: str | None = None
        left = most
        while left is None or left > 0:
            page = self.get(path, after=after, limit=_PAGE if left is None else min(left, _PAGE), **query)
            yield from page["items"]
            left = None if left is None else left - len(page["items"])
            after = page["next"]
            if after is None:
                return

    def log_in(self, password: str) -> str | None:
        """A refresh token for the context's user, None where the registry gives none to it."""
        answer = self._token(
            grant_type="password",
            username=self.context.user,
            password=password,
            access_type="offline",
        )
        token = answer.get("refresh_token")
        return token if isinstance(token, str) and token else None

    def lines(self, path: str, /, *, headers: dict[str, str], seconds: float, **query: Any) -> Iterator[str]:
        """The lines of an answer that lasts, as they come. After `seconds` without one it counts as broken off."""
        where, used = _where(path, query), self._authorization
        try:
            yield from self._lines(where, headers, seconds)
        except Problem as problem:  # of the beginning: what has begun is refused no more
            self._forget_token(problem, used)
            yield from self._lines(where, headers, seconds)

    def _token(self, **fields: str) -> dict[str, Any]:
        form = urlencode({"client_id": CLIENT_ID, "scope": SCOPE, **fields}).encode()
        answer, _ = self._send("POST", "/token", form, {"Content-Type": "application/x-www-form-urlencoded"})
        token = answer.get("access_token") if isinstance(answer, dict) else None
        if not isinstance(token, str):
            raise Unreachable(f"{self.context.url} gives no tokens: is it a Holdfast registry?")
        self._authorization = f"Bearer {token}"
        return dict(answer)

    def _call(
        self, method: str, path: str, body: Any, query: dict[str, Any], headers: dict[str, str]
    ) -> tuple[Any, Any]:
        where = _where(path, query)
        data = None if body is None else json.dumps(body).encode()
        given = {"Content-Type": "application/json", **headers} if data is not None else dict(headers)
        used = self._authorization
        try:
            return self._send(method, where, data, self._with_authorization(given))
        except Problem as problem:
            self._forget_token(problem, used)
        return self._send(method, where, data, self._with_authorization(given))

    def _forget_token(self, problem: Problem, used: str | None) -> None:
        """The access token of a verb that goes on for long has ended; raises `problem` where that is not it."""
        if problem.status != 401 or used is None or not self.context.refresh:
            raise problem
        self._authorization = None

    def _lines(self, where: str, headers: dict[str, str], seconds: float) -> Iterator[str]:
        with self._answered("GET", where, None, self._with_authorization(headers), seconds) as answer:
            while line := answer.readline(_LARGEST):
                yield line.decode("utf-8", "replace").rstrip("\r\n")

    def _with_authorization(self, headers: dict[str, str]) -> dict[str, str]:
        authorization = self._log_in_again()
        return {**headers, "Authorization": authorization} if authorization else headers

    def _log_in_again(self) -> str:
        """The Authorization that this process uses, '' for none."""
        context = self.context
        if self._authorization is None:
            if context.token:
                self._authorization = f"Bearer {context.token}"
            elif context.key:
                pair = f"{context.user or _NEUTRAL}:{context.key}"
                self._authorization = "Basic " + b64encode(pair.encode()).decode()
            elif context.refresh:
                self._token(grant_type="refresh_token", refresh_token=context.refresh)
            else:
                self._authorization = ""
        return self._authorization or ""

    def _send(self, method: str, where: str, data: bytes | None, headers: dict[str, str]) -> tuple[Any, Any]:
        with self._answered(method, where, data, headers, _TIMEOUT) as answer:
            return _decoded(answer.read(_LARGEST), self.context.url), answer.headers

    @contextmanager
    def _answered(
        self, method: str, where: str, data: bytes | None, headers: dict[str, str], seconds: float
    ) -> Iterator[Any]:
        """The answer to a request; what goes wrong with it, at any time, as the errors of this room."""
        from http.client import HTTPException
        from urllib.error import HTTPError, URLError
        from urllib.request import Request

        url = self.context.url + where
        check_transport(self.context)
        request = Request(url, data=data, method=method, headers={"User-Agent": f"holdfast/{__version__}", **headers})  # noqa: S310 - the scheme was checked
        try:
            with self._open().open(request, timeout=seconds) as answer:
                yield answer
        except HTTPError as error:
            with error:
                body = error.read(_LARGEST)
            raise _problem(error.code, body, self.context.url) from None
        except URLError as error:
            raise Unreachable(f"{self.context.url} does not answer: {_why(error.reason)}") from error
        except (OSError, HTTPException) as error:
            raise Unreachable(f"{self.context.url} broke off: {_why(error)}") from error

    def _open(self) -> OpenerDirector:
        if self._opener is None:
            import ssl
            from urllib.request import HTTPRedirectHandler, HTTPSHandler, ProxyHandler, build_opener

            class _Stay(HTTPRedirectHandler):
                def redirect_request(self, *_args: Any, **_kwargs: Any) -> None:
                    return None

            try:
                trust = ssl.create_default_context(cafile=self.context.ca or None)
            except OSError as error:
                raise Unreachable(f"the certificates in {self.context.ca} cannot be read: {_why(error)}") from error
            handlers: list[Any] = [_Stay(), HTTPSHandler(context=trust)]
            if is_loopback(urlsplit(self.context.url).hostname or ""):
                handlers.append(ProxyHandler({}))
            self._opener = build_opener(*handlers)
        return self._opener


def check_transport(context: Context) -> None:
    """Raise `Unreachable` where secrets would cross a network in clear, and nobody said that this is meant."""
    parts = urlsplit(context.url)
    if parts.scheme == "http" and not context.insecure_http and not is_loopback(parts.hostname or ""):
        raise Unreachable(
            f"{context.url} is plain HTTP, which shows secrets to the network: use https, or say "
            "--insecure-http at `holdfast login` (HOLDFAST_INSECURE_HTTP=1)"
        )


def _where(path: str, query: dict[str, Any]) -> str:
    fields = {name: value for name, value in query.items() if value is not None}
    return API + path + (f"?{urlencode(fields, doseq=True)}" if fields else "")


def _if_match(version: str) -> dict[str, str]:
    return {"If-Match": version} if version else {}


def is_loopback(host: str) -> bool:
    """Whether `host` is an address of the machine itself, whichever machine that is."""
    from ipaddress import ip_address

    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _decoded(data: bytes, url: str) -> Any:
    if not data:
        return None
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Unreachable(f"what answers at {url} is no Holdfast registry") from error


def _problem(status: int, data: bytes, url: str) -> Problem | Unreachable:
    try:
        body = json.loads(data)
    except (ValueError, RecursionError):
        body = None
    match body:
        case {"type": str(), "detail": str()}:
            return Problem(status, body)
        case {"errors": [{"code": str(code), "message": str(message)}, *_]}:  # the token endpoint speaks as /v2 does
            return Problem(status, {"type": f"/problems/{code.lower()}", "detail": message})
    return Unreachable(f"{url} answers with status {status}, not as a Holdfast registry does")


def _why(error: object) -> str:
    """What went wrong, without numbers and paths; of a certificate, what to do."""
    untrusted = getattr(error, "verify_message", None)
    if untrusted:
        return f"its certificate is not trusted ({untrusted}): name its authority by --ca-file at `holdfast login`"
    if isinstance(error, OSError) and error.errno is not None and error.errno > 0 and not hasattr(error, "library"):
        return os.strerror(error.errno)
    return str(getattr(error, "reason", None) or error)[:256] or type(error).__name__
