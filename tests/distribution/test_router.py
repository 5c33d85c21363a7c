"""Paths and the routes they name."""

from __future__ import annotations

import pytest

from holdfast.distribution.errors import NotFound
from holdfast.distribution.router import Endpoint, Route, match

DIGEST = "sha256:" + "a" * 64
TABLE = [
    ("/v2", Route(Endpoint.PING, "", "")),
    ("/v2/", Route(Endpoint.PING, "", "")),
    ("/token", Route(Endpoint.TOKEN, "", "")),
    ("/service/token", Route(Endpoint.TOKEN, "", "")),
    ("/oauth2/token", Route(Endpoint.TOKEN, "", "")),
    ("/v2/token", Route(Endpoint.TOKEN, "", "")),
    ("/v2/auth", Route(Endpoint.TOKEN, "", "")),
    ("/.well-known/jwks.json", Route(Endpoint.KEYS, "", "")),
    ("/v2/token/manifests/v1", Route(Endpoint.MANIFEST, "token", "v1")),
    ("/v2/_catalog", Route(Endpoint.CATALOG, "", "")),
    ("/v2/_catalog/", Route(Endpoint.CATALOG, "", "")),
    ("/v2/a/manifests/v1", Route(Endpoint.MANIFEST, "a", "v1")),
    (f"/v2/a/b/c/manifests/{DIGEST}", Route(Endpoint.MANIFEST, "a/b/c", DIGEST)),
    (f"/v2/a/blobs/{DIGEST}", Route(Endpoint.BLOB, "a", DIGEST)),
    ("/v2/a/blobs/uploads", Route(Endpoint.UPLOADS, "a", "")),
    ("/v2/a/blobs/uploads/", Route(Endpoint.UPLOADS, "a", "")),
    ("/v2/a/b/blobs/uploads/token", Route(Endpoint.UPLOAD, "a/b", "token")),
    ("/v2/a/tags/list", Route(Endpoint.TAGS, "a", "")),
    (f"/v2/a/referrers/{DIGEST}", Route(Endpoint.REFERRERS, "a", DIGEST)),
    ("/v2/manifests/manifests/manifests", Route(Endpoint.MANIFEST, "manifests", "manifests")),
    ("/v2/a/blobs/manifests/v1", Route(Endpoint.MANIFEST, "a/blobs", "v1")),
    ("/v2/a/blobs/uploads/manifests/v1", Route(Endpoint.MANIFEST, "a/blobs/uploads", "v1")),
    ("/v2/a/blobs/uploads/blobs/uploads/", Route(Endpoint.UPLOADS, "a/blobs/uploads", "")),
    ("/v2/a/blobs/uploads/blobs/uploads/t", Route(Endpoint.UPLOAD, "a/blobs/uploads", "t")),
    ("/v2/tags/list/tags/list", Route(Endpoint.TAGS, "tags/list", "")),
    (f"/v2/a/uploads/blobs/{DIGEST}", Route(Endpoint.BLOB, "a/uploads", DIGEST)),
    ("/v2/a//manifests/v1", Route(Endpoint.MANIFEST, "a/", "v1")),
    ("/v2/a/manifests/%2e%2e", Route(Endpoint.MANIFEST, "a", "%2e%2e")),
    ("/v2/../manifests/v1", Route(Endpoint.MANIFEST, "..", "v1")),
]
NO_ROUTE = [
    "/v2/a",
    "/v2/a/",
    "/v2//",
    "/v2/manifests/v1",
    "/v2/blobs/uploads",
    "/v2/a/manifests",
    "/v2/a/manifests/",
    "/v2/a/manifests/v1/",
    "/v2/a/blobs/",
    "/v2/a/uploads/",
    "/v2/a/uploads/token",
    "/v2/a/blobs/uploads/token/",
    "/v2/a/tags",
    "/v2/a/tags/",
    "/v2/a/tags/list/",
    "/v2/a/tags/other",
    "/v2/a/referrers/",
    "/v2/_catalog/x",
    "/v2/tags/list",
    "/v2/" + "a/" * 5000,
]
ELSEWHERE = [
    "/token/",
    "/tokens",
    "/.well-known/openid-configuration",
    "",
    "/",
    "/v1/",
    "/v22/",
    "/V2/",
    "v2/",
    "/v2x",
    "//v2/",
    "/v2.",
    "/api/v2/",
]


@pytest.mark.parametrize(("path", "wanted"), TABLE, ids=[path for path, _ in TABLE])
def test_routes(path: str, wanted: Route) -> None:
    assert match(path) == wanted


@pytest.mark.parametrize("path", NO_ROUTE, ids=lambda path: path[:40])
def test_what_is_no_route_is_known_only_after_the_credential(path: str) -> None:
    assert match(path).endpoint is Endpoint.UNROUTED


@pytest.mark.parametrize("path", ELSEWHERE)
def test_what_is_not_under_v2_is_not_found(path: str) -> None:
    with pytest.raises(NotFound):
        match(path)


def test_an_empty_name_reaches_the_check_of_names() -> None:
    assert match("/v2/blobs/uploads/") in (Route(Endpoint.UPLOADS, "", ""), Route(Endpoint.UNROUTED, "", ""))
