"""From a path to an endpoint, a repository name and a reference (distribution specification, "Endpoints")."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from holdfast.distribution.errors import NotFound


class Endpoint(StrEnum):
    """The routes under `/v2` and those of tokens, and `UNROUTED` for every other path under `/v2`."""

    PING = "ping"
    CATALOG = "catalog"
    MANIFEST = "manifest"
    BLOB = "blob"
    UPLOADS = "uploads"
    UPLOAD = "upload"
    TAGS = "tags"
    REFERRERS = "referrers"
    TOKEN = "token"  # noqa: S105 - a route
    KEYS = "keys"
    UNROUTED = "unrouted"


class Route(NamedTuple):
    """A matched route; `name` and `reference` are not checked yet."""

    endpoint: Endpoint
    name: str
    reference: str


_PREFIX = "/v2/"
_BESIDE = {
    **dict.fromkeys(("/token", "/service/token", "/oauth2/token", "/v2/token", "/v2/auth"), Endpoint.TOKEN),
    "/.well-known/jwks.json": Endpoint.KEYS,
}
"""Tokens, under the names that other registries have for the endpoint, too: configurations of clients name them."""
_BY_SEGMENT = {"manifests": Endpoint.MANIFEST, "blobs": Endpoint.BLOB, "referrers": Endpoint.REFERRERS}


def match(path: str) -> Route:
    """The route of `path`. Raises `NotFound` for what is neither under `/v2` nor about tokens.

    What is under it and no route is `UNROUTED`, so that a stranger is asked for a credential before he learns of it.
    A repository name may itself contain segments such as `blobs`: the last two segments decide.
    """
    if not path.startswith(_PREFIX):
        if path == "/v2":
            return Route(Endpoint.PING, "", "")
        if path in _BESIDE:
            return Route(_BESIDE[path], "", "")
        raise NotFound
    parts = path.rsplit("/", 2)
    if len(parts) == 3 and len(parts[0]) > len(_PREFIX):
        head, segment, reference = parts
        endpoint = _BY_SEGMENT.get(segment)
        if endpoint is not None and reference and not (endpoint is Endpoint.BLOB and reference == "uploads"):
            return Route(endpoint, head[4:], reference)
        if segment == "uploads" and head.endswith("/blobs"):
            return Route(Endpoint.UPLOAD if reference else Endpoint.UPLOADS, head[4:-6], reference)
        if endpoint is Endpoint.BLOB and reference == "uploads":
            return Route(Endpoint.UPLOADS, head[4:], "")
        if segment == "tags" and reference == "list":
            return Route(Endpoint.TAGS, head[4:], "")
    if path == _PREFIX:
        return Route(Endpoint.PING, "", "")
    if path in ("/v2/_catalog", "/v2/_catalog/"):
        return Route(Endpoint.CATALOG, "", "")
    if path in _BESIDE:
        return Route(_BESIDE[path], "", "")
    return Route(Endpoint.UNROUTED, "", "")
