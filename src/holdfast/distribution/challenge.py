"""What a 401 asks for: one Bearer challenge with the scope of the request (distribution, "Token Authentication
Specification"; RFC 6750, 3). Basic is accepted everywhere and advertised by the token endpoint alone."""

from __future__ import annotations

from holdfast.access.errors import InsufficientScope, Unauthenticated
from holdfast.distribution.request import BadRequest, Request
from holdfast.distribution.router import Endpoint, Route
from holdfast.oci.errors import Invalid
from holdfast.oci.name import RepositoryName

BASIC = b'Basic realm="holdfast", charset="UTF-8"'
_READS = ("GET", "HEAD")
_UPLOADING = (Endpoint.UPLOAD, Endpoint.UPLOADS)


class Challenges:
    """Makes challenges. `origin`: the address of this registry as clients see it; `service`: what tokens are for."""

    def __init__(self, origin: str, service: str) -> None:
        self._start = f'Bearer realm="{origin}/token",service="{service}"'

    def of(self, scope: str = "", error: str = "") -> bytes:
        """The challenge for `scope` ('': none), after `error` (RFC 6750, 3.1; '': no token was shown)."""
        text = self._start
        if scope:
            text += f',scope="{scope}"'
        if error:
            text += f',error="{error}"'
        return text.encode()

    def to(self, error: BaseException, request: Request, route: Route | None) -> bytes:
        """The challenge of the answer to `error`."""
        if route is not None and route.endpoint is Endpoint.TOKEN:
            return BASIC
        if isinstance(error, InsufficientScope):
            return self.of(error.scope, "insufficient_scope")
        shown = request.headers.get(b"authorization", b"")[:7].lower() == b"bearer "
        scope = scope_of(request, route) if route is not None else ""
        return self.of(scope, "invalid_token" if shown and isinstance(error, Unauthenticated) else "")


def scope_of(request: Request, route: Route) -> str:
    """What a token has to be asked for to make this request; '' where nothing is named that could be."""
    if route.endpoint is Endpoint.CATALOG:
        return "registry:catalog:*"
    if not route.name:
        return ""
    try:
        name = RepositoryName.parse(route.name)
        if request.method == "DELETE" and route.endpoint not in _UPLOADING:
            return f"repository:{name}:delete"
        if request.method in _READS and route.endpoint not in _UPLOADING:
            return f"repository:{name}:pull"
        source = mount_source(request)
    except (Invalid, BadRequest):
        return ""
    read = f" repository:{source}:pull" if source is not None and route.endpoint is Endpoint.UPLOADS else ""
    return f"repository:{name}:pull,push{read}"


def mount_source(request: Request) -> RepositoryName | None:
    """The repository that a mount reads from; a name that cannot exist mounts nothing. Raises `BadRequest`."""
    text = request.query("from") if request.query("mount") is not None else None
    if text is None:
        return None
    try:
        return RepositoryName.parse(text)
    except Invalid:
        return None
