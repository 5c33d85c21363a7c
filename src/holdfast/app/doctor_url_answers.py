"""What the registry saw of a request, by its mirror, and what became of the answer on its way back."""

from __future__ import annotations

import json
from typing import Any

from holdfast.app.doctor_check import Check, failed, ok, skipped, warning
from holdfast.app.doctor_url_wire import SECONDS, Cut, Reply, Wire

_OURS = "granian"  # what the registry's own web server calls itself


def check_mirror(wire: Wire, patience: float) -> list[Check]:
    """Versions, names and addresses as the registry saw them; buffering of answers; the proxy's patience."""
    stranger = Wire(wire.origin, None, wire.ca)
    quick = stranger.ask("GET", "/healthz?mirror=0")
    seen = _seen(quick)
    if seen is None:
        advice = "let the proxy pass /healthz, or ask the registry by another path"
        return [skipped("answers", f"/healthz?mirror= says {quick.said}", advice)]
    checks = [_version(quick, seen), _host(wire, seen), _scheme(wire, seen), _client(quick, seen)]
    try:
        slow = stranger.ask("GET", f"/healthz?mirror={patience:g}", seconds=patience + SECONDS)
    except Cut as error:
        return [*checks, _impatient(patience, str(error))]
    if _seen(slow) is None:
        return [*checks, _impatient(patience, slow.said)]
    return [*checks, ok("slow answers", f"a pause of {patience:.0f} s in an answer is taken"), _buffering(slow)]


def _seen(reply: Reply) -> dict[str, Any] | None:
    try:
        found = json.loads(reply.body)["request"]
    except (ValueError, KeyError, TypeError):
        return None
    return found if isinstance(found, dict) and reply.status == 200 else None


def _impatient(patience: float, said: str) -> Check:
    advice = "nginx: proxy_read_timeout 900s; haproxy: timeout server; an ingress: proxy-read-timeout"
    return failed("slow answers", f"an answer that pauses for {patience:.0f} s ends in: {said}", advice)


def _buffering(slow: Reply) -> Check:
    name = "response buffering"
    if slow.first > slow.ended / 2:
        advice = "nginx: proxy_buffering off; haproxy: no http-buffer; an ingress: proxy-buffering off"
        return warning(name, "the proxy holds answers back, and large ones pass its disk", advice)
    return ok(name, "none: answers come as they are sent")


def _version(reply: Reply, seen: dict[str, Any]) -> Check:
    name = "http version"
    if seen.get("http_version") in ("1", "1.0"):
        advice = 'nginx: proxy_http_version 1.1; proxy_set_header Connection ""'
        return warning(
            name, "the proxy speaks HTTP/1.0 to the registry: chunked bodies wait, each request connects", advice
        )
    if reply.version < 11:
        return warning(name, "the proxy speaks HTTP/1.0 to its clients", "let it speak HTTP/1.1")
    if reply.closes:
        return warning(name, "the connection is closed after each answer", "let the proxy keep connections open")
    return ok(name, f"HTTP/{seen.get('http_version')} to the registry")


def _host(wire: Wire, seen: dict[str, Any]) -> Check:
    name = "host"
    host = str(seen.get("host") or "")
    if host.lower() in (wire.origin.authority.lower(), f"{wire.origin.host}:{wire.origin.port}".lower()):
        return ok(name, host)
    advice = "pass the client's: nginx: proxy_set_header Host $http_host; haproxy passes it unless told not to"
    return warning(name, f"the registry sees {host!r}, the client asked for {wire.origin.authority}", advice)


def _scheme(wire: Wire, seen: dict[str, Any]) -> Check:
    name = "forwarded scheme"
    forwarded, own = seen.get("forwarded_proto"), seen.get("scheme")
    believed = forwarded or own
    if believed == wire.origin.scheme:
        return ok(name, f"{believed}")
    advice = (
        "nginx: proxy_set_header X-Forwarded-Proto $scheme; haproxy: http-request set-header X-Forwarded-Proto https"
    )
    if forwarded is None:
        return warning(name, f"the proxy does not say that clients use {wire.origin.scheme}", advice)
    return failed(name, f"X-Forwarded-Proto says {forwarded}, clients use {wire.origin.scheme}", advice)


def _client(reply: Reply, seen: dict[str, Any]) -> Check:
    name = "client address"
    client = seen.get("client")
    if seen.get("forwarded_for") is None:
        server = reply.headers.get("server", "")
        if server in ("", _OURS) and "via" not in reply.headers:
            return ok(name, f"{client}, without X-Forwarded-For: there may be no proxy")
        advice = "nginx: proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; haproxy: option forwardfor"
        return warning(name, f"the registry takes the proxy for the client ({client})", advice)
    if not seen.get("peer_trusted"):
        advice = f"name the proxy to the server: --trusted-proxies {client}"
        return warning(name, f"X-Forwarded-For of the proxy ({client}) is not believed", advice)
    return ok(name, f"{client}")
