"""The `/v2` surface as a plain ASGI application.

Flow of a request: id -> headers -> route -> who -> permit -> use-case -> answer -> one log line. A credential that was
recognised before is not checked again; the statement that serves the request proves that it still holds, and when it
does not (`StalePermit`) the credential is decided anew, once. Authorisation comes before look-up: what is hidden and
what is absent answer alike.
"""

from __future__ import annotations

import time

from holdfast.access.errors import StalePermit
from holdfast.access.model import Identity
from holdfast.access.service import Access
from holdfast.distribution.answer import Answer, AnyAnswer, send
from holdfast.distribution.deletes import DeleteHandlers
from holdfast.distribution.errors import MethodNotAllowed, NotFound, answer_to, ends_connection
from holdfast.distribution.lists import ListHandlers
from holdfast.distribution.pulls import PullHandlers, Unsatisfiable
from holdfast.distribution.pushes import PushHandlers
from holdfast.distribution.request import ClientGone, Receive, Request, Scope, Send
from holdfast.distribution.router import Endpoint, Route, match
from holdfast.journal.model import Origin
from holdfast.oci.errors import NameInvalid
from holdfast.oci.name import RepositoryName
from holdfast.registry.errors import UploadOutOfOrder
from holdfast.telemetry.access_log import Access as AccessLine
from holdfast.telemetry.surface import Telemetry

_METHODS = {
    Endpoint.PING: "GET, HEAD",
    Endpoint.CATALOG: "GET, HEAD",
    Endpoint.MANIFEST: "GET, HEAD, PUT, DELETE",
    Endpoint.BLOB: "GET, HEAD, DELETE",
    Endpoint.UPLOADS: "POST",
    Endpoint.UPLOAD: "GET, HEAD, PATCH, PUT, DELETE",
    Endpoint.TAGS: "GET, HEAD",
    Endpoint.REFERRERS: "GET, HEAD",
}
_ALLOWED = {endpoint: frozenset(methods.split(", ")) for endpoint, methods in _METHODS.items()}
_READS = ("GET", "HEAD")
_EXPECTED = (503, 507)  # an outage, a full disk: told in a line, not by a stack
_AGENT = 256
_CLIENT_GONE = 499  # for the log alone


class Handlers:
    """The handlers of the surface, one group a concern."""

    def __init__(self, pulls: PullHandlers, pushes: PushHandlers, lists: ListHandlers, deletes: DeleteHandlers) -> None:
        self.pulls = pulls
        self.pushes = pushes
        self.lists = lists
        self.deletes = deletes


