"""Which answers of the surface are use of a right, and of which; told to the watch (access/usage/watch.py), and to last
use (registry/lastuse) what was pulled, also where nobody has rights (`--open`).

Use is a permitted read or delete of a manifest, a tag that was made or moved, a read of a blob (under no reference:
there are too many). A refusal is a denial; a challenge is none.
"""

from __future__ import annotations

from holdfast.access.errors import Denied
from holdfast.access.model import UNCHECKED, Identity
from holdfast.access.policy.model import Action
from holdfast.access.usage.watch import Watch
from holdfast.distribution.request import Request
from holdfast.distribution.router import Endpoint, Route
from holdfast.registry.lastuse.service import LastUse

_BY_METHOD = {
    "GET": Action.PULL,
    "HEAD": Action.PULL,
    "DELETE": Action.DELETE_TAG,
}


class Watching:
    """Tells the watch, and last use."""

    def __init__(self, watch: Watch, last_use: LastUse) -> None:
        self._watch = watch
        self._last_use = last_use

    def served(self, who: Identity, request: Request, route: Route) -> None:
        """A request was answered with what it asked for."""
        if request.sent:
            self._last_use.pulled(route.name, route.reference, request.sent)
        if who.version == UNCHECKED:
            return
        endpoint, method = route.endpoint, request.method
        if endpoint is Endpoint.MANIFEST:
            if method == "PUT":
                for action, tag in request.did:
                    self._watch.used(who, request.origin, action, route.name, tag)
                return
            self._watch.used(who, request.origin, _BY_METHOD[method], route.name, route.reference)
        elif endpoint is Endpoint.BLOB and method != "HEAD":
            self._watch.used(who, request.origin, _BY_METHOD[method], route.name, "")
        elif endpoint is Endpoint.TAGS:
            self._watch.used(who, request.origin, Action.LIST, route.name, "")

    def denied(self, who: Identity, request: Request, route: Route, error: Denied) -> None:
        """A request was refused."""
        said = error.detail.get("action")
        action = Action(said) if isinstance(said, str) else _BY_METHOD.get(request.method, Action.CREATE_TAG)
        tag = error.detail.get("tag")
        reference = tag if isinstance(tag, str) else route.reference if route.endpoint is Endpoint.MANIFEST else ""
        self._watch.denied(who, request.origin, action, route.name, reference, str(error))
