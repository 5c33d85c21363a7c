"""The wire table of writes: uploads, mounts, manifest pushes and deletes (distribution specification, "Push")."""

from __future__ import annotations

import json

from tests.wire.content import DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST, digest, image, noise
from tests.wire.row import ABSENT, Row
from tests.wire.seed import (
    BEGUN,
    CONFIG,
    DOCKER,
    IMAGE,
    INDEX,
    LIST,
    LOOSE,
    NOWHERE,
    OTHER,
    REFERRER,
    SEED,
    SMALL,
    UNTAGGED,
)

from holdfast.distribution.router import Endpoint

_NEW = noise(300, "new")
_NEW_BIG = noise((1 << 20) + 1, "new")
_U = "/v2/{empty}/blobs/uploads/"
_M = "/v2/{fresh}/manifests"
_AS_IMAGE = {"Content-Type": OCI_MANIFEST}
_OPENED = {"range": "0-0", "oci-chunk-min-length": "1048576", "content-length": "0", "docker-content-digest": ABSENT}


def _made(data: bytes, algorithm: str = "sha256") -> dict[str, str | None]:
    name = digest(data, algorithm)
    return {"location": f"/v2/{{empty}}/blobs/{name}", "docker-content-digest": name, "content-length": "0"}


UPLOADS = [
    Row(Endpoint.UPLOADS, "POST", _U, 202, headers=_OPENED, content=b""),
    Row(Endpoint.UPLOADS, "POST", "/v2/{empty}/blobs/uploads", 202, headers=_OPENED),
    *(
        Row(Endpoint.UPLOADS, "POST", f"{_U}?digest-algorithm={name}", 202, headers=_OPENED)
        for name in ("sha256", "sha384", "sha512")
    ),
    *(
        Row(Endpoint.UPLOADS, "POST", f"{_U}?digest-algorithm={name}", 400, "DIGEST_INVALID")
        for name in ("md5", "SHA256", "sha1", "blake3", "%00", "x" * 300)
    ),
    *(
        Row(Endpoint.UPLOADS, "POST", f"{_U}?digest={digest(data, how)}", 201, body=data, headers=_made(data, how))
        for data in (_NEW, _NEW_BIG, b"", noise(64 << 10, "new"))
        for how in ("sha256", "sha512")
    ),
    Row(Endpoint.UPLOADS, "POST", f"{_U}?digest={NOWHERE}", 400, "DIGEST_INVALID", body=_NEW),
    Row(Endpoint.UPLOADS, "POST", f"{_U}?digest={NOWHERE}", 400, "DIGEST_INVALID", body=_NEW_BIG),
    Row(Endpoint.UPLOADS, "POST", f"{_U}?digest=sha256:abc", 400, "DIGEST_INVALID", body=_NEW),
    Row(Endpoint.UPLOADS, "POST", f"{_U}?digest=", 400, "DIGEST_INVALID", body=_NEW),
    Row(
        *(Endpoint.UPLOADS, "POST", f"{_U}?mount={digest(SMALL)}&from={SEED}", 201),
        headers={**_made(SMALL), "docker-upload-uuid": ABSENT},
    ),
    *(
        Row(Endpoint.UPLOADS, "POST", _U + query, 202, headers=_OPENED)
        for query in (
            f"?mount={NOWHERE}&from={SEED}",
            f"?mount={digest(SMALL)}&from=nobody/here",
            f"?mount={digest(SMALL)}",
            f"?mount={digest(SMALL)}&from=",
            f"?mount={digest(SMALL)}&from=NO%20NAME",
            f"?from={SEED}",
        )
    ),
    Row(Endpoint.UPLOADS, "POST", f"{_U}?mount=nonsense&from={SEED}", 400, "DIGEST_INVALID"),
    Row(Endpoint.UPLOADS, "POST", "/v2/UPPER/blobs/uploads/", 400, "NAME_INVALID"),
    Row(Endpoint.UPLOADS, "POST", f"{_U}?a=%ff", 400, "UNSUPPORTED"),
    Row(Endpoint.UPLOADS, "POST", _U + "?" + "a=b&" * 100, 400, "UNSUPPORTED"),
    *(
        Row(Endpoint.UPLOADS, method, _U, 405, "UNSUPPORTED", headers={"allow": "POST"})
        for method in ("GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW")
    ),
]


