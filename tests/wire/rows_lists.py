"""The wire table of lists: tags, catalog and referrers (distribution specification, "Content Discovery")."""

from __future__ import annotations

from tests.wire.content import OCI_INDEX, OCI_MANIFEST, digest
from tests.wire.row import ABSENT, Row
from tests.wire.seed import IMAGE, NOWHERE, NOWHERE_512, REFERRER, SEED

from holdfast.distribution.router import Endpoint

_T = f"/v2/{SEED}/tags/list"
_R = f"/v2/{SEED}/referrers"
_JSON = "application/json"
_TAGS = ["docker", "list", "multi", "other", "v1"]
_KIND = "application/vnd.example.note"
_BAD_PAGES = (
    "n=-1",
    "n=a",
    "n=",
    "n=1.5",
    "n=0x10",
    "n=%c2%b2",
    "n=%d9%a3",
    "n=" + "9" * 19,
    "last=" + "a" * 600,
    "last=%00",
    "last=%ff",
)
_ENTRY = {
    "mediaType": OCI_MANIFEST,
    "digest": digest(REFERRER),
    "size": len(REFERRER),
    "artifactType": _KIND,
}


def _tags(query: str, names: list[str], link: str | None = ABSENT) -> Row:
    headers = {"content-type": _JSON, "link": link}
    return Row(Endpoint.TAGS, "GET", _T + query, 200, json={"name": SEED, "tags": names}, headers=headers)


TAGS = [
    _tags("", _TAGS),
    _tags("?n=100", _TAGS),
    _tags(f"?n={10**17}", _TAGS),
    _tags("?n=5", _TAGS),
    _tags("?n=0", []),
    _tags("?n=0&last=list", []),
    _tags("?n=2", ["docker", "list"], f'<{_T}?n=2&last=list>; rel="next"'),
    _tags("?n=2&last=list", ["multi", "other"], f'<{_T}?n=2&last=other>; rel="next"'),
    _tags("?n=2&last=other", ["v1"]),
    _tags("?last=list", ["multi", "other", "v1"]),
    _tags("?last=lz", ["multi", "other", "v1"]),
    _tags("?last=zzz", []),
    _tags("?last=", _TAGS),
    _tags("?last=%c3%a9", []),
    _tags("?last=not/a%20tag%27%3b--", ["other", "v1"]),
    _tags("?unknown=1", _TAGS),
    Row(Endpoint.TAGS, "HEAD", _T, 200, headers={"content-type": _JSON}),
    Row(Endpoint.TAGS, "HEAD", "/v2/nobody/here/tags/list", 404, "NAME_UNKNOWN"),
    Row(Endpoint.TAGS, "GET", "/v2/nobody/here/tags/list", 404, "NAME_UNKNOWN"),
    Row(Endpoint.TAGS, "GET", "/v2/nobody/here/tags/list?n=0", 404, "NAME_UNKNOWN"),
    Row(Endpoint.TAGS, "GET", "/v2/UPPER/tags/list", 400, "NAME_INVALID"),
    *(Row(Endpoint.TAGS, "GET", f"{_T}?{query}", 400, "UNSUPPORTED") for query in _BAD_PAGES),
    *(
        Row(Endpoint.TAGS, method, _T, 405, "UNSUPPORTED", headers={"allow": "GET, HEAD"})
        for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW")
    ),
]

CATALOG = [
    Row(Endpoint.CATALOG, "GET", "/v2/_catalog?n=1&last=table/see", 200, json={"repositories": [SEED]}),
    Row(Endpoint.CATALOG, "GET", "/v2/_catalog?n=0", 200, json={"repositories": []}, headers={"link": ABSENT}),
    Row(Endpoint.CATALOG, "GET", "/v2/_catalog?last=zzz", 200, json={"repositories": []}, headers={"link": ABSENT}),
    Row(Endpoint.CATALOG, "HEAD", "/v2/_catalog", 200, headers={"content-type": _JSON}),
    *(Row(Endpoint.CATALOG, "GET", f"/v2/_catalog?{query}", 400, "UNSUPPORTED") for query in _BAD_PAGES),
    *(
        Row(Endpoint.CATALOG, method, "/v2/_catalog", 405, "UNSUPPORTED", headers={"allow": "GET, HEAD"})
        for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW")
    ),
]


def _referrers(target: str, entries: list[dict[str, object]], filtered: str | None = ABSENT) -> Row:
    return Row(
        *(Endpoint.REFERRERS, "GET", target, 200),
        json={"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries},
        headers={"content-type": OCI_INDEX, "oci-filters-applied": filtered, "link": ABSENT},
    )


REFERRERS = [
    _referrers(f"{_R}/{digest(IMAGE)}", [_ENTRY]),
    _referrers(f"{_R}/{digest(IMAGE)}?artifactType={_KIND}", [_ENTRY], "artifactType"),
    _referrers(f"{_R}/{digest(IMAGE)}?artifactType=application/vnd.other", [], "artifactType"),
    _referrers(f"{_R}/{digest(IMAGE)}?artifactType=%27%20or%201=1--", [], "artifactType"),
    _referrers(f"{_R}/{digest(IMAGE)}?artifactType=%00", [], "artifactType"),
    _referrers(f"{_R}/{digest(IMAGE)}?artifactType=", [_ENTRY]),
    _referrers(f"{_R}/{digest(REFERRER)}", []),
    _referrers(f"{_R}/{NOWHERE}", []),
    _referrers(f"{_R}/{NOWHERE_512}", []),
    _referrers(f"/v2/nobody/here/referrers/{NOWHERE}", []),
    Row(Endpoint.REFERRERS, "HEAD", f"{_R}/{digest(IMAGE)}", 200, headers={"content-type": OCI_INDEX}),
    *(
        Row(Endpoint.REFERRERS, method, f"{_R}/{reference}", 400, "DIGEST_INVALID")
        for method in ("GET", "HEAD")
        for reference in ("v1", "sha256:abc", "md5:" + "0" * 32, "sha256:" + "A" * 64)
    ),
    *(
        Row(Endpoint.REFERRERS, "GET", f"{_R}/{NOWHERE}?after={cursor}", 400, "UNSUPPORTED")
        for cursor in ("a", "-1", "", "9" * 19, "%c2%b2", "1%20or%201=1")
    ),
    Row(Endpoint.REFERRERS, "GET", f"/v2/UPPER/referrers/{NOWHERE}", 400, "NAME_INVALID"),
    *(
        Row(Endpoint.REFERRERS, method, f"{_R}/{NOWHERE}", 405, "UNSUPPORTED", headers={"allow": "GET, HEAD"})
        for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW")
    ),
]

ROWS = [*TAGS, *CATALOG, *REFERRERS]
