"""`/metrics` on the listener of the registry: with the token of the settings, or for an account that may operate.

Who shows no credential, or a wrong one, is asked for one (401); an account that may not operate is told what is told of
every path that is not there. Where everyone may do everything (`--open`) everyone may read it.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable

from holdfast.access.errors import StalePermit, Unknown
from holdfast.access.model import Identity
from holdfast.access.policy.model import Action
from holdfast.access.service import Access
from holdfast.api.caller import SCOPE, admit
from holdfast.api.framing import Incoming, Receive, Scope, Send
from holdfast.api.problem import problem_of
from holdfast.app.metrics.exposition import Page
from holdfast.app.metrics.numbers import Numbers
from holdfast.journal.model import Origin
from holdfast.telemetry.surface import Telemetry

PATH = "/metrics"
_METHODS = ("GET", "HEAD")
_IDLE = 10.0


class MetricsRoute:
    """The route as an ASGI application. `token`: what a scraper may show as a Bearer instead of an account's
    credential, None: nothing."""

    def __init__(
        self,
        access: Access,
        challenge: Callable[[str, str], bytes],
        telemetry: Telemetry,
        numbers: Numbers,
        token: str | None,
    ) -> None:
        self._access = access
        self._challenge = challenge
        self._telemetry = telemetry
        self._numbers = numbers
        self._token = token.encode() if token is not None else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP request."""
        incoming = Incoming(scope, receive, _IDLE)
        request_id = self._telemetry.ids.next()
        try:
            page = await self._answer(incoming, Origin(request_id, self._telemetry.remote(scope)))
        except Exception as error:
            problem = problem_of(error, request_id, challenge=self._challenge(SCOPE, ""), allowed=list(_METHODS))
            if problem.status >= 500:
                self._telemetry.events.error(
                    "request failed", request=request_id, status=problem.status, exc_info=error
                )
            status, headers, body = problem.status, problem.headers, problem.body
        else:
            status, headers, body = 200, [(b"content-type", page.media_type.encode())], page.body
        length = (b"content-length", b"%d" % len(body))
        more = [(b"x-request-id", request_id.encode()), (b"cache-control", b"no-store")]
        await send({"type": "http.response.start", "status": status, "headers": [*headers, *more, length]})
        await send({"type": "http.response.body", "body": body if incoming.method != "HEAD" else b""})

    async def _answer(self, incoming: Incoming, origin: Origin) -> Page:
        incoming.read_headers()
        if incoming.scope["path"] != PATH or incoming.method not in _METHODS:
            raise Unknown("there is nothing here")
        authorization = incoming.headers.get(b"authorization")
        if not self._shows_token(authorization):
            try:
                await self._require_operator(authorization, origin)
            except StalePermit:
                await self._require_operator(authorization, origin)
        return await self._numbers.page(incoming.text(b"accept"))

    def _shows_token(self, authorization: bytes | None) -> bool:
        if self._token is None or authorization is None or authorization[:7].lower() != b"bearer ":
            return False
        return hmac.compare_digest(authorization[7:].strip(), self._token)

    async def _require_operator(self, authorization: bytes | None, origin: Origin) -> None:
        """Raise `Unauthenticated`, or `Unknown` for who may not operate."""
        who: Identity = admit(await self._access.authenticate(authorization, origin))
        if self._access.limits is not None:
            await self._access.limits.count(who, origin)
        if not self._access.path(who, "", origin).system(Action.OPERATE):
            raise Unknown("there is nothing here")
        await self._access.confirm(who)
