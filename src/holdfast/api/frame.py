"""`/api/v1` over ASGI: what happens to every request of the API before and after its handler.

Flow: id -> headers -> who -> limit -> body -> route -> handler -> answer -> one log line. The identity that a handler
gets was decided for this request; when rights change before its service has acted (`StalePermit`) it is decided anew,
once, and the handler runs again with the same body: nothing of the first run was committed. Cookies are never looked
at.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match

from holdfast.access.errors import Denied, InsufficientScope, StalePermit
from holdfast.access.model import Identity
from holdfast.access.service import Access
from holdfast.api.caller import SCOPE, Caller, Lasting, admit, place
from holdfast.api.description import Described
from holdfast.api.framing import ClientGone, Incoming, Message, Receive, Scope, Send, path_of
from holdfast.api.problem import METHOD, Problem, problem_of, refusal_of
from holdfast.api.routing import PREFIX, Routes, mount
from holdfast.api.streaming import STREAMED, WITHOUT_BODY
from holdfast.journal.model import Origin
from holdfast.registry.errors import QuotaExceeded
from holdfast.telemetry.access_log import Access as AccessLine
from holdfast.telemetry.surface import Telemetry
from holdfast.telemetry.traces import Served

DESCRIPTION = PREFIX + "/openapi.json"
"""The one route that needs no credential: it tells what the source tells."""
IDLE = 60.0
_EXPECTED = (503, 507)
_CLIENT_GONE = 499  # for the log alone
_AGENT = 256
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
# The framework would tell texts of errors to whatever the environment names: we trace by ourselves, or not at all.
_SILENT: Any = {"tracing": False, "metrics": False, "logs": False, "auto_configure": False}
_ERROR = "holdfast.error"
_COMMON = [(b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store")]


class Gate(NamedTuple):
    """What the frame asks of the rest: who somebody is, what a 401 asks for (given the scope, and the error of RFC
    6750), and who is told of a refusal, and of one for want of room under a quota."""

    access: Access
    challenge: Callable[[str, str], bytes]
    denied: Callable[[Identity, Origin, Denied], None] = lambda who, origin, error: None
    exceeded: Callable[[QuotaExceeded, str, Origin], None] = lambda error, actor, origin: None


class Frame:
    """The API as one ASGI application. `idle`: seconds without a byte after which a body is given up."""

    def __init__(self, gate: Gate, telemetry: Telemetry, rooms: Sequence[Routes], *, idle: float = IDLE) -> None:
        self._gate = gate
        self._telemetry = telemetry
        self._idle = idle
        self.app = Described(
            title="Holdfast",
            version="1",
            openapi_url=None,
            redirect_slashes=False,
            telemetry=_SILENT,
            exception_handlers={HTTPException: _onward, RequestValidationError: _onward},
            middleware=[Middleware(_Catching)],
        )
        self.app.add_route(DESCRIPTION, self._describe, include_in_schema=False)
        self._description: asyncio.Future[bytes] | None = None
        for room in rooms:
            mount(self.app, room)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP request."""
        exchange = _Exchange(self._telemetry.ids.next(), Incoming(scope, receive, self._idle), send)
        began = time.perf_counter()
        try:
            await self._serve(exchange)
        except ClientGone as error:
            if exchange.status:  # it was being answered: the connection fails
                raise
            await self._refuse(exchange, error)
            exchange.status = _CLIENT_GONE
        except Exception as error:
            if exchange.status:  # it is out already: the connection fails, so that nobody takes a part for the whole
                self._telemetry.events.warning("answer broke off", request=exchange.id, exc_info=error)
                raise
            await exchange.incoming.drain()
            await self._refuse(exchange, error)
        finally:
            self._log(exchange, began)

    async def _serve(self, exchange: _Exchange) -> None:
        incoming = exchange.incoming
        scope = dict(incoming.scope)
        agent = incoming.text(b"user-agent")[:_AGENT]
        exchange.origin = Origin(exchange.id, self._telemetry.remote(scope), agent)
        incoming.read_headers()
        agent = incoming.text(b"user-agent")[:_AGENT]
        exchange.origin = exchange.origin._replace(agent=agent)
        scope["path"] = path_of(scope)
        if scope["path"] == DESCRIPTION:
            await self._run(exchange, scope, b"")
            return
        authorization = incoming.headers.get(b"authorization")
        who = admit(await self._recognise(authorization, exchange.origin))
        exchange.take(who)
        await self._gate.access.slowed(who, exchange.origin)
        if self._gate.access.limits is not None:
            await self._gate.access.limits.count(who, exchange.origin)
        body = await incoming.body()
        try:
            await self._run(exchange, scope, body)
        except StalePermit:
            if exchange.status:
                raise  # an answer that lasts asks again by itself
            exchange.take(admit(await self._gate.access.authenticate(authorization, exchange.origin)))
            await self._run(exchange, scope, body)
        if exchange.caller is not None:
            self._gate.access.served(*exchange.caller)

    async def _recognise(self, authorization: bytes | None, origin: Origin) -> Identity:
        """Who asks, as of now: reads have no statement of their own that would prove what is remembered."""
        access = self._gate.access
        who = access.remembered(authorization)
        if who is None:
            return await access.authenticate(authorization, origin)
        try:
            await access.confirm(who)
        except StalePermit:
            return await access.authenticate(authorization, origin)
        return who

    async def _run(self, exchange: _Exchange, scope: dict[str, Any], body: bytes) -> None:
        """Let the application answer; raises what a handler raised."""
        own = dict(scope)
        if own["method"] == "HEAD":
            own["method"] = "GET"  # the same answer; its body stays here
            own[WITHOUT_BODY] = True
        if exchange.caller is not None:
            authorization = exchange.incoming.headers.get(b"authorization")
            place(own, exchange.caller, Lasting(self._gate.access, authorization, exchange.caller))
        await self.app(own, exchange.replay(body), exchange.send)
        exchange.endpoint = getattr(own.get("route"), "operation_id", None) or "unrouted"
        error = own.get(_ERROR)
        if error is not None:
            raise error

    async def _describe(self, _request: Request) -> Response:
        """The description: made at the first request, beside the loop, for it takes long."""
        if self._description is None:
            self._description = asyncio.ensure_future(asyncio.to_thread(self.app.description_bytes))
        return Response(await asyncio.shield(self._description), media_type="application/json")

    async def _refuse(self, exchange: _Exchange, error: Exception) -> None:
        problem = problem_of(
            error,
            exchange.id,
            challenge=self._gate.challenge(SCOPE, _error_of(error, exchange)),
            allowed=self._allowed(exchange) if refusal_of(error) is METHOD else [],
        )
        if problem.status in _EXPECTED:
            self._telemetry.events.warning(
                "request refused", request=exchange.id, status=problem.status, why=repr(error)
            )
        elif problem.status >= 500:
            self._telemetry.events.error("request failed", request=exchange.id, status=problem.status, exc_info=error)
        if isinstance(error, Denied) and exchange.caller is not None:
            self._gate.denied(exchange.caller.who, exchange.origin, error)
        if isinstance(error, QuotaExceeded) and exchange.caller is not None:
            self._gate.exceeded(error, exchange.caller.who.subject.actor, exchange.origin)
        await exchange.answer(problem)

    def _allowed(self, exchange: _Exchange) -> list[str]:
        """The methods of the route that has the path."""
        scope = {**exchange.incoming.scope, "path": path_of(exchange.incoming.scope)}
        allowed = [
            method
            for method in _METHODS
            if any(route.matches({**scope, "method": method})[0] is Match.FULL for route in self.app.routes)
        ]
        return [*allowed[:1], "HEAD", *allowed[1:]] if allowed[:1] == ["GET"] else allowed

    def _log(self, exchange: _Exchange, began: float) -> None:
        incoming, scope = exchange.incoming, exchange.incoming.scope
        status = exchange.status or 500
        seconds = time.perf_counter() - began
        took = exchange.started - began if exchange.lasts else seconds  # what lasts on purpose is not slow
        self._telemetry.counters.count(
            "api:" + exchange.endpoint, incoming.method, status, incoming.received, exchange.sent, took
        )
        traces, trace = self._telemetry.traces, ""
        if traces is not None:
            about = (incoming.method, status, exchange.id, incoming.received, exchange.sent)
            trace = traces.served(Served("api:" + exchange.endpoint, *about))
        self._telemetry.access_log.add(
            AccessLine(
                exchange.id,
                exchange.origin.address,
                exchange.caller.who.subject.name if exchange.caller is not None else "anonymous",
                incoming.method,
                scope["path"],
                status,
                exchange.sent,
                incoming.received,
                seconds,
                incoming.text(b"user-agent"),
                trace,
            )
        )


