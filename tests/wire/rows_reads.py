"""The wire table of reads: ping, manifests and blobs (distribution specification, "Pull"; RFC 9110, 13 and 14)."""

from __future__ import annotations

from tests.wire.content import DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST, digest
from tests.wire.row import ABSENT, Row
from tests.wire.seed import (
    BIG,
    CONFIG,
    DOCKER,
    IMAGE,
    INDEX,
    LIST,
    NOWHERE,
    NOWHERE_512,
    OTHER,
    REFERRER,
    SEED,
    SMALL,
    UNTAGGED,
)

from holdfast.distribution.router import Endpoint

_LONG = "public, max-age=31536000, immutable"
_M = f"/v2/{SEED}/manifests"
_B = f"/v2/{SEED}/blobs"
_OCTETS = "application/octet-stream"
_BAD_DIGESTS = (
    "sha256:" + "0" * 63,
    "sha256:" + "0" * 65,
    "sha256:" + "A" * 64,
    "sha256:" + "g" * 64,
    "md5:" + "0" * 32,
    "sha256:",
    ":" + "0" * 64,
    "sha256:" + "0" * 64 + "%0a",
)

PING = [
    Row(Endpoint.PING, "GET", "/v2/", 200, json={}, headers={"content-type": "application/json"}),
    Row(Endpoint.PING, "GET", "/v2", 200, json={}),
    Row(Endpoint.PING, "HEAD", "/v2/", 200, headers={"content-length": "2"}),
    *(
        Row(Endpoint.PING, method, "/v2/", 405, "UNSUPPORTED", headers={"allow": "GET, HEAD"})
        for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW")
    ),
    *(
        Row(Endpoint.UNROUTED, method, target, 404, "UNSUPPORTED")
        for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW")
        for target in (f"/v2/{SEED}", f"/v2/{SEED}/nothing/here", "/v2//", f"{_M}/", f"{_M}/a/b", f"{_B}/uploads/a/b")
    ),
]


def _manifest(reference: str, data: bytes, media_type: str) -> list[Row]:
    """GET and HEAD of a manifest, and both when the client has it."""
    name = digest(data)
    by_digest = ":" in reference
    common = {"docker-content-digest": name, "etag": f'"{name}"', "cache-control": _LONG if by_digest else ABSENT}
    full = {**common, "content-type": media_type, "content-length": str(len(data)), "content-disposition": ABSENT}
    have = {"If-None-Match": f'"{name}"'}
    gone = {**common, "content-type": ABSENT}
    target = f"{_M}/{reference}"
    return [
        Row(Endpoint.MANIFEST, "GET", target, 200, headers=full, content=data),
        Row(Endpoint.MANIFEST, "HEAD", target, 200, headers=full),
        Row(Endpoint.MANIFEST, "GET", target, 304, sent=have, headers=gone, content=b""),
        Row(Endpoint.MANIFEST, "HEAD", target, 304, sent=have, headers=gone),
    ]


MANIFESTS = [
    *_manifest("v1", IMAGE, OCI_MANIFEST),
    *_manifest(digest(IMAGE), IMAGE, OCI_MANIFEST),
    *_manifest("multi", INDEX, OCI_INDEX),
    *_manifest(digest(INDEX), INDEX, OCI_INDEX),
    *_manifest("docker", DOCKER, DOCKER_MANIFEST),
    *_manifest(digest(DOCKER), DOCKER, DOCKER_MANIFEST),
    *_manifest("list", LIST, DOCKER_LIST),
    *_manifest(digest(LIST), LIST, DOCKER_LIST),
    *_manifest(digest(OTHER), OTHER, OCI_MANIFEST),
    *_manifest(digest(UNTAGGED), UNTAGGED, OCI_MANIFEST),
    *_manifest(digest(REFERRER), REFERRER, OCI_MANIFEST),
    *(
        # What the client accepts changes nothing: bytes and type are those that were pushed.
        Row(Endpoint.MANIFEST, "GET", f"{_M}/v1", 200, sent={"Accept": accept}, content=IMAGE)
        for accept in (DOCKER_MANIFEST, "text/html", "*/*;q=0", "nonsense")
    ),
    *(
        Row(Endpoint.MANIFEST, "GET", f"{_M}/v1", status, sent={"If-None-Match": value})
        for status, value in (
            (304, "*"),
            (304, f'W/"{digest(IMAGE)}"'),
            (304, f'"a", "{digest(IMAGE)}", "b"'),
            (200, f'"{digest(INDEX)}"'),
            (200, digest(IMAGE)),
            (200, '""'),
        )
    ),
    *(
        Row(Endpoint.MANIFEST, method, target, 404, "MANIFEST_UNKNOWN")
        for method in ("GET", "HEAD")
        for target in (
            f"{_M}/absent",
            f"{_M}/{NOWHERE}",
            f"{_M}/{NOWHERE_512}",
            f"{_M}/{digest(CONFIG)}",  # a blob is no manifest
            "/v2/nobody/here/manifests/v1",
            f"/v2/nobody/here/manifests/{digest(IMAGE)}",
        )
    ),
    *(
        Row(Endpoint.MANIFEST, method, f"{_M}/{reference}", 400, "DIGEST_INVALID")
        for method in ("GET", "HEAD", "DELETE")
        for reference in _BAD_DIGESTS
    ),
    *(
        Row(Endpoint.MANIFEST, method, f"{_M}/{reference}", 400, "MANIFEST_INVALID")
        for method in ("GET", "HEAD", "PUT", "DELETE")
        for reference in (".dot", "-dash", "a%20b", "a" * 129, "%c3%a9", "a%00", "a%0d%0ab", "a+b", "%2e%2e")
    ),
    *(
        Row(Endpoint.MANIFEST, method, f"/v2/{name}/manifests/v1", 400, "NAME_INVALID")
        for method in ("GET", "HEAD", "PUT", "DELETE")
        for name in ("UPPER", "a//b", "-a", "a-", "a..b", "a___b", "a" * 256, "%c3%a9", "a%00b", "..", "a/..%2f..")
    ),
    Row(Endpoint.MANIFEST, "GET", f"/v2/{'a' * 255}/manifests/v1", 404, "MANIFEST_UNKNOWN"),
    *(
        Row(Endpoint.MANIFEST, method, f"{_M}/v1", 405, "UNSUPPORTED", headers={"allow": "GET, HEAD, PUT, DELETE"})
        for method in ("POST", "PATCH", "OPTIONS", "BREW")
    ),
]