def _at(end: int, of: str) -> dict[str, str | None]:
    """The headers of an open session that holds the bytes up to `end`."""
    return {"range": f"0-{end}", "location": of}


_WHOLE = BEGUN + _NEW
_AFTER = {"Content-Range": f"10-{10 + len(_NEW) - 1}"}
_OUT = [f"{first}-{first + len(_NEW) - 1}" for first in (0, 9, 11, 10**15)]
_REVERSED = ("9-3", "a-b", "", "10", "bytes */10", f"0-{2**63}", "-1-5", "10-309-400", "9" * 200)

SESSION = [
    *(Row(Endpoint.UPLOAD, method, "{session}", 204, headers=_at(0, "{session}")) for method in ("GET", "HEAD")),
    *(Row(Endpoint.UPLOAD, method, "{begun}", 204, headers=_at(9, "{begun}")) for method in ("GET", "HEAD")),
    Row(Endpoint.UPLOAD, "PATCH", "{session}", 202, body=BEGUN, headers=_at(9, "{session}")),
    Row(Endpoint.UPLOAD, "PATCH", "{session}", 202, headers=_at(0, "{session}")),
    *(
        Row(
            Endpoint.UPLOAD,
            "PATCH",
            "{session}",
            202,
            body=BEGUN,
            sent={"Content-Range": said},
            headers=_at(9, "{session}"),
        )
        for said in ("0-9", "bytes 0-9/10", "bytes 0-9/*", "bytes=0-9")
    ),
    Row(Endpoint.UPLOAD, "PATCH", "{begun}", 202, body=_NEW, sent=_AFTER, headers=_at(309, "{begun}")),
    Row(Endpoint.UPLOAD, "PATCH", "{begun}", 202, body=_NEW, headers=_at(309, "{begun}")),
    *(
        Row(
            *(Endpoint.UPLOAD, method, "{begun}" + query, 416, "BLOB_UPLOAD_INVALID"),
            body=_NEW,
            sent={"Content-Range": said},
            headers=_at(9, "{begun}"),
        )
        for method, query in (("PATCH", ""), ("PUT", f"?digest={digest(_WHOLE)}"))
        for said in _OUT
    ),
    *(
        Row(Endpoint.UPLOAD, "PATCH", "{begun}", 416, "SIZE_INVALID", body=_NEW, sent={"Content-Range": said})
        for said in _REVERSED
        if said
    ),
    *(
        Row(Endpoint.UPLOAD, "PATCH", "{begun}", 400, "SIZE_INVALID", body=_NEW, sent={"Content-Range": said})
        for said in ("10-10", "10-308", "10-310", f"10-{2**62}")
    ),
    *(
        Row(Endpoint.UPLOAD, "PUT", "{session}?digest=" + digest(data, how), 201, body=data, headers=_made(data, how))
        for data in (_NEW, _NEW_BIG, b"")
        for how in ("sha256", "sha512")
    ),
    *(
        Row(Endpoint.UPLOAD, "PUT", "{begun}?digest=" + digest(_WHOLE, how), 201, body=_NEW, headers=_made(_WHOLE, how))
        for how in ("sha256", "sha384", "sha512")
    ),
    Row(Endpoint.UPLOAD, "PUT", "{begun}?digest=" + digest(_WHOLE), 201, body=_NEW, sent=_AFTER),
    Row(Endpoint.UPLOAD, "PUT", "{begun}?digest=" + digest(BEGUN), 201, headers=_made(BEGUN)),
    Row(Endpoint.UPLOAD, "PUT", "{begun}", 400, "DIGEST_INVALID", body=_NEW),
    *(
        Row(Endpoint.UPLOAD, "PUT", "{begun}?digest=" + given, 400, "DIGEST_INVALID", body=_NEW)
        for given in (NOWHERE, digest(_NEW), digest(BEGUN), "nonsense", "md5:" + "0" * 32, "", "sha256:" + "A" * 64)
    ),
    Row(Endpoint.UPLOAD, "DELETE", "{session}", 204, headers={"content-type": ABSENT}, content=b""),
    Row(Endpoint.UPLOAD, "DELETE", "{begun}", 204),
    *(
        Row(Endpoint.UPLOAD, method, _U + token + query, 404, "BLOB_UPLOAD_UNKNOWN", body=body)
        for method, query, body in (
            ("GET", "", b""),
            ("HEAD", "", b""),
            ("PATCH", "", _NEW),
            ("PUT", f"?digest={digest(_NEW)}", _NEW),
            ("DELETE", "", b""),
        )
        for token in (
            "1",
            "A" * 55,
            "A" * 56,
            "a" * 3000,
            "%00",
            "..",
            "00000000-0000-0000-0000-000000000000",
            "%c3%a9",
        )
    ),
    *(
        Row(
            Endpoint.UPLOAD, method, "{session}", 405, "UNSUPPORTED", headers={"allow": "GET, HEAD, PATCH, PUT, DELETE"}
        )
        for method in ("POST", "OPTIONS", "BREW")
    ),
    *(
        Row(Endpoint.UPLOAD, method, "/v2/UPPER/blobs/uploads/abc", 400, "NAME_INVALID")
        for method in ("GET", "HEAD", "PATCH", "PUT", "DELETE")
    ),
]


