"""The pages as one ASGI application: routes, who asks, refusals as pages, and what every answer says.

Promises (rules 5 and 19): no answer may run or load anything but our own script and style, stand in a frame, or be
kept; a session is looked up for every page, and is no credential anywhere else; who has to set up a second factor is
led there from everywhere; one line of the access log a request, without its query.
"""

from __future__ import annotations

import gzip
import re
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import NamedTuple
from urllib.parse import quote

from holdfast.access.errors import (
    Denied,
    SecondFactorMissing,
    StalePermit,
    Throttled,
    TooManyRequests,
    Unauthenticated,
    Unknown,
)
from holdfast.access.model import Identity
from holdfast.access.standing import reading
from holdfast.journal.model import Origin
from holdfast.registry.errors import BlobUnknown, ManifestUnknown, QuotaExceeded, RepositoryUnknown
from holdfast.telemetry.access_log import Access as AccessLine
from holdfast.telemetry.surface import Telemetry
from holdfast.web.again import again_page
from holdfast.web.assets import Asset, Assets
from holdfast.web.caller import Caller
from holdfast.web.forms import ForeignForm
from holdfast.web.frame import SESSION, THEME, Frame, redirect
from holdfast.web.refusals import NoMethod, NoPage, Refusal, refusal_of, sentence
from holdfast.web.toasts import COOKIE
from holdfast.web.visit import Answer, Look, Receive, Scope, Send, Visit

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
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
_HIDDEN = (Denied, Unknown, RepositoryUnknown, ManifestUnknown, BlobUnknown)
"""Refusals that being signed in might end."""
_ENROLMENT = "/me/second-factor"
"""Where who has to set up a second factor does so."""
_COMPRESSED = 1024
"""Bytes from which on a page is compressed."""
_LEVEL = 5
Handler = Callable[[Visit], Awaitable[Answer]]


class Route(NamedTuple):
    """A page: its method, its path, and who answers. In the path `{tag}` is one segment, `{repository:name}` a name of
    any depth; no part of a name is `-`, so that `/-/` ends it. `enrolling`: it is open to who has to set up a second
    factor first."""

    method: str
    path: str
    handler: Handler
    enrolling: bool = False


class Heard(NamedTuple):
    """Who is told of refusals: of a denial, and of one for want of room under a quota."""

    denied: Callable[[Identity, Origin, Denied], None] = lambda who, origin, error: None
    exceeded: Callable[[QuotaExceeded, str, Origin], None] = lambda error, actor, origin: None


class _Compiled(NamedTuple):
    pattern: re.Pattern[str]
    methods: dict[str, Route]


More = Callable[[Visit, Exception], Mapping[str, object]]
"""What the page of a refusal says beside the refusal: where it is explained, where access is asked for."""