class _Exchange:
    """One request and what became of it. `status` 0: nothing was answered yet; `started`: when it was; `lasts`: its
    answer goes on as long as somebody listens."""

    def __init__(self, request_id: str, incoming: Incoming, send: Send) -> None:
        self.id = request_id
        self.incoming = incoming
        self.origin = Origin(request_id)
        self.caller: Caller | None = None
        self.endpoint = "unrouted"
        self.status = 0
        self.started = 0.0
        self.lasts = False
        self.sent = 0
        self._send = send

    def take(self, who: Identity) -> None:
        """`who` asks."""
        self.origin = self.origin._replace(credential=who.credential.text)
        self.caller = Caller(who, self.origin)

    def replay(self, body: bytes) -> Receive:
        """A `receive` that gives `body`, and then the client's leaving."""
        messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> Message:
            return messages.pop() if messages else await self.incoming.after()

        return receive

    async def send(self, message: Message) -> None:
        """Send one message of the answer, with the headers that every answer of the API has."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.started = time.perf_counter()
            self.lasts = any(
                value.startswith(STREAMED) for name, value in message["headers"] if name == b"content-type"
            )
            given = [(name, value) for name, value in message["headers"] if name != b"cache-control"]
            message = {**message, "headers": [*_COMMON, (b"x-request-id", self.id.encode()), *given]}
        elif self.incoming.method == "HEAD":
            message = {**message, "body": b""}
        else:
            self.sent += len(message.get("body", b""))
        await self._send(message)

    async def answer(self, problem: Problem) -> None:
        """Send a problem."""
        body = problem.body if self.incoming.method != "HEAD" else b""
        headers = [*problem.headers, (b"content-length", b"%d" % len(problem.body))]
        await self.send({"type": "http.response.start", "status": problem.status, "headers": headers})
        await self.send({"type": "http.response.body", "body": body})


class _Catching:
    """Keeps what a handler raised for the frame, which answers it: the framework would answer in its own way."""

    def __init__(self, app: Callable[[Scope, Receive, Send], Any]) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._app(scope, receive, send)
        except Exception as error:
            scope[_ERROR] = error


def _error_of(error: Exception, exchange: _Exchange) -> str:
    """What RFC 6750, 3.1 calls the refusal of a token; '' where none was shown."""
    if isinstance(error, InsufficientScope):
        return "insufficient_scope"
    shown = exchange.incoming.text(b"authorization")[:7].lower() == "bearer "
    return "invalid_token" if shown else ""


async def _onward(_request: object, error: Exception) -> Any:
    raise error
