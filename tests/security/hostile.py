"""Malformed requests by the thousand, the same for the same seed.

Promises: each request is whole, so that a server answers it without waiting for more, except those that say so
(`unfinished`: the client leaves in the middle); its size is bounded; no two seeds give the same sequence.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.wire.content import OCI_INDEX, OCI_MANIFEST, digest, image, noise
from tests.wire.seed import CONFIG, IMAGE, INDEX, NOWHERE, SEED, SMALL

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
_ODD_METHODS = ("OPTIONS", "TRACE", "CONNECT", "BREW", "get", "PROPFIND", "M" * 40, "PRI", "G%45T", "PUT2", "*", "a.b")
_SNIPPETS = (
    *("", "/", "//", ".", "..", "../", "%2e%2e%2f", "%252e", "..%5c", "%00", "%0d%0a", "%0a", "%09", "%7f", "%1b[31m"),
    *("%ff", "%c0%ae", "%ed%a0%80", "%f0%9f%9a%a2", "%e2%80%ae", "%zz", "%", "%2", "%u0041", "a", "A", "_", "-", "~"),
    *(
        "latest",
        "uploads",
        "blobs",
        "manifests",
        "tags",
        "list",
        "_catalog",
        "referrers",
        "v2",
        ":",
        "@",
        "*",
        "sha256",
    ),
    *("sha256:", "sha512:", "md5:", "SHA256:", "$", "{}", "';--", "\\", '"', "<script>", "{0}", "%(a)s", "${jndi:x}"),
)
_HEADERS = (
    *("Range", "Content-Range", "If-None-Match", "If-Match", "Content-Type", "Accept", "Authorization", "Expect"),
    *("Content-Encoding", "Accept-Encoding", "X-Forwarded-For", "Forwarded", "Host", "Connection", "Upgrade", "TE"),
    *("Cookie", "User-Agent", "Referer", "X-Request-Id", "Range", "Range", "Content-Range", "Trailer", "Date", "Via"),
)
_RANGES = (
    *("bytes=0-", "bytes=-1", "bytes=5-1", "bytes=0-0,1-1", "bytes=" + "0-0," * 300, "bytes=9223372036854775807-"),
    *("bytes=99999999999999999999-99999999999999999999", "bytes=--1", "bytes=0--1", "bytes=0x10-0x20", "bytes= 0 - 5"),
    *(
        "bytes=\xb2-\xb3",
        "0-9",
        "bytes 0-9/10",
        "bytes 0-9/5",
        "10-5",
        "-5",
        "5-",
        "0-9223372036854775807",
        "chars=0-1",
    ),
    *("0-" + "9" * 100, "bytes=0-1;q=1", "none", "bytes=\t0-1", "0-0", "1-1", "bytes */*", "0-18446744073709551616"),
)
_TYPES = (
    *(OCI_MANIFEST, OCI_INDEX, "", "application/json", "text/html", "image/svg+xml", "a", "a/", "/b", "a/b;c", "*/*"),
    *("application/vnd.docker.distribution.manifest.v1+prettyjws", "a/b" * 300, "a/b; " + "x=y;" * 100, "a/b\x7f"),
)


@dataclass(frozen=True, slots=True)
class Shot:
    """One request. `unfinished`: send it and leave."""

    kind: str
    data: bytes
    unfinished: bool = False


class Hostile:
    """Makes requests from one seed. `session` gives the path of a real upload session."""

    def __init__(self, seed: int, session: Callable[[], str]) -> None:
        self._random = random.Random(seed)
        self._session = session

    def shots(self, count: int) -> Iterator[Shot]:
        """Give `count` requests of every kind, mixed."""
        makers = [self._path, self._path, self._query, self._reference, self._manifest, self._manifest, self._chunk]
        makers += [self._header, self._range, self._length, self._method, self._noise, self._flood, self._broken_chunks]
        for _ in range(count):
            yield self._random.choice(makers)()

    def _text(self, most: int = 6) -> str:
        return "".join(self._random.choice(_SNIPPETS) for _ in range(self._random.randint(0, most)))

    def _long(self, text: str) -> str:
        return text * self._random.choice((1, 1, 1, 1, 50, 2000)) if text else text

    def _request(self, kind: str, method: str, target: str, body: bytes = b"", **headers: str) -> Shot:
        fields = [("Host", "a"), *((name.replace("_", "-"), value) for name, value in headers.items())]
        if body or method in ("POST", "PUT", "PATCH"):
            fields.append(("Content-Length", str(len(body))))
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields)
        head = f"{method} {target[:60_000] or '/'} HTTP/1.1\r\n{lines}\r\n"
        return Shot(kind, head.encode("latin-1", "replace") + body)

    def _any_method(self) -> str:
        return self._random.choice(_METHODS)

    def _body(self) -> bytes:
        return self._random.choice((b"", b"x", CONFIG, b"\0" * 1000, b"{}", IMAGE))

    def _path(self) -> Shot:
        parts = [self._long(self._text()) for _ in range(self._random.randint(0, 5))]
        prefix = self._random.choice(("/v2/", "/v2/", "/v2/", "/", "/v2", "/v3/", "//v2/"))
        return self._request("path", self._any_method(), prefix + "/".join(parts), self._body())

    def _reference(self) -> Shot:
        name = self._random.choice((SEED, self._long(self._text()), f"{SEED}/{self._text()}", "a" * 300, "a/" * 200))
        middle = self._random.choice(("manifests", "blobs", "referrers", "tags", "blobs/uploads"))
        hexes = self._random.choice((0, 63, 64, 65, 128, 129, 5000))
        reference = self._random.choice(
            (self._long(self._text()), "sha256:" + "0" * hexes, "sha512:" + "f" * hexes, digest(SMALL), NOWHERE, "v1")
        )
        return self._request("reference", self._any_method(), f"/v2/{name}/{middle}/{reference}", self._body())

    def _query(self) -> Shot:
        names = (
            "n",
            "last",
            "digest",
            "mount",
            "from",
            "tag",
            "artifactType",
            "after",
            "digest-algorithm",
            "ns",
            "",
            "a",
        )
        values = (
            "-1",
            "0",
            "99999999999999999999",
            "1e9",
            digest(CONFIG),
            SEED,
            "sha256:x",
            "%ff",
            "%00",
            self._text(),
        )
        count = self._random.choice((1, 2, 3, 70))
        fields = "&".join(f"{self._random.choice(names)}={self._random.choice(values)}" for _ in range(count))
        target = self._random.choice(
            (
                *(f"/v2/{SEED}/tags/list", "/v2/_catalog", f"/v2/{SEED}/blobs/uploads/", "/v2/"),
                *(f"/v2/{SEED}/referrers/{digest(IMAGE)}", f"/v2/hostile/query/manifests/{digest(IMAGE)}"),
            )
        )
        return self._request("query", self._any_method(), f"{target}?{self._long(fields)}", self._body())

    def _header(self) -> Shot:
        count = self._random.choice((1, 2, 5, 30))
        lines = []
        for _ in range(count):
            value = self._random.choice(
                (*_RANGES, *_TYPES, self._text(), "\xe9" * 20, "a" * 9000, "\x1b[2J", "*", "100-continue", "identity")
            )
            lines.append(f"{self._random.choice(_HEADERS)}: {value}\r\n")
        target = self._random.choice(("/v2/", f"/v2/{SEED}/blobs/{digest(SMALL)}", f"/v2/{SEED}/manifests/v1"))
        head = f"{self._random.choice(('GET', 'HEAD'))} {target} HTTP/1.1\r\nHost: a\r\n{''.join(lines)}\r\n"
        return Shot("header", head.encode("latin-1", "replace"))

    def _range(self) -> Shot:
        data = self._random.choice((CONFIG, SMALL))
        value = self._random.choice((*_RANGES, self._text(), f"bytes={self._random.randint(-9, 10**6)}-"))
        return self._request("range", "GET", f"/v2/{SEED}/blobs/{digest(data)}", Range=value)

    def _chunk(self) -> Shot:
        body = noise(self._random.choice((0, 1, 1000)), "chunk")
        value = self._random.choice((*_RANGES, f"0-{len(body) - 1}", f"{self._random.randint(0, 5000)}-5000"))
        query = self._random.choice(("", f"?digest={digest(body)}", f"?digest={NOWHERE}", "?digest=", "?digest=%00"))
        method = self._random.choice(("PATCH", "PATCH", "PUT"))
        return self._request("chunk", method, self._session() + query, body, Content_Range=value)

    def _length(self) -> Shot:
        value = self._random.choice(
            ("-1", "+5", "0x5", "5, 5", "5 5", "", "a", "1e3", "5.0", "9" * 25, str(2**63), str(2**64), "\xb2")
        )
        unfinished = value in (str(2**63), str(2**64)) or self._random.random() < 0.3
        value = self._random.choice((str(10**17), "5000000", "10")) if unfinished else value
        method = self._random.choice(("PUT", "POST", "PATCH"))
        target = self._random.choice((f"/v2/{SEED}/manifests/v1", f"/v2/{SEED}/blobs/uploads/", self._session()))
        head = f"{method} {target} HTTP/1.1\r\nHost: a\r\nContent-Length: {value}\r\n\r\nabc"
        return Shot("length", head.encode("latin-1"), unfinished)

    def _method(self) -> Shot:
        target = self._random.choice(("/v2/", f"/v2/{SEED}/manifests/v1", f"/v2/{SEED}/blobs/uploads/", "*", "/"))
        return self._request("method", self._random.choice(_ODD_METHODS), target)

    def _noise(self) -> Shot:
        text = self._random.randbytes(self._random.choice((1, 20, 400)))
        start = self._random.choice(
            (b"", b"GET /v2/ HTTP/1.1\r\n", b"GET ", b"PUT /v2/a/manifests/b HTTP/1.1\r\nHost: a\r\n")
        )
        return Shot("noise", start + text + b"\r\n\r\n", unfinished=True)

    def _flood(self) -> Shot:
        name = self._random.choice(("X-A", "Cookie", "Range", "Accept"))
        count, size = self._random.choice(
            ((99, 1), (150, 1), (5000, 1), (1, 20_000), (1, 40_000), (1, 900_000), (90, 300))
        )
        lines = "".join(f"{name}: {'y' * size}\r\n" for _ in range(count))
        return Shot("flood", f"GET /v2/{SEED}/manifests/v1 HTTP/1.1\r\nHost: a\r\n{lines}\r\n".encode())

    def _broken_chunks(self) -> Shot:
        body = self._random.choice(
            (
                *(b"zz\r\n\r\n", b"3\r\nabc\r\nzz\r\n\r\n", b"-1\r\n\r\n", b"f" * 18 + b"\r\n\r\n"),
                *(b"3;a=b\r\nabc\r\n0\r\n\r\n", b"0\r\n\r\n", b"3\r\nabcdef\r\n0\r\n\r\n", b"3\nabc\n0\n\n"),
                b"1\r\na\r\n0\r\nX: y\r\n\r\n",
            )
        )
        method = self._random.choice(("PUT", "POST", "PATCH"))
        target = self._random.choice(("/v2/hostile/x/manifests/v1", "/v2/hostile/x/blobs/uploads/", self._session()))
        head = f"{method} {target} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        return Shot("chunked", head.encode() + body)

    def _manifest(self) -> Shot:
        body = self._random.choice((self._bomb, self._damaged, self._wild))()
        kind = self._random.choice((*_TYPES, OCI_MANIFEST, OCI_MANIFEST, OCI_INDEX))
        reference = self._random.choice(("v1", "new", digest(body), NOWHERE))
        target = f"/v2/hostile/manifests/manifests/{reference}"
        return self._request("manifest", "PUT", target, body, Content_Type=kind)

    def _bomb(self) -> bytes:
        deep = self._random.choice((31, 33, 1000, 100_000))
        wide = self._random.choice((10, 20_000))
        return self._random.choice(
            (
                b"[" * deep,
                b'{"a":' * deep + b"1" + b"}" * deep,
                b'{"schemaVersion":2,"layers":' + b"[" * deep + b"]" * deep + b"}",
                b'{"schemaVersion":2,"manifests":[' + b"{}," * wide + b"{}]}",
                b'{"a":"' + b"\\u0000" * wide + b'"}',
                b'{"a":' + b"9" * wide + b"}",
                b'{"a":1e' + b"9" * wide + b"}",
                b'{"' + b'","a":1,"'.join(b"k%d" % n for n in range(wide)) + b'":1}',
                b'{"a":"' + b"\\" * wide,
                b'{"a":"\\ud800"}',
                b"\xef\xbb\xbf" + IMAGE,
            )
        )

    def _damaged(self) -> bytes:
        data = bytearray(self._random.choice((IMAGE, INDEX)))
        for _ in range(self._random.choice((1, 1, 3, 30))):
            at = self._random.randrange(len(data))
            if self._random.random() < 0.5:
                data[at] = self._random.randrange(256)
            else:
                del data[at : at + self._random.randint(1, 20)]
        return bytes(data)

    def _wild(self) -> bytes:
        document = json.loads(self._random.choice((IMAGE, INDEX, image(CONFIG))))
        for _ in range(self._random.randint(1, 3)):
            holder = self._random.choice([document, *self._objects(document)])
            key = self._random.choice(
                (*holder, "mediaType", "subject", "config", "layers", "manifests", "blobs", "Layers")
            )
            holder[key] = self._random.choice(
                (
                    None,
                    True,
                    -1,
                    0,
                    1.5,
                    2**63,
                    2**70,
                    "",
                    "\0",
                    "a" * 5000,
                    [],
                    {},
                    [[]],
                    [None],
                    {"digest": "x"},
                    1e308,
                )
            )
        text = json.dumps(document)
        if self._random.random() < 0.3:
            text = text.replace('"schemaVersion": 2', '"schemaVersion": 2, "schemaVersion": 2, "a": NaN', 1)
        return text.encode()

    @staticmethod
    def _objects(document: dict[str, object]) -> list[dict[str, object]]:
        found: list[dict[str, object]] = []
        for value in document.values():
            found += [entry for entry in (value if isinstance(value, list) else [value]) if isinstance(entry, dict)]
        return found
