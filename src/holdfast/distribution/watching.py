"""Which answers of the surface are use of a right, and of which; told to the watch (access/usage/watch.py), and to last
use (registry/lastuse) what was pulled, also where nobody has rights (`--open`).

Use is a permitted read or delete of a manifest, a tag that was made or moved, a read of a blob (under no reference:
there are too many). A refusal is a denial; a challenge is none.
"""

from __future__ import annotations

from holdfast.access.errors import Denied
from holdfast.access.model import Identity
from holdfast.access.policy.model import Action
from holdfast.access.usage.watch import Counted, Watch
from holdfast.distribution.request import Request
from holdfast.distribution.router import Endpoint, Route
from holdfast.registry.errors import QuotaExceeded
from holdfast.registry.lastuse.service import LastUse
from holdfast.registry.quotas.telling import Exceeding

_BY_METHOD = {
    "GET": Action.PULL,
    "HEAD": Action.PULL,
    "DELETE": Action.DELETE_TAG,
}
_RECEIVING = frozenset({Endpoint.MANIFEST, Endpoint.UPLOADS, Endpoint.UPLOAD})


class Watching:
    """Tells the watch, and last use; and of quotas that were exceeded."""

    def __init__(self, watch: Watch, last_use: LastUse, exceeding: Exceeding) -> None:
        self._watch = watch
        self._last_use = last_use
        self._exceeding = exceeding

    def served(self, who: Identity, request: Request, route: Route) -> Counted | None:
        """A request was answered with what it asked for; its count, for the bytes that are sent yet."""
        endpoint, method, origin = route.endpoint, request.method, request.origin
        if request.sent:
            self._last_use.pulled(route.name, route.reference, request.sent, who.subject.actor, origin.agent)
        elif request.received and endpoint in _RECEIVING:
            self._watch.received(who, origin, route.name, request.received)
        if endpoint is Endpoint.MANIFEST:
            if method == "PUT":
                for action, tag in request.did:
                    self._watch.used(who, origin, action, route.name, tag)
                return None
            head = method == "HEAD"
            return self._watch.used(who, origin, _BY_METHOD[method], route.name, route.reference, request.sent, head)
        if endpoint is Endpoint.BLOB and method != "HEAD":
            return self._watch.used(who, origin, _BY_METHOD[method], route.name, "")
        if endpoint is Endpoint.TAGS:
            self._watch.used(who, origin, Action.LIST, route.name, "")
        elif route.name:
            self._watch.touched(who, origin, route.name)
        return None

    def missed(self, who: Identity, request: Request, route: Route) -> None:
        """A request asked for what is not there."""
        self._watch.touched(who, request.origin, route.name)

    def challenged(self, who: Identity, request: Request, route: Route) -> None:
        """A stranger was asked for a credential."""
        if route.name:
            self._watch.knocked(who, request.origin, route.name)

    def sent(self, request: Request, bytes: int) -> None:
        """So many bytes of body were sent to a request that was counted."""
        if request.counted is not None and (bytes or request.elsewhere):
            self._watch.sent(request.counted, bytes + request.elsewhere)

    def exceeded(self, request: Request, error: QuotaExceeded) -> None:
        """A request was refused for want of room under a quota."""
        self._exceeding.tell(error, request.who.subject.actor, request.origin)

    def denied(self, who: Identity, request: Request, route: Route, error: Denied) -> None:
        """A request was refused."""
        said = error.detail.get("action")
        action = Action(said) if isinstance(said, str) else _BY_METHOD.get(request.method, Action.CREATE_TAG)
        tag = error.detail.get("tag")
        reference = tag if isinstance(tag, str) else route.reference if route.endpoint is Endpoint.MANIFEST else ""
        self._watch.denied(who, request.origin, action, route.name, reference, str(error))
