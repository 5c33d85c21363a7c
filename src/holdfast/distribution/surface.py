"""The `/v2` surface as a plain ASGI application.

Flow of a request: id -> headers -> route -> who -> limit -> permit -> use-case -> answer -> one log line. A credential
that was recognised before is not checked again; the statement that serves the request proves that it still holds, and
when it does not (`StalePermit`) the credential is decided anew, once; a refusal is proven in the same way before it is
given. Authorisation comes before look-up: what is hidden and what is absent answer alike. Who shows no credential is
served what is open to everyone, and asked for one (401) for everything else, routes that do not exist among it.
"""

from __future__ import annotations

import json
import time
from contextlib import suppress

from holdfast.access.errors import Denied, InsufficientScope, LogInInstead, StalePermit, Unauthenticated
from holdfast.access.model import UNCHECKED, Identity, PullPermit
from holdfast.access.request_limits import RequestLimits
from holdfast.access.service import Access
from holdfast.distribution.answer import Answer, AnyAnswer, send
from holdfast.distribution.challenge import Challenges, mount_source
from holdfast.distribution.deletes import DeleteHandlers
from holdfast.distribution.errors import MethodNotAllowed, NotFound, answer_to, ends_connection, refusal_of
from holdfast.distribution.lists import ListHandlers
from holdfast.distribution.pulls import PullHandlers, Unsatisfiable
from holdfast.distribution.pushes import PushHandlers
from holdfast.distribution.request import ClientGone, Receive, Request, Scope, Send
from holdfast.distribution.router import Endpoint, Route, match
from holdfast.distribution.tokens import TokenHandlers, oauth_error
from holdfast.distribution.watching import Watching
from holdfast.journal.model import Origin
from holdfast.oci.errors import NameInvalid
from holdfast.oci.name import RepositoryName
from holdfast.registry.errors import (
    BlobUnknown,
    ManifestUnknown,
    QuotaExceeded,
    RepositoryUnknown,
    UploadOutOfOrder,
)
from holdfast.telemetry.access_log import Access as AccessLine
from holdfast.telemetry.surface import Telemetry
from holdfast.telemetry.traces import Served, Traces

METHODS = {
    Endpoint.PING: "GET, HEAD",
    Endpoint.CATALOG: "GET, HEAD",
    Endpoint.MANIFEST: "GET, HEAD, PUT, DELETE",
    Endpoint.BLOB: "GET, HEAD, DELETE",
    Endpoint.UPLOADS: "POST",
    Endpoint.UPLOAD: "GET, HEAD, PATCH, PUT, DELETE",
    Endpoint.TAGS: "GET, HEAD",
    Endpoint.REFERRERS: "GET, HEAD",
}
_ALLOWED = {endpoint: frozenset(methods.split(", ")) for endpoint, methods in METHODS.items()}
_READS = ("GET", "HEAD")
_EXPECTED = (503, 507)  # an outage, a full disk: told in a line, not by a stack
_AGENT = 256
_CLIENT_GONE = 499  # for the log alone


class Handlers:
    """The handlers of the surface, one group a concern."""

    def __init__(
        self,
        pulls: PullHandlers,
        pushes: PushHandlers,
        lists: ListHandlers,
        deletes: DeleteHandlers,
        tokens: TokenHandlers,
    ) -> None:
        self.pulls = pulls
        self.pushes = pushes
        self.lists = lists
        self.deletes = deletes
        self.tokens = tokens


