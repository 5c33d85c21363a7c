"""The pages as one ASGI application: routes, who is signed in, refusals as pages, and what every answer says.

Promises (rules 5 and 19): no answer may run or load anything but our stylesheet, stand in a frame, or be kept; a
session is looked up for every page, and is no credential anywhere else; one line of the access log a request, without
its query.
"""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from holdfast.access.errors import StalePermit, Throttled
from holdfast.access.signin.sessions import Sessions
from holdfast.telemetry.access_log import Access as AccessLine
from holdfast.telemetry.surface import Telemetry
from holdfast.web.assets import Assets
from holdfast.web.cookies import Cookies
from holdfast.web.forms import Forms
from holdfast.web.place import Place
from holdfast.web.refusals import NoMethod, NoPage, refusal_of, sentence
from holdfast.web.templates import Templates
from holdfast.web.visit import Answer, Receive, Scope, Send, Visit

SESSION = "session"
"""The cookie of who is signed in."""
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_EVERY_ANSWER = (
    ("content-security-policy", POLICY),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=()"),
)
_NOT_KEPT = ("cache-control", "no-store")
_KEPT = ("cache-control", "public, max-age=31536000, immutable")
_RETRY = "5"
_FORESEEN = (502, 503, 507)
Handler = Callable[[Visit], Awaitable[Answer]]


class Route(NamedTuple):
    """A page: its method, its path with names in braces for segments, and who answers."""

    method: str
    path: str
    handler: Handler


class _Compiled(NamedTuple):
    pattern: re.Pattern[str]
    methods: dict[str, Handler]


class Frame(NamedTuple):
    """What pages are made with."""

    place: Place
    cookies: Cookies
    forms: Forms
    templates: Templates
    sessions: Sessions

    def page(
        self,
        visit: Visit,
        template: str,
        /,
        *,
        status: int = 200,
        headers: Sequence[tuple[str, str]] = (),
        **values: object,
    ) -> Answer:
        """The page of a template for this visit. Its forms are bound to the session, unless `form` says otherwise."""
        if visit.session is not None:
            values.setdefault("form", self.forms.mark(self.cookies.read(visit.headers.get("cookie", ""), SESSION)))
        given = {"session": visit.session, "host": self.place.host, "request_id": visit.id, **values}
        body = self.templates.render(template, **given)
        return Answer(status, body.encode(), (("content-type", "text/html; charset=utf-8"), *headers))

    async def changes(self, visit: Visit) -> dict[str, str]:
        """The fields of a form of somebody who is signed in, once it is sure that it comes from a page of ours.

        Raises `Unauthenticated`, `ForeignForm`, `BadForm`, `FormTooLarge`.
        """
        fields = await visit.form()
        visit.signed_in  # noqa: B018 - raises
        self.forms.check(visit.headers, fields, self.cookies.read(visit.headers.get("cookie", ""), SESSION))
        return fields


def redirect(path: str, *cookies: str) -> Answer:
    """Go on elsewhere, by GET."""
    return Answer(303, b"", (("location", path), *(("set-cookie", cookie) for cookie in cookies)))


class Site:
    """The pages of `routes`."""

    def __init__(self, frame: Frame, assets: Assets, telemetry: Telemetry, routes: Sequence[Route]) -> None:
        self._frame = frame
        self._assets = assets
        self._telemetry = telemetry
        table: dict[str, dict[str, Handler]] = {}
        for route in routes:
            table.setdefault(route.path, {})[route.method] = route.handler
        self._routes = [_Compiled(_pattern(path), methods) for path, methods in table.items()]
        self.first_segments = frozenset(path.split("/", 2)[1] for path in table) | {"assets"}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP request."""
        began = time.perf_counter()
        visit = Visit(scope, receive, self._telemetry.ids.next(), self._telemetry.remote(scope))
        try:
            answer = await self._answer(visit)
        except Exception as error:
            await visit.drain()
            answer = self._refuse(visit, error)
        body = b"" if visit.method == "HEAD" else answer.body
        await send({"type": "http.response.start", "status": answer.status, "headers": _headers(visit, answer)})
        await send({"type": "http.response.body", "body": body})
        self._telemetry.counters.count("page", answer.status, visit.received, len(body))
        self._telemetry.access_log.add(
            AccessLine(
                visit.id,
                visit.origin.address,
                visit.session.name if visit.session is not None else "anonymous",
                visit.method,
                visit.path,
                answer.status,
                len(body),
                visit.received,
                time.perf_counter() - began,
                visit.headers.get("user-agent", ""),
            )
        )

    async def _answer(self, visit: Visit) -> Answer:
        visit.read_headers()
        reads = visit.method in ("GET", "HEAD")
        asset = self._assets.at(visit.path) if reads else None
        if asset is not None:
            return Answer(200, asset.body, (("content-type", asset.media_type), _KEPT))
        if "\0" in visit.path:
            raise NoPage
        for route in self._routes:
            match = route.pattern.fullmatch(visit.path)
            if match is None:
                continue
            handler = route.methods.get("GET" if reads else visit.method)
            if handler is None:
                raise NoMethod(", ".join(sorted({*route.methods, *({"HEAD"} if "GET" in route.methods else ())})))
            visit.named = match.groupdict()
            try:
                return await self._handle(visit, handler)
            except StalePermit:  # rights changed meanwhile, and nothing was done: decide anew, once
                return await self._handle(visit, handler)
        raise NoPage

    async def _handle(self, visit: Visit, handler: Handler) -> Answer:
        cookie = self._frame.cookies.read(visit.headers.get("cookie", ""), SESSION)
        visit.session = await self._frame.sessions.find(cookie)
        return await handler(visit)

    def _refuse(self, visit: Visit, error: Exception) -> Answer:
        """The page that says what went wrong; what nobody foresaw goes to the log with its stack."""
        refusal = refusal_of(error)
        events = self._telemetry.events
        if refusal.status in _FORESEEN:
            events.warning("request refused", request=visit.id, status=refusal.status, why=repr(error))
        elif refusal.status >= 500:
            events.error("request failed", request=visit.id, status=refusal.status, exc_info=error)
        headers = []
        if isinstance(error, NoMethod):
            headers.append(("allow", error.allowed))
        if refusal.status in (429, 503):
            headers.append(("retry-after", str(error.seconds) if isinstance(error, Throttled) else _RETRY))
        text = sentence(error, refusal)
        return self._frame.page(
            visit, "refused.html", status=refusal.status, headers=headers, title=refusal.title, text=text
        )


def _headers(visit: Visit, answer: Answer) -> list[tuple[bytes, bytes]]:
    own = {name for name, _ in answer.headers}
    headers = [
        *_EVERY_ANSWER,
        *(() if "cache-control" in own else (_NOT_KEPT,)),
        *answer.headers,
        ("x-request-id", visit.id),
        ("content-length", str(len(answer.body))),
    ]
    return [(name.encode(), value.encode("latin-1")) for name, value in headers]


def _pattern(path: str) -> re.Pattern[str]:
    """`/me/keys/{key}` as a pattern whose names are segments."""
    return re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(path)))
