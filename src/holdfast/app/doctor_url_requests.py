"""What becomes of requests on their way: limits of bodies, buffering, and the patience with a client that pauses.

The registry refuses a large body for an upload that does not exist before it has read it. So whoever gets that refusal
while the body is still unsent knows that its request went through as it was being sent; whoever gets 413 knows that
something in front of the registry counts.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

from holdfast.app.doctor_check import Check, failed, ok, warning
from holdfast.app.doctor_url_image import Scratch
from holdfast.app.doctor_url_wire import Cut, Reply, Wire

_WAIT = 3.0
_LIMITS = tuple(1 << bits for bits in range(19, 41))  # 512 KiB to 1 TiB
_GENEROUS = 10 << 30
_LONGEST_BODY_PAUSE = 45.0  # the registry itself gives up on a body after uploads.idle
_BEFORE_REFUSAL = 12 << 20  # of a body without a length, the registry reads some before it refuses
_PIECE = 1 << 16
_TRICKLE = 60
_TRIES = 3


def check_limit(wire: Wire, scratch: Scratch) -> tuple[Check, int | None]:
    """How large may a body be? Also gives the largest size that went through, None when none was refused."""
    name = "body limit"
    advice = 'nginx: client_max_body_size 0; an ingress: proxy-body-size "0"; others: no limit of request bodies'
    refusal = _refusal(wire, scratch, _LIMITS[-1])
    if refusal is None:
        return ok(name, "none up to 1 TiB"), None
    low, high = -1, len(_LIMITS) - 1  # the largest known to pass, the smallest known not to
    while high - low > 1:
        middle = (low + high) // 2
        if _refusal(wire, scratch, _LIMITS[middle]) is None:
            low = middle
        else:
            high = middle
    passes = _LIMITS[low] if low >= 0 else 0
    seen = f"bodies above {_size(passes)} are refused: {refusal}"
    return (warning if passes >= _GENEROUS else failed)(name, seen, advice), passes


def check_buffering(wire: Wire, scratch: Scratch) -> list[Check]:
    """Does the registry see a body while it is being sent, with and without a length?"""
    name = "request buffering"
    path = f"/v2/{scratch.repository}/blobs/uploads/doctor-asks"
    if _waits(wire, path, _flow(_PIECE), {"Content-Length": str(64 << 20)}):
        advice = "nginx: proxy_request_buffering off (and proxy_http_version 1.1); haproxy: no http-buffer-request"
        seen = "bodies reach the registry only when they are whole: each layer is written to the proxy's disk first"
        return [warning(name, seen, advice)]
    if _waits(wire, path, _flow(_BEFORE_REFUSAL), {}):
        advice = "nginx: proxy_http_version 1.1; others: speak HTTP/1.1 to the registry"
        return [warning(name, "chunked bodies reach the registry only when they are whole", advice)]
    return [ok(name, "none: bodies reach the registry as they are sent")]


def check_body_pause(wire: Wire, scratch: Scratch, patience: float) -> list[Check]:
    """May a client pause in the middle of a body?"""
    name = "slow requests"
    seconds = min(patience, _LONGEST_BODY_PAUSE)
    advice = "nginx: client_body_timeout; haproxy: timeout client; set them to minutes"
    path, _ = scratch.session(wire)

    def body() -> Iterator[bytes]:
        yield bytes(_PIECE)
        time.sleep(seconds)
        yield bytes(_PIECE)

    try:
        reply = wire.send("PATCH", path, body(), {"Content-Length": str(2 * _PIECE)})
    except Cut as error:
        return [failed(name, f"a pause of {seconds:.0f} s in a body: {error}", advice)]
    assert reply is not None
    if reply.status != 202:
        return [failed(name, f"a pause of {seconds:.0f} s in a body ends in {reply.said}", advice)]
    scratch.sessions.append(scratch.path(wire, reply))
    return [ok(name, f"a pause of {seconds:.0f} s in a body is taken")]


def _refusal(wire: Wire, scratch: Scratch, size: int) -> str | None:
    """What refuses a body of `size` bytes before the registry sees it; None when nothing does."""
    path = f"/v2/{scratch.repository}/blobs/uploads/doctor-asks"
    cut = ""
    for _ in range(_TRIES):
        try:
            reply = wire.send("PATCH", path, [bytes(1024)], {"Content-Length": str(size)}, seconds=_WAIT, whole=False)
        except Cut as error:
            cut = str(error)
            continue
        return None if reply is None or _passed(reply) else reply.said
    return cut


def _waits(wire: Wire, path: str, body: Iterable[bytes], headers: dict[str, str]) -> bool:
    """Whether a request that is not finished gets no answer."""
    try:
        return wire.send("PATCH", path, body, headers, seconds=_WAIT, whole=False) is None
    except Cut:
        # An answer that overtakes a body may be lost with the connection; that it broke means that somebody answered.
        return False


def _passed(reply: Reply) -> bool:
    return reply.ours and reply.status != 413


def _flow(size: int) -> Iterator[bytes]:
    """So many bytes at once (what the registry reads before it refuses), then a little at a time.

    Some proxies pass an early answer on only while they still get something.
    """
    piece = bytes(_PIECE)
    for _ in range(size // _PIECE):
        yield piece
    for _ in range(_TRICKLE):
        time.sleep(_WAIT / _TRICKLE)
        yield piece


def _size(count: int) -> str:
    if count < 1 << 20:
        return f"{count >> 10} KiB"
    return f"{count >> 20} MiB" if count < 1 << 30 else f"{count >> 30} GiB"