class Site:
    """The pages of `routes`. `more`: see `More`."""

    def __init__(
        self,
        frame: Frame,
        assets: Assets,
        telemetry: Telemetry,
        routes: Sequence[Route],
        *,
        heard: Heard | None = None,
        more: More = lambda visit, error: {},
    ) -> None:
        self._frame = frame
        self._assets = assets
        self._telemetry = telemetry
        self._heard = heard or Heard()
        self._more = more
        self.routes = tuple(routes)
        table: dict[str, dict[str, Route]] = {}
        for route in routes:
            table.setdefault(route.path, {})[route.method] = route
        self._routes: dict[str, list[_Compiled]] = {}
        for path, methods in table.items():
            self._routes.setdefault(path.split("/", 2)[1], []).append(_Compiled(_pattern(path), methods))
        self.first_segments = frozenset({*self._routes, "assets"})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP request."""
        began = time.perf_counter()
        visit = Visit(scope, receive, self._telemetry.ids.next(), self._telemetry.remote(scope))
        try:
            answer = await self._answer(visit)
        except Exception as error:
            await visit.drain()
            answer = self._refuse(visit, error)
        answer = _packed(visit, answer)
        body = b"" if visit.method == "HEAD" else answer.body
        await send({"type": "http.response.start", "status": answer.status, "headers": _headers(visit, answer)})
        await send({"type": "http.response.body", "body": body})
        seconds = time.perf_counter() - began
        self._telemetry.counters.count("page", visit.method, answer.status, visit.received, len(body), seconds)
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
                seconds,
                visit.headers.get("user-agent", ""),
            )
        )

    async def _answer(self, visit: Visit) -> Answer:
        visit.read_headers()
        reads = visit.method in ("GET", "HEAD")
        asset = self._assets.at(visit.path) if reads else None
        if asset is not None:
            return _kept(visit, asset)
        visit.look = self._themed(visit)
        if "\0" in visit.path:
            raise NoPage
        for route in self._routes.get(visit.path.split("/", 2)[1] if visit.path else "", ()):
            match = route.pattern.fullmatch(visit.path)
            if match is None:
                continue
            chosen = route.methods.get("GET" if reads else visit.method)
            if chosen is None:
                raise NoMethod(", ".join(sorted({*route.methods, *({"HEAD"} if "GET" in route.methods else ())})))
            visit.named = match.groupdict()
            try:
                return await self._handle(visit, chosen)
            except StalePermit:  # rights changed meanwhile, and nothing was done: decide anew, once
                return await self._handle(visit, chosen, anew=True)
        raise NoPage

    async def _handle(self, visit: Visit, route: Route, *, anew: bool = False) -> Answer:
        frame = self._frame
        cookie = visit.headers.get("cookie", "")
        visit.session = await frame.sessions.find(frame.cookies.read(cookie, SESSION))
        who = await self._who(visit, anew=anew)
        if visit.method in ("GET", "HEAD"):
            who = reading(who)
        visit.caller = Caller(who, visit.session, visit.origin, frame.access)
        if frame.access.limits is not None and not anew:
            await frame.access.limits.count(who, visit.origin)
        if visit.session is not None:
            visit.confined = frame.sessions.must_enrol(visit.session, who)
            if visit.confined and not route.enrolling:
                raise SecondFactorMissing
            visit.look = await frame.looks(visit.session.account_id)
            visit.running = 0 if visit.partial or visit.confined else await frame.running(visit.caller)
        visit.toast = frame.toasts.read(frame.cookies.read(cookie, COOKIE))
        return await frame.access.settled(who, lambda: route.handler(visit))

    async def _who(self, visit: Visit, *, anew: bool) -> Identity:
        """Who asks, with the rights of this moment."""
        if visit.session is not None:
            return await self._frame.sessions.identity(visit.session)
        access = self._frame.access
        known = None if anew else access.remembered(None)
        return known if known is not None else await access.authenticate(None, visit.origin)

    def _themed(self, visit: Visit) -> Look:
        """How a page looks for whom nobody knows: the theme that this browser was told last."""
        theme = self._frame.cookies.read(visit.headers.get("cookie", ""), THEME)
        return Look(theme=theme if theme in ("light", "dark") else "auto")

    def _refuse(self, visit: Visit, error: Exception) -> Answer:
        """The page that says what went wrong; what nobody foresaw goes to the log with its stack."""
        reads = visit.method in ("GET", "HEAD")
        if (
            visit.caller is not None
            and visit.session is None
            and (isinstance(error, Unauthenticated) or (reads and isinstance(error, _HIDDEN)))
        ):
            again = None if reads else again_page(self._frame, visit, "Your sign-in has ended.")
            return again or redirect(f"/sign-in?next={quote(visit.here)}" if reads else "/sign-in")
        if isinstance(error, SecondFactorMissing):
            return redirect(_ENROLMENT)
        if isinstance(error, ForeignForm) and visit.session is not None:
            again = again_page(self._frame, visit, "This page was of an earlier sign-in.")
            if again is not None:
                return again
        refusal = refusal_of(error)
        events = self._telemetry.events
        if refusal.status in _FORESEEN:
            events.warning("request refused", request=visit.id, status=refusal.status, why=repr(error))
        elif refusal.status >= 500:
            events.error("request failed", request=visit.id, status=refusal.status, exc_info=error)
        self._tell(visit, error)
        headers = []
        if isinstance(error, NoMethod):
            headers.append(("allow", error.allowed))
        if refusal.status in (429, 503):
            seconds = error.seconds if isinstance(error, Throttled | TooManyRequests) else _RETRY
            headers.append(("retry-after", str(seconds)))
        return self._refused(visit, error, refusal, headers)

    def _refused(self, visit: Visit, error: Exception, refusal: Refusal, headers: Sequence[tuple[str, str]]) -> Answer:
        said = {"title": refusal.title, "text": sentence(error, refusal), "explain": "", "ask": "", "retry": False}
        said["retry"] = refusal.status in (409, 429, 502, 503, 507)
        return self._frame.page(
            visit,
            "refused.html",
            status=refusal.status,
            headers=headers,
            fragment="refusal",
            **{**said, **self._more(visit, error)},
        )

    def _tell(self, visit: Visit, error: Exception) -> None:
        if visit.caller is None:
            return
        if isinstance(error, Denied):
            self._heard.denied(visit.caller.who, visit.origin, error)
        elif isinstance(error, QuotaExceeded):
            self._heard.exceeded(error, visit.caller.who.subject.actor, visit.origin)


def _kept(visit: Visit, asset: Asset) -> Answer:
    """A file that browsers keep for good: its address changes with it."""
    headers = (("content-type", asset.media_type), _KEPT)
    if _takes_gzip(visit):
        return Answer(200, asset.packed, (*headers, ("content-encoding", "gzip")))
    return Answer(200, asset.body, headers)


def _takes_gzip(visit: Visit) -> bool:
    """Whether the browser takes an answer compressed (RFC 9110, 12.5.3)."""
    for each in visit.headers.get("accept-encoding", "").lower().split(","):
        name, _, weight = each.replace(" ", "").partition(";")
        if name in ("gzip", "*"):
            return weight not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


def _packed(visit: Visit, answer: Answer) -> Answer:
    """The answer compressed where the browser takes that and it is worth it. What is in a page beside a secret is the
    visitor's own, and each form's mark is of no use elsewhere; still a page that shows a secret once is left alone by
    saying `no-transform`."""
    own = dict(answer.headers)
    if (
        len(answer.body) < _COMPRESSED
        or "content-encoding" in own
        or "no-transform" in own.get("cache-control", "")
        or not _takes_gzip(visit)
    ):
        return answer
    body = gzip.compress(answer.body, _LEVEL, mtime=0)
    return answer._replace(body=body, headers=(*answer.headers, ("content-encoding", "gzip")))


def _headers(visit: Visit, answer: Answer) -> list[tuple[bytes, bytes]]:
    own = {name for name, _ in answer.headers}
    headers = [
        *_EVERY_ANSWER,
        *(() if "cache-control" in own else (_NOT_KEPT,)),
        *answer.headers,
        ("vary", "HX-Request, Accept-Encoding"),
        ("x-request-id", visit.id),
        ("content-length", str(len(answer.body))),
    ]
    return [(name.encode(), value.encode("latin-1")) for name, value in headers]


def _pattern(path: str) -> re.Pattern[str]:
    """`/r/{repository:name}/-/tags/{tag}` as a pattern; a name is segments of which none is `-`."""
    escaped = re.sub(r"\\\{(\w+):name\\\}", r"(?P<\1>(?!-/)[^/]+(?:/(?!-(?:/|$))[^/]+)*)", re.escape(path))
    return re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", escaped))