class Surface:
    """`/v2` over ASGI. `idle`: seconds without a byte after which a body is given up."""

    def __init__(
        self,
        access: Access,
        handlers: Handlers,
        challenges: Challenges,
        watching: Watching,
        telemetry: Telemetry,
        *,
        idle: float,
    ) -> None:
        self._access = access
        self._handlers = handlers
        self._challenges = challenges
        self._watching = watching
        self._telemetry = telemetry
        self._idle = idle

    async def __call__(self, scope: Scope, receive: Receive, sender: Send) -> None:
        """Serve one HTTP request."""
        began = time.perf_counter()
        request_id = self._telemetry.ids.next()
        request = Request(scope, receive, sender, request_id, self._idle)
        route: Route | None = None
        try:
            request.read_headers()
            agent = request.text(b"user-agent")[:_AGENT]
            request.origin = Origin(request_id, self._telemetry.remote(scope), agent)
            route = match(request.path)
            answer = await self._answer(request, route)
        except ClientGone as error:
            # Mostly nobody is there any more; a client whose body broke in its framing still waits for a word.
            await send(request, answer_to(error, request_id))
            self._log(request, route, _CLIENT_GONE, 0, began)
            return
        except Exception as error:
            if not ends_connection(error):
                await request.drain()
            answer = self._refuse(request, route, error)
        try:
            sent = await send(request, answer)
        except Exception as error:
            # The status is out already: the connection fails, so that nobody takes a part for the whole.
            self._telemetry.events.warning("answer broke off", request=request_id, exc_info=error)
            self._log(request, route, answer.status, 0, began)
            raise
        if request.counted is not None:
            self._watching.sent(request, sent)
        self._log(request, route, answer.status, sent, began)

    async def _answer(self, request: Request, route: Route) -> AnyAnswer:
        """Decide who asks, then serve; once more when the account changed in between and no body was read."""
        if route.endpoint is Endpoint.TOKEN:
            return await self._handlers.tokens.token(request)
        if route.endpoint is Endpoint.KEYS:
            return await self._handlers.tokens.keys(request)
        authorization = request.headers.get(b"authorization")
        who = self._access.remembered(authorization)
        if who is None:
            who = await self._access.authenticate(authorization, request.origin)
        request.take(who)
        if who.slow:  # whether it still is, is asked anew
            who = await self._access.authenticate(authorization, request.origin)
            request.take(who)
            await self._access.slowed(who, request.origin)
        if self._access.limits is not None:
            await self._count(self._access.limits, request, route, who)
        try:
            answer = await self._decided(request, route, who)
        except StalePermit:
            who = await self._access.authenticate(authorization, request.origin)
            request.take(who)
            if request.received:
                raise
            answer = await self._decided(request, route, who)
        self._access.served(who, request.origin)
        request.counted = self._watching.served(who, request, route)
        return answer

    async def _count(self, limits: RequestLimits, request: Request, route: Route, who: Identity) -> None:
        """Count the request. A stranger who is over the limit is asked to log in, and at `/v2/` never counted: who has
        a credential begins without it, and must not be kept out by others of his network."""
        if not _is_stranger(who):
            await limits.count(who, request.origin)
        elif route.endpoint is not Endpoint.PING and limits.take(who, request.origin):
            raise LogInInstead

    async def _decided(self, request: Request, route: Route, who: Identity) -> AnyAnswer:
        """Serve, or refuse by the rights of this moment: a right that was given since `who` was recognised counts."""
        try:
            return await self._serve(request, route, who)
        except (Denied, InsufficientScope, NotFound, MethodNotAllowed, NameInvalid) as error:
            await self._access.confirm(who)
            if _is_stranger(who):
                self._watching.challenged(who, request, route)
                raise Unauthenticated from error
            if isinstance(error, Denied):
                self._watching.denied(who, request, route, error)
            raise
        except (RepositoryUnknown, ManifestUnknown, BlobUnknown):
            self._watching.missed(who, request, route)
            raise

    async def _serve(self, request: Request, route: Route, who: Identity) -> AnyAnswer:
        endpoint, method = route.endpoint, request.method
        if endpoint is Endpoint.UNROUTED:
            raise NotFound
        if method not in _ALLOWED[endpoint]:
            raise MethodNotAllowed(METHODS[endpoint])
        if endpoint is Endpoint.PING:
            await self._access.confirm(who)
            if _is_stranger(who):
                raise Unauthenticated  # clients learn here to log in, whatever is open to everyone
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
        if route.endpoint is Endpoint.MANIFEST:
            permit = self._access.pull(who, name, request.origin)
            return await self._handlers.pulls.manifest(request, permit, route.reference)
        if route.endpoint is Endpoint.BLOB:
            permit = self._access.pull(who, name, request.origin)
            return await self._handlers.pulls.blob(request, permit, route.reference)
        if route.endpoint is Endpoint.TAGS:
            return await self._handlers.lists.tags(request, self._access.list_tags(who, name, request.origin))
        permit = self._access.referrers(who, name, request.origin)
        return await self._handlers.lists.referrers(request, permit, route.reference)

    async def _write(self, request: Request, route: Route, who: Identity, name: RepositoryName) -> AnyAnswer:
        pushes = self._handlers.pushes
        permit = self._access.push(who, name, request.origin)
        if route.endpoint is Endpoint.MANIFEST:
            return await pushes.manifest(request, permit, route.reference)
        if route.endpoint is Endpoint.UPLOADS:
            return await pushes.start(request, permit, self._mounting(request, who, name))
        if request.method == "PATCH":
            return await pushes.append(request, permit, route.reference)
        if request.method == "PUT":
            return await pushes.finish(request, permit, route.reference)
        if request.method == "DELETE":
            return await pushes.cancel(request, permit, route.reference)
        return await pushes.status(request, permit, route.reference)

    def _mounting(self, request: Request, who: Identity, name: RepositoryName) -> PullPermit | None:
        """The permit to read what a mount names; without the right to it the answer is that of an unknown source."""
        source = mount_source(request)
        if source is None:
            return None
        try:
            return self._access.pull(who, source, request.origin)
        except Denied:
            return None
        except InsufficientScope as error:
            raise InsufficientScope(f"repository:{name}:pull,push {error.scope}") from error

    def _refuse(self, request: Request, route: Route | None, error: Exception) -> Answer:
        """The answer to an error; what nobody foresaw goes to the log with its stack."""
        challenge = self._challenges.to(error, request, route) if refusal_of(error).status == 401 else b""
        answer = answer_to(error, request.id, challenge)
        if answer.status in _EXPECTED:
            self._telemetry.events.warning("request refused", request=request.id, status=answer.status, why=repr(error))
        elif answer.status >= 500:
            self._telemetry.events.error("request failed", request=request.id, status=answer.status, exc_info=error)
        if isinstance(error, QuotaExceeded):
            self._watching.exceeded(request, error)
        if isinstance(error, Unsatisfiable):
            answer.headers.append((b"content-range", b"bytes */%d" % error.size))
        if isinstance(error, UploadOutOfOrder):
            answer.headers.append((b"range", b"0-%d" % max(error.received - 1, 0)))
            answer.headers.append((b"location", request.path.encode()))  # the session's own: its id was verified
        if route is not None and route.endpoint is Endpoint.TOKEN and request.method == "POST":
            document = {**json.loads(answer.body), "error": oauth_error(error)}
            return answer._replace(body=json.dumps(document).encode())
        return answer

    def _log(self, request: Request, route: Route | None, status: int, sent: int, began: float) -> None:
        endpoint = route.endpoint if route is not None else Endpoint.UNROUTED
        seconds = time.perf_counter() - began
        self._telemetry.counters.count(endpoint, request.method, status, request.received, sent, seconds)
        traces = self._telemetry.traces
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
                seconds,
                request.text(b"user-agent"),
                _traced(traces, request, route, status, sent) if traces is not None else "",
            )
        )


def _is_stranger(who: Identity) -> bool:
    """Whether nobody logged in, and no token was asked for: then a refusal asks for a credential."""
    return not who.subject.id and who.ceiling is None and who.version != UNCHECKED


def _traced(traces: Traces, request: Request, route: Route | None, status: int, sent: int) -> str:
    """Tell the request's trace what became of it; the id of the trace. A name that is none stays out of it."""
    endpoint = route.endpoint if route is not None else Endpoint.UNROUTED
    name = ""
    if route is not None and route.name:
        with suppress(NameInvalid):
            name = RepositoryName.parse(route.name)
    return traces.served(Served(endpoint, request.method, status, request.id, request.received, sent, name))