class Surface:
    """`/v2` over ASGI. `idle`: seconds without a byte after which a body is given up."""

    def __init__(self, access: Access, handlers: Handlers, telemetry: Telemetry, *, idle: float) -> None:
        self._access = access
        self._handlers = handlers
        self._telemetry = telemetry
        self._idle = idle

    async def __call__(self, scope: Scope, receive: Receive, sender: Send) -> None:
        """Serve one HTTP request."""
        began = time.perf_counter()
        request_id = self._telemetry.ids.next()
        request = Request(scope, receive, sender, request_id, self._idle)
        endpoint = Endpoint.UNROUTED
        try:
            request.read_headers()
            agent = request.text(b"user-agent")[:_AGENT]
            request.origin = Origin(request_id, self._telemetry.remote(scope), agent)
            route = match(request.path)
            endpoint = route.endpoint
            answer = await self._answer(request, route)
        except ClientGone as error:
            # Mostly nobody is there any more; a client whose body broke in its framing still waits for a word.
            await send(request, answer_to(error, request_id))
            self._log(request, endpoint, _CLIENT_GONE, 0, began)
            return
        except Exception as error:
            if not ends_connection(error):
                await request.drain()
            answer = self._refuse(request, error)
        try:
            sent = await send(request, answer)
        except Exception as error:
            # The status is out already: the connection fails, so that nobody takes a part for the whole.
            self._telemetry.events.warning("answer broke off", request=request_id, exc_info=error)
            self._log(request, endpoint, answer.status, 0, began)
            raise
        self._log(request, endpoint, answer.status, sent, began)

    async def _answer(self, request: Request, route: Route) -> AnyAnswer:
        """Decide who asks, then serve; once more when the account changed in between and no body was read."""
        authorization = request.headers.get(b"authorization")
        who = self._access.remembered(authorization)
        if who is None:
            who = await self._access.authenticate(authorization)
        request.who = who
        try:
            return await self._serve(request, route, who)
        except StalePermit:
            who = await self._access.authenticate(authorization)
            request.who = who
            if request.received:
                raise
            return await self._serve(request, route, who)

    async def _serve(self, request: Request, route: Route, who: Identity) -> AnyAnswer:
        endpoint, method = route.endpoint, request.method
        if endpoint is Endpoint.UNROUTED:
            raise NotFound
        if method not in _ALLOWED[endpoint]:
            raise MethodNotAllowed(_METHODS[endpoint])
        if endpoint is Endpoint.PING:
            await self._access.confirm(who)
            return Answer(200, [(b"content-type", b"application/json")], b"{}")
        if endpoint is Endpoint.CATALOG:
            return await self._handlers.lists.catalog(request, self._access.catalog(who, request.origin))
        name = RepositoryName.parse(route.name)
        if method in _READS and endpoint is not Endpoint.UPLOAD:
            return await self._read(request, route, who, name)
        if method == "DELETE" and endpoint is not Endpoint.UPLOAD:
            delete = self._access.delete(who, name, request.origin)
            if endpoint is Endpoint.MANIFEST:
                return await self._handlers.deletes.manifest(delete, route.reference)
            return await self._handlers.deletes.blob(delete, route.reference)
        return await self._write(request, route, who, name)

    async def _read(self, request: Request, route: Route, who: Identity, name: RepositoryName) -> AnyAnswer:
        permit = self._access.pull(who, name, request.origin)
        if route.endpoint is Endpoint.MANIFEST:
            return await self._handlers.pulls.manifest(request, permit, route.reference)
        if route.endpoint is Endpoint.BLOB:
            return await self._handlers.pulls.blob(request, permit, route.reference)
        if route.endpoint is Endpoint.TAGS:
            return await self._handlers.lists.tags(request, permit)
        return await self._handlers.lists.referrers(request, permit, route.reference)

    async def _write(self, request: Request, route: Route, who: Identity, name: RepositoryName) -> AnyAnswer:
        pushes = self._handlers.pushes
        permit = self._access.push(who, name, request.origin)
        if route.endpoint is Endpoint.MANIFEST:
            return await pushes.manifest(request, permit, route.reference)
        if route.endpoint is Endpoint.UPLOADS:
            source = _mount_source(request)
            reading = self._access.pull(who, source, request.origin) if source is not None else None
            return await pushes.start(request, permit, reading)
        if request.method == "PATCH":
            return await pushes.append(request, permit, route.reference)
        if request.method == "PUT":
            return await pushes.finish(request, permit, route.reference)
        if request.method == "DELETE":
            return await pushes.cancel(request, permit, route.reference)
        return await pushes.status(request, permit, route.reference)

    def _refuse(self, request: Request, error: Exception) -> Answer:
        """The answer to an error; what nobody foresaw goes to the log with its stack."""
        answer = answer_to(error, request.id)
        if answer.status in _EXPECTED:
            self._telemetry.events.warning("request refused", request=request.id, status=answer.status, why=repr(error))
        elif answer.status >= 500:
            self._telemetry.events.error("request failed", request=request.id, status=answer.status, exc_info=error)
        if isinstance(error, Unsatisfiable):
            answer.headers.append((b"content-range", b"bytes */%d" % error.size))
        if isinstance(error, UploadOutOfOrder):
            answer.headers.append((b"range", b"0-%d" % max(error.received - 1, 0)))
            answer.headers.append((b"location", request.path.encode()))  # the session's own: its id was verified
        return answer

    def _log(self, request: Request, endpoint: str, status: int, sent: int, began: float) -> None:
        self._telemetry.counters.count(endpoint, status, request.received, sent)
        self._telemetry.access_log.add(
            AccessLine(
                request.id,
                request.origin.address,
                request.who.subject.name,
                request.method,
                request.path,
                status,
                sent,
                request.received,
                time.perf_counter() - began,
                request.text(b"user-agent"),
            )
        )


def _mount_source(request: Request) -> RepositoryName | None:
    """The repository that a mount reads from; a name that cannot exist mounts nothing."""
    text = request.query("from") if request.query("mount") is not None else None
    if text is None:
        return None
    try:
        return RepositoryName.parse(text)
    except NameInvalid:
        return None
