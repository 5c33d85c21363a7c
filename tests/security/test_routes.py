"""No route without rows: whatever the surface routes to has its lines in the wire tables, and thereby in the matrix."""

from __future__ import annotations

import pytest
from tests.wire.client import Connection
from tests.wire.seed import NOWHERE, SEED
from tests.wire.table import ROWS

from holdfast.distribution.router import Endpoint, match

# One path of each endpoint. A new member of `Endpoint` fails here until it has one.
PATHS = {
    Endpoint.PING: "/v2/",
    Endpoint.CATALOG: "/v2/_catalog",
    Endpoint.MANIFEST: f"/v2/{SEED}/manifests/v1",
    Endpoint.BLOB: f"/v2/{SEED}/blobs/{NOWHERE}",
    Endpoint.UPLOADS: f"/v2/{SEED}/blobs/uploads/",
    Endpoint.UPLOAD: f"/v2/{SEED}/blobs/uploads/token",
    Endpoint.TAGS: f"/v2/{SEED}/tags/list",
    Endpoint.REFERRERS: f"/v2/{SEED}/referrers/{NOWHERE}",
    Endpoint.TOKEN: "/v2/token",
    Endpoint.KEYS: "/.well-known/jwks.json",
    Endpoint.UNROUTED: "/v2/nothing/here",
}

_NEVER_REFUSED = (Endpoint.PING, Endpoint.CATALOG, Endpoint.KEYS)


def rows(endpoint: Endpoint, method: str) -> list[int]:
    """The statuses that the tables expect of a method of an endpoint."""
    return [row.status for row in ROWS if row.endpoint is endpoint and row.method == method]


def test_every_endpoint_has_its_path() -> None:
    assert set(PATHS) == set(Endpoint)
    assert {endpoint: match(path).endpoint for endpoint, path in PATHS.items()} == {name: name for name in Endpoint}


@pytest.mark.parametrize("endpoint", [name for name in Endpoint if name is not Endpoint.UNROUTED])
def test_every_method_of_an_endpoint_has_its_rows(open_sown: Connection, endpoint: Endpoint) -> None:
    refused = open_sown.ask("BREW", PATHS[endpoint])
    assert refused.status == 405
    methods = refused["allow"].split(", ")
    for method in methods:
        assert any(status < 400 for status in rows(endpoint, method)), f"{endpoint} {method}: nothing that succeeds"
        assert any(status >= 400 for status in rows(endpoint, method)) or endpoint in _NEVER_REFUSED
    for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"):
        if method not in methods:
            assert set(rows(endpoint, method)) == {405}, f"{endpoint} {method}: is it refused?"


def test_every_method_of_no_endpoint_has_its_rows() -> None:
    for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"):
        assert set(rows(Endpoint.UNROUTED, method)) == {404}