def _blob(data: bytes) -> list[Row]:
    """GET and HEAD of a blob, whole, in ranges, and when the client has it."""
    name, size = digest(data), len(data)
    target = f"{_B}/{name}"
    common = {
        "docker-content-digest": name,
        "etag": f'"{name}"',
        "cache-control": _LONG,
        "accept-ranges": "bytes",
    }
    full = {**common, "content-type": _OCTETS, "content-disposition": "attachment"}
    whole = {**full, "content-length": str(size), "content-range": ABSENT}
    gone = {**common, "content-type": ABSENT}
    ranges = {
        "bytes=0-0": (0, 1),
        "bytes=0-": (0, size),
        "bytes=10-19": (10, 20),
        f"bytes=10-{size * 2}": (10, size),
        f"bytes=50-{10**30}": (50, size),
        f"bytes={size - 1}-": (size - 1, size),
        "bytes=-7": (size - 7, size),
        f"bytes=-{size * 9}": (0, size),
    }
    return [
        Row(Endpoint.BLOB, "GET", target, 200, headers=whole, content=data),
        Row(Endpoint.BLOB, "HEAD", target, 200, headers=whole),
        Row(Endpoint.BLOB, "HEAD", target, 200, sent={"Range": "bytes=0-9"}, headers=whole),
        Row(Endpoint.BLOB, "GET", target, 304, sent={"If-None-Match": f'"{name}"'}, headers=gone, content=b""),
        Row(Endpoint.BLOB, "HEAD", target, 304, sent={"If-None-Match": "*"}, headers=gone),
        Row(Endpoint.BLOB, "GET", target, 200, sent={"If-None-Match": f'"{NOWHERE}"'}, content=data),
        Row(Endpoint.BLOB, "GET", target, 200, sent={"Accept-Encoding": "gzip, br, zstd"}, headers=whole, content=data),
        *(
            Row(
                *(Endpoint.BLOB, "GET", target, 206),
                sent={"Range": header},
                headers={
                    **full,
                    "content-length": str(end - start),
                    "content-range": f"bytes {start}-{end - 1}/{size}",
                },
                content=data[start:end],
            )
            for header, (start, end) in ranges.items()
        ),
        *(
            Row(
                *(Endpoint.BLOB, "GET", target, 416, "SIZE_INVALID"),
                sent={"Range": header},
                headers={"content-range": f"bytes */{size}"},
            )
            for header in (f"bytes={size}-", f"bytes={size * 2}-{size * 3}", "bytes=-0")
        ),
        *(
            Row(Endpoint.BLOB, "GET", target, 200, sent={"Range": header}, headers=whole, content=data)
            for header in (
                "bytes=0-0,2-3",
                "bytes=" + ",".join(f"{n}-{n}" for n in range(500)),
                "bytes=9-3",
                "bytes=a-b",
                "bytes=",
                "bytes=-",
                "bytes",
                "lines=0-1",
                "0-1",
                "bytes=" + "9" * 400 + "-",
            )
        ),
    ]


BLOBS = [
    *_blob(CONFIG),
    *_blob(SMALL),
    *_blob(BIG),
    *(
        Row(Endpoint.BLOB, method, target, 404, "BLOB_UNKNOWN")
        for method in ("GET", "HEAD")
        for target in (f"{_B}/{NOWHERE}", f"{_B}/{NOWHERE_512}", f"/v2/nobody/here/blobs/{digest(CONFIG)}")
    ),
    *(
        Row(Endpoint.BLOB, method, f"{_B}/{reference}", 400, "DIGEST_INVALID")
        for method in ("GET", "HEAD", "DELETE")
        for reference in (*_BAD_DIGESTS, "latest")
    ),
    *(
        Row(Endpoint.BLOB, method, f"/v2/UPPER/blobs/{NOWHERE}", 400, "NAME_INVALID")
        for method in ("GET", "HEAD", "DELETE")
    ),
    *(
        Row(Endpoint.BLOB, method, f"{_B}/{digest(CONFIG)}", 405, "UNSUPPORTED", headers={"allow": "GET, HEAD, DELETE"})
        for method in ("POST", "PUT", "PATCH", "OPTIONS", "BREW")
    ),
]

ROWS = [*PING, *MANIFESTS, *BLOBS]
