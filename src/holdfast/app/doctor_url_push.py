"""A push as docker makes it: a layer in one chunked request, a small blob with a length, a manifest."""

from __future__ import annotations

from holdfast.app.doctor_check import Check, failed, ok
from holdfast.app.doctor_url_image import MANIFEST, Scratch, digest_of
from holdfast.app.doctor_url_wire import Cut, Reply, Wire

_NO_CHUNKED = (400, 411, 501, 505)


def check_push(wire: Wire, scratch: Scratch) -> list[Check]:
    """Push the image; what is stored is noted in `scratch`."""
    layer = scratch.layer_digest()
    try:
        path, opened = scratch.session(wire)
    except (Cut, OSError) as error:
        return [failed("push", str(error), "may this user push? see the registry's log")]
    found = _layer(wire, scratch, path, layer)
    if found is None:
        found = _small_blob(wire, scratch)
    if found is None:
        found = _manifest(wire, scratch, layer)
    checks = [found] if found else [ok("push", f"a layer of {scratch.size} bytes, chunked, and its manifest")]
    return [*checks, _locations(wire, scratch, opened)]


def _layer(wire: Wire, scratch: Scratch, path: str, digest: str) -> Check | None:
    """Send the layer in one chunked PATCH and close the upload."""
    name = "chunked"
    advice = "let chunked bodies of any size pass: HTTP/1.1 to the registry, no limit of bodies, no time limit"
    try:
        reply = wire.send("PATCH", path, scratch.layer(), {"Content-Type": "application/octet-stream"})
    except Cut as error:
        return failed(name, f"a chunked body of {scratch.size} bytes: {error}", advice)
    assert reply is not None
    if reply.status == 413:
        return failed("body limit", f"a chunked body of {scratch.size} bytes: {reply.said}", advice)
    if reply.status in _NO_CHUNKED and not reply.ours:
        return failed(name, f"a body without Content-Length is refused: {reply.said}", advice)
    if reply.status != 202:
        return failed("push", f"a chunked body ends in {reply.said}", _reason(reply))
    came = reply.headers.get("range")
    if came is None:
        return failed("push", "the answer to a chunk came without its Range header", "let the proxy pass all headers")
    if came != f"0-{scratch.size - 1}":
        return failed(name, f"of {scratch.size} bytes the registry got those of the range {came}", advice)
    return _close(wire, scratch, scratch.path(wire, reply), b"", digest)


def _small_blob(wire: Wire, scratch: Scratch) -> Check | None:
    path, _ = scratch.session(wire)
    return _close(wire, scratch, path, scratch.config, digest_of(scratch.config))


def _close(wire: Wire, scratch: Scratch, path: str, data: bytes, digest: str) -> Check | None:
    # With the colon escaped, as some clients write it: a proxy must not care.
    query = ("&" if "?" in path else "?") + "digest=" + digest.replace(":", "%3A")
    reply = wire.ask("PUT", path + query, data, {"Content-Type": "application/octet-stream"})
    if reply.status != 201:
        return failed("push", f"the end of an upload: {reply.said}", _reason(reply))
    scratch.stored.append(f"/v2/{scratch.repository}/blobs/{digest}")
    scratch.path(wire, reply)
    return None


def _manifest(wire: Wire, scratch: Scratch, layer: str) -> Check | None:
    data = scratch.manifest(layer)
    reply = wire.ask("PUT", f"/v2/{scratch.repository}/manifests/{scratch.tag}", data, {"Content-Type": MANIFEST})
    if reply.status != 201:
        return failed("push", f"the manifest: {reply.said}", _reason(reply))
    scratch.stored.append(f"/v2/{scratch.repository}/manifests/{digest_of(data)}")
    scratch.path(wire, reply)
    return None


def _locations(wire: Wire, scratch: Scratch, opened: Reply) -> Check:
    name = "scheme"
    if scratch.faults:
        advice = (
            "the registry's own are relative: the proxy rewrites them. nginx: proxy_redirect off, absolute_redirect off"
        )
        return failed(name, "; ".join(scratch.faults), advice)
    return ok(name, f"addresses in answers stay at {wire.origin}" if opened.headers.get("location") else "")


def _reason(reply: Reply) -> str:
    if reply.ours:
        return f"the registry says why: {reply.body[:300].decode('utf-8', 'replace')}"
    return "the proxy refuses it: look into its error log"