def _put(reference: str, data: bytes, media_type: str, **more: str | None) -> Row:
    name = digest(data)
    made = {"location": f"/v2/{{fresh}}/manifests/{name}", "docker-content-digest": name, "content-length": "0"}
    return Row(
        *(Endpoint.MANIFEST, "PUT", f"{_M}/{reference}", 201),
        sent={"Content-Type": media_type},
        body=data,
        headers={**made, "oci-subject": ABSENT, "oci-tag": ABSENT, **more},
        content=b"",
    )


_TYPES = ((IMAGE, OCI_MANIFEST), (INDEX, OCI_INDEX), (DOCKER, DOCKER_MANIFEST), (LIST, DOCKER_LIST))
_ABSENT_BLOB = image(_NEW)
_MISFITS: dict[str, bytes] = {
    "empty": b"",
    "no json": b"not json",
    "cut": IMAGE[:-10],
    "a list": b"[]",
    "a text": b'"manifest"',
    "not utf-8": b'{"schemaVersion":2,"a":"\xff"}',
    "a key twice": IMAGE.replace(b'"schemaVersion": 2', b'"schemaVersion": 2, "schemaVersion": 2'),
    "nan": IMAGE.replace(b'"schemaVersion": 2', b'"schemaVersion": NaN'),
    "depth": b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
    "both": json.dumps({**json.loads(IMAGE), "manifests": []}).encode(),
    "another type": IMAGE.replace(OCI_MANIFEST.encode(), OCI_INDEX.encode()),
    "version 1": IMAGE.replace(b'"schemaVersion": 2', b'"schemaVersion": 1'),
    "no config": json.dumps({k: v for k, v in json.loads(IMAGE).items() if k != "config"}).encode(),
    "a size of true": IMAGE.replace(b'"size": 200', b'"size": true'),
    "a size below 0": IMAGE.replace(b'"size": 200', b'"size": -200'),
    "another spelling": IMAGE.replace(b'"layers"', b'"Layers"'),
}

