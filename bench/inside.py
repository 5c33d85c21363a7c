"""Asking the pages in this process, without a socket between: as somebody does who has signed in with a password."""

from __future__ import annotations

import base64
import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from html.parser import HTMLParser
from typing import Any, NamedTuple
from urllib.parse import urlencode

from holdfast.distribution.request import Receive, Scope, Send

Room = Callable[[Scope, Receive, Send], Awaitable[None]]
_ORIGIN = "http://127.0.0.1:5000"
"""Of a registry that nothing was set of."""


class Answer(NamedTuple):
    """What came back, the body as it is sent."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def location(self) -> str:
        """Where a redirect leads; '': nowhere."""
        return next((value for name, value in self.headers if name == "location"), "")

    @property
    def cookies(self) -> dict[str, str]:
        """What a browser keeps."""
        given = (value.partition(";")[0].partition("=") for name, value in self.headers if name == "set-cookie")
        return {name: value for name, _, value in given}


class _Hidden(HTMLParser):
    """The hidden fields of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "input" and given.get("type") == "hidden":
            self.fields[given.get("name") or ""] = given.get("value") or ""


class Visitor:
    """Somebody who looks at pages. `rooms`: of the program, by the first segment of a path."""

    def __init__(self, rooms: Mapping[str, Room]) -> None:
        self._rooms = rooms
        self._cookies: dict[str, str] = {}

    async def sign_in(self, name: str, password: str) -> None:
        """As by the form. Raises `RuntimeError` where that does not work."""
        page = await self.ask("GET", "/sign-in")
        hidden = _Hidden()
        hidden.feed(page.body.decode())
        form = urlencode({**hidden.fields, "name": name, "password": password}).encode()
        kind = {"origin": _ORIGIN, "content-type": "application/x-www-form-urlencoded"}
        answer = await self.ask("POST", "/sign-in", kind, form)
        if answer.status not in (302, 303):
            raise RuntimeError(f"{name} cannot sign in: {answer.status}")

    async def look(self, path: str, *, part: bool = False) -> Answer:
        """A page, compressed; `part`: what our script asks for to put it into a page."""
        return await self.ask("GET", path, {"accept-encoding": "gzip", **({"hx-request": "true"} if part else {})})

    async def ask(self, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes = b"") -> Answer:
        """Any request, with the cookies that there are."""
        sent: list[MutableMapping[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: MutableMapping[str, Any]) -> None:
            sent.append(message)

        said = {"host": _ORIGIN.partition("://")[2], "content-length": str(len(body)), **(headers or {})}
        if self._cookies:
            said["cookie"] = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        where, _, query = path.partition("?")
        scope: dict[str, Any] = {
            "type": "http",
            "method": method,
            "path": where,
            "query_string": query.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in said.items()],
            "http_version": "1.1",
            "scheme": "http",
            "client": ("127.0.0.1", 1),
        }
        await self._rooms[where.split("/")[1]](scope, receive, send)
        given = [(name.decode().lower(), value.decode()) for name, value in sent[0]["headers"]]
        answer = Answer(sent[0]["status"], given, b"".join(each.get("body", b"") for each in sent[1:]))
        self._cookies |= answer.cookies
        return answer


async def make(rooms: Mapping[str, Room], who: tuple[str, str], path: str, what: Mapping[str, object]) -> None:
    """POST to the management API with a name and a password. Raises `RuntimeError` for what is not made."""
    secret = base64.b64encode(":".join(who).encode()).decode()
    headers = {"authorization": f"Basic {secret}", "content-type": "application/json"}
    answer = await Visitor(rooms).ask("POST", f"/api/v1{path}", headers, json.dumps(what).encode())
    if answer.status != 201:
        raise RuntimeError(f"POST {path}: {answer.status} {answer.body.decode()[:300]}")
