"""A pull as docker and containerd make it: HEAD, whole answers, ranges, and the headers that clients rely on."""

from __future__ import annotations

import hashlib
from urllib.parse import urlsplit

from holdfast.app.doctor_check import Check, failed, ok, warning
from holdfast.app.doctor_url_image import MANIFEST, Scratch, digest_of
from holdfast.app.doctor_url_wire import Cut, Origin, Reply, Untrusted, Wire

_START, _END = 1000, 1999
# What docker, containerd and every client in Go send: a proxy that compresses does so only then.
_AS_CLIENTS = {"Accept-Encoding": "gzip"}


class _Unreached(Exception):
    """The address that the registry sent us to cannot be used."""


def check_pull(wire: Wire, scratch: Scratch) -> list[Check]:
    """Fetch what was pushed."""
    layer = scratch.layer_digest()
    path = f"/v2/{scratch.repository}/blobs/{layer}"
    checks = [_head(wire, scratch, path, layer), _manifest(wire, scratch, layer)]
    try:
        return [*checks, _whole(wire, scratch, path, layer), _range(wire, scratch, path)]
    except _Unreached as error:
        advice = (
            "let clients reach the bucket, name its address for them (--storage-public-endpoint), or stream "
            "(--storage-redirect off)"
        )
        return [*checks, failed("redirect", str(error), advice)]


def _head(wire: Wire, scratch: Scratch, path: str, digest: str) -> Check:
    name = "head"
    reply = wire.ask("HEAD", path, headers=_AS_CLIENTS)
    length = reply.headers.get("content-length")
    if reply.status != 200:
        return failed(name, f"HEAD of the layer: {reply.said}", "let the proxy pass HEAD as HEAD")
    if length is None:
        advice = "let the proxy pass Content-Length of answers to HEAD: clients read the size there"
        return failed(name, "the answer to HEAD has no Content-Length", advice)
    if length != str(scratch.size):
        return failed(name, f"HEAD says {length} bytes, the layer has {scratch.size}", "let the proxy change nothing")
    if reply.headers.get("docker-content-digest") != digest:
        return failed(name, "the answer has no Docker-Content-Digest", "let the proxy pass all headers of answers")
    return ok(name, "length and digest come through")


def _manifest(wire: Wire, scratch: Scratch, layer: str) -> Check:
    name = "manifest"
    path = f"/v2/{scratch.repository}/manifests/{scratch.tag}"
    reply = wire.ask("GET", path, headers={**_AS_CLIENTS, "Accept": MANIFEST})
    data = scratch.manifest(layer)
    if "content-encoding" in reply.headers:
        return _compressed(name, reply)
    if reply.status != 200 or reply.body != data:
        return failed(name, f"GET of the manifest: {reply.said}", "let the proxy change nothing in answers")
    if reply.headers.get("content-type") != MANIFEST:
        seen = f"the manifest came as {reply.headers.get('content-type')!r}"
        return failed(name, seen, "let the proxy pass Content-Type as it is")
    if reply.headers.get("docker-content-digest") != digest_of(data):
        return failed(name, "it came without Docker-Content-Digest", "let the proxy pass all headers of answers")
    return ok(name, "comes back byte for byte, with its type and digest")


def _whole(wire: Wire, scratch: Scratch, path: str, digest: str) -> Check:
    name = "pull"
    reply, where = _fetch(wire, path, _AS_CLIENTS)
    if "content-encoding" in reply.headers:
        return _compressed(name, reply)
    if reply.status != 200:
        return failed(name, f"GET of the layer: {reply.said}", "look into the logs of proxy and registry")
    if f"sha256:{hashlib.sha256(reply.body).hexdigest()}" != digest:
        return failed(name, "the layer came back changed", "let the proxy change nothing in answers")
    if "content-length" not in reply.headers:
        return warning(
            name, "the layer came without Content-Length", "let the proxy pass it: clients show progress by it"
        )
    return ok(name, f"{scratch.size} bytes came back whole{where}")


def _range(wire: Wire, scratch: Scratch, path: str) -> Check:
    name = "ranges"
    if scratch.size <= _END:
        return ok(name, "the layer is too small to ask for a part of it")
    reply, where = _fetch(wire, path, {"Range": f"bytes={_START}-{_END}"})
    advice = "let the proxy pass Range and answers of 206: a broken pull goes on where it ended only so"
    if reply.status == 200:
        return failed(name, "the Range header is dropped: the whole layer came", advice)
    if reply.status != 206:
        return failed(name, f"a range: {reply.said}", advice)
    expected = f"bytes {_START}-{_END}/{scratch.size}"
    if reply.headers.get("content-range") != expected:
        return failed(name, f"Content-Range says {reply.headers.get('content-range')}, not {expected}", advice)
    if reply.body != next(scratch.layer())[_START : _END + 1]:
        return failed(name, "a range has other bytes", advice)
    return ok(name, f"a part of the layer comes as 206{where}")


def _fetch(wire: Wire, path: str, headers: dict[str, str]) -> tuple[Reply, str]:
    """GET, following one redirect to a bucket without our credential, as clients do."""
    reply = wire.ask("GET", path, headers=headers)
    if reply.status not in (301, 302, 303, 307, 308):
        return reply, ""
    location = reply.headers.get("location", "")
    try:
        origin = Origin.of(location)
        parts = urlsplit(location)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return Wire(origin, None, wire.ca).ask("GET", target, headers=headers), f", from {origin}"
    except (Cut, Untrusted, OSError, ValueError) as error:
        host = urlsplit(location).netloc[:128] or location[:128]
        raise _Unreached(f"layers come from {host}, which cannot be reached from here: {error}") from error


def _compressed(name: str, reply: Reply) -> Check:
    seen = f"the proxy compresses it ({reply.headers['content-encoding']}): its digest no longer fits"
    return failed(name, seen, "nginx: gzip off; Caddy: no encode; never compress what a registry answers")
