"""One request of a browser, and what goes back to it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, quote

from holdfast.access.errors import Invalid, Unauthenticated
from holdfast.access.signin.model import Session
from holdfast.journal.model import Origin
from holdfast.web.caller import Caller
from holdfast.web.forms import BODY_LIMIT, BadForm, Fields, FormTooLarge, parse_form
from holdfast.web.refusals import Malformed, NoPage

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

HEADER_BYTES = 32 << 10
_QUERY_FIELDS = 64
_IDLE = 30.0
_AGENT = 256
_DIGITS = 18
_ONCE = frozenset({"content-length", "content-type", "origin", "transfer-encoding"})


class Answer(NamedTuple):
    """A whole answer; `headers` beside those that every page has."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


class Look(NamedTuple):
    """How somebody wants pages to look. `theme`: auto, light or dark; `density`: comfortable or compact; `zone`: of
    times, an IANA name, '' the browser's; `keys`: whether single keys do something."""

    theme: str = "auto"
    density: str = "comfortable"
    zone: str = ""
    keys: bool = True


class Toast(NamedTuple):
    """What the page before this one did. `undo`: where that is undone, '' nowhere."""

    text: str
    undo: str = ""


class Visit:
    """One request. `session`: of the browser, None when nobody is signed in; `caller`: who that is, with the rights of
    this moment; `named`: the parts of the path that the route names; `running`: how many jobs the header tells of;
    `wrong`: what is wrong with fields of the form that was sent, by their names; `confined`: nothing is open but
    setting up a second factor."""

    def __init__(self, scope: Scope, receive: Receive, request_id: str, address: str) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.id = request_id
        self.origin = Origin(request_id, address)
        self.headers: dict[str, str] = {}
        self.session: Session | None = None
        self.named: Mapping[str, str] = {}
        self.received = 0
        self._scope = scope
        self._receive = receive
        self._ended = self.method in ("GET", "HEAD")
        self._form: Fields | None = None
        self.caller: Caller | None = None
        self.counted = False
        self.look = Look()
        self.toast: Toast | None = None
        self.running = 0
        self.wrong: dict[str, str] = {}
        self.confined = False

    def number(self, name: str) -> int:
        """The part `name` of the path, as a number. Raises `NoPage`."""
        text = self.named[name]
        if not text.isascii() or not text.isdigit() or len(text) > _DIGITS:
            raise NoPage
        return int(text)

    def read_headers(self) -> None:
        """Keep the headers. Raises `Malformed` for those that could be read in two ways (RFC 9112, 3.2 and 6.3)."""
        hosts = size = 0
        for raw, value in self._scope["headers"]:
            name = raw.decode("latin-1")
            size += len(raw) + len(value)
            hosts += name == "host" and bool(value)
            if name in self.headers and name in _ONCE:
                raise Malformed(f"the header {name} is given twice")
            text = value.decode("latin-1")
            self.headers[name] = f"{self.headers[name]}; {text}" if name == "cookie" and name in self.headers else text
        if size > HEADER_BYTES:
            raise Malformed("the headers are too large")
        if hosts != 1 and self._scope["http_version"] == "1.1":
            raise Malformed("a request names exactly one Host")
        if "transfer-encoding" in self.headers and "content-length" in self.headers:
            raise Malformed("Content-Length and Transfer-Encoding exclude each other")
        self.origin = self.origin._replace(agent=self.headers.get("user-agent", "")[:_AGENT])

    @property
    def here(self) -> str:
        """The path and the query, as links write them."""
        raw: bytes = self._scope["query_string"]
        path = quote(self.path)
        return f"{path}?{raw.decode('ascii', 'replace')}" if raw else path

    @property
    def partial(self) -> bool:
        """Whether a script asks for a part of a page, and does not restore one."""
        return self.headers.get("hx-request") == "true" and "hx-history-restore-request" not in self.headers

    @property
    def query(self) -> dict[str, str]:
        """The fields of the query, each once. Raises `Malformed`."""
        raw: bytes = self._scope["query_string"]
        try:
            pairs = parse_qsl(raw.decode("ascii"), keep_blank_values=True, max_num_fields=_QUERY_FIELDS)
        except ValueError as error:
            raise Malformed("the query cannot be read") from error
        fields = dict(pairs)
        if len(fields) != len(pairs):
            raise Malformed("a field of the query comes twice")
        return fields

    @property
    def signed_in(self) -> Session:
        """The session. Raises `Unauthenticated` when there is none."""
        if self.session is None:
            raise Unauthenticated
        return self.session

    async def drain(self) -> None:
        """Read what is left of a small body before it is refused: a client that still sends would only see the
        connection break."""
        try:
            if not self._ended and "expect" not in self.headers:
                await self.form()
        except (FormTooLarge, Malformed, BadForm):
            return

    @property
    def sent(self) -> Fields | None:
        """The fields of the form, as far as it was read."""
        return self._form

    def told(self, error: Exception, names: Mapping[str, str] | None = None, *, at: str = "") -> str:
        """What the summary of a refused form says of `error`, which is kept in `wrong` for the field that it is about.
        `names`: how the form calls fields that services call otherwise; `at`: the field, where `error` names none."""
        field = error.field if isinstance(error, Invalid) else at
        if field:
            self.wrong[(names or {}).get(field, field)] = str(error)
        return str(error)

    async def form(self) -> Fields:
        """The fields of the form, however often they are asked for. Raises `BadForm`, `FormTooLarge`, `Malformed`."""
        if self._form is None:
            self._form = parse_form(self.headers.get("content-type", ""), await self._body())
        return self._form

    async def _body(self) -> bytes:
        length = self.headers.get("content-length", "0")
        if not length.isdigit() or len(length) > 9:
            raise Malformed("Content-Length is not a number")
        if int(length) > BODY_LIMIT:
            raise FormTooLarge
        pieces: list[bytes] = []
        while not self._ended:
            try:
                async with asyncio.timeout(_IDLE):
                    message = await self._receive()
            except TimeoutError as error:
                raise Malformed("the form stopped arriving") from error
            if message["type"] == "http.disconnect":
                raise Malformed("the form ended before its end")
            piece: bytes = message.get("body", b"")
            self._ended = not message.get("more_body", False)
            self.received += len(piece)
            if self.received > BODY_LIMIT:
                raise FormTooLarge
            pieces.append(piece)
        return b"".join(pieces)