PUTS = [
    *(_put(reference, data, kind) for data, kind in _TYPES for reference in ("new", digest(data), "v1")),
    *(_put("new", data, f"{kind}; charset=utf-8") for data, kind in _TYPES),
    _put("new", REFERRER, OCI_MANIFEST, **{"oci-subject": digest(IMAGE)}),
    Row(Endpoint.MANIFEST, "PUT", f"{_M}/new", 201, body=IMAGE, headers={"docker-content-digest": digest(IMAGE)}),
    Row(
        *(Endpoint.MANIFEST, "PUT", f"{_M}/{digest(IMAGE, 'sha512')}", 201),
        body=IMAGE,
        sent=_AS_IMAGE,
        headers={"docker-content-digest": digest(IMAGE, "sha512")},
    ),
    _put(f"{digest(IMAGE)}?tag=only", IMAGE, OCI_MANIFEST, **{"oci-tag": "only"}),
    *(
        Row(Endpoint.MANIFEST, "PUT", f"{_M}/{name}", 400, "DIGEST_INVALID", body=IMAGE, sent=_AS_IMAGE)
        for name in (NOWHERE, digest(IMAGE)[:-1], "md5:" + "0" * 32, digest(IMAGE).upper())
    ),
    *(
        Row(Endpoint.MANIFEST, "PUT", f"{_M}/new", 400, "MANIFEST_INVALID", body=data, sent=_AS_IMAGE)
        for data in _MISFITS.values()
    ),
    *(
        Row(Endpoint.MANIFEST, "PUT", f"{_M}/new", 400, "MANIFEST_INVALID", body=IMAGE, sent={"Content-Type": kind})
        for kind in (OCI_INDEX, DOCKER_MANIFEST, "nonsense", "text/html", "application/json")
    ),
    Row(Endpoint.MANIFEST, "PUT", f"{_M}/new", 400, "MANIFEST_BLOB_UNKNOWN", body=_ABSENT_BLOB, sent=_AS_IMAGE),
    Row(Endpoint.MANIFEST, "PUT", f"{_M}/new?tag=other", 400, "UNSUPPORTED", body=IMAGE, sent=_AS_IMAGE),
    Row(Endpoint.MANIFEST, "PUT", f"{_M}/{digest(IMAGE)}?tag=.bad", 400, "MANIFEST_INVALID", body=IMAGE),
    Row(Endpoint.MANIFEST, "PUT", f"{_M}/new", 413, "SIZE_INVALID", body=b" " * (4 << 20) + IMAGE, sent=_AS_IMAGE),
]

DELETES = [
    Row(Endpoint.MANIFEST, "DELETE", f"{_M}/v1", 202, content=b""),
    Row(Endpoint.MANIFEST, "DELETE", f"{_M}/{digest(UNTAGGED)}", 202, content=b""),
    Row(Endpoint.MANIFEST, "DELETE", f"{_M}/{digest(INDEX)}", 202),
    Row(Endpoint.MANIFEST, "DELETE", f"{_M}/{digest(REFERRER)}", 202),
    *(Row(Endpoint.MANIFEST, "DELETE", f"{_M}/{digest(data)}", 405, "UNSUPPORTED") for data in (IMAGE, OTHER, DOCKER)),
    *(
        Row(Endpoint.MANIFEST, "DELETE", f"{_M}/{reference}", 404, "MANIFEST_UNKNOWN")
        for reference in ("absent", NOWHERE, digest(CONFIG))
    ),
    Row(Endpoint.MANIFEST, "DELETE", "/v2/nobody/here/manifests/v1", 404, "NAME_UNKNOWN"),
    Row(Endpoint.MANIFEST, "DELETE", f"/v2/nobody/here/manifests/{NOWHERE}", 404, "NAME_UNKNOWN"),
    Row(Endpoint.BLOB, "DELETE", "/v2/{fresh}/blobs/" + digest(LOOSE), 202, content=b""),
    *(
        Row(Endpoint.BLOB, "DELETE", "/v2/{fresh}/blobs/" + digest(data), 405, "UNSUPPORTED")
        for data in (CONFIG, SMALL, b"{}")
    ),
    *(
        Row(Endpoint.BLOB, "DELETE", "/v2/{fresh}/blobs/" + name, 404, "BLOB_UNKNOWN")
        for name in (NOWHERE, digest(IMAGE))
    ),
    Row(Endpoint.BLOB, "DELETE", f"/v2/nobody/here/blobs/{NOWHERE}", 404, "NAME_UNKNOWN"),
]

ROWS = [*UPLOADS, *SESSION, *PUTS, *DELETES]
