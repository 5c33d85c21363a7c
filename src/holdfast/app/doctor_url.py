"""Is a registry well reached through whatever stands before it? A test image goes in, comes out and is removed.

Everything is looked at from the client's side, as docker would see it; what a proxy does to a request is learned from
how the registry answers, and from its mirror (mirror.py). Every finding names the fault and what to change. The
scratch repository is emptied again whatever was found.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from holdfast.app.doctor_check import Check, Verdict, failed, ok, skipped
from holdfast.app.doctor_url_answers import check_mirror
from holdfast.app.doctor_url_image import Scratch
from holdfast.app.doctor_url_pull import check_pull
from holdfast.app.doctor_url_push import check_push
from holdfast.app.doctor_url_requests import check_body_pause, check_buffering, check_limit
from holdfast.app.doctor_url_wire import Cut, Origin, Reply, Untrusted, Wire

REPOSITORY = "holdfast-doctor"
"""One name for every examination: a repository that was emptied keeps its name."""
LONGEST_PAUSE = 100.0
LARGEST_LAYER = 512 << 20


@dataclass(frozen=True, slots=True)
class Target:
    """What to examine. `size`: bytes of the test layer; `patience`: seconds that a proxy must wait for a slow peer."""

    url: str
    credential: tuple[str, str] | None = None
    repository: str | None = None
    size: int = 32 << 20
    patience: float = 10.0
    ca: str | None = None


def examine_url(target: Target) -> list[Check]:
    """Every check, in the order in which one would repair what they find.

    Raises ValueError when the URL is none. Takes about `patience` seconds and the time to send and fetch `size` bytes.
    """
    wire = Wire(Origin.of(target.url), target.credential, target.ca)
    checks = _reach(wire)
    if any(each.verdict is Verdict.FAILED for each in checks):
        return checks
    scratch = Scratch(target.repository or REPOSITORY, target.size, f"doctor-{secrets.token_hex(4)}")
    with ThreadPoolExecutor(2) as pool:
        # What waits for the proxy's patience waits beside the rest.
        mirror = pool.submit(_guarded, "answers", partial(check_mirror, wire, target.patience))
        pause = pool.submit(_guarded, "slow requests", partial(check_body_pause, wire, scratch, target.patience))
        try:
            limit, found = check_limit(wire, scratch)
            checks += [limit, *_guarded("request buffering", partial(check_buffering, wire, scratch))]
            checks += _round_trip(wire, scratch.within(found))
        except OSError as error:
            checks.append(failed("connection", f"it was lost: {error}", "look into the proxy's error log"))
        checks += [*mirror.result(), *pause.result()]
    return [*checks, *_remove(wire, scratch)]


def _reach(wire: Wire) -> list[Check]:
    """Is a registry there, and does it let us in?"""
    try:
        stranger = Wire(wire.origin, None, wire.ca).ask("GET", "/v2/")
        return [_registry(wire, stranger), *_log_in(wire, stranger)]
    except Untrusted as error:
        return [failed("connection", f"its certificate is not trusted: {error}", "give its authority by --ca-file")]
    except Cut as error:
        return [failed("connection", f"{wire.origin}: {error}", "is this the proxy's port, and its scheme?")]
    except OSError as error:
        return [failed("connection", f"{wire.origin}: {error.strerror or error}", "is the proxy running there?")]


def _registry(wire: Wire, reply: Reply) -> Check:
    name = "registry"
    if reply.status in (200, 401) and reply.ours:
        return ok(name, f"answers at {wire.origin}/v2/")
    if reply.status in (301, 302, 307, 308):
        return failed(name, f"leads elsewhere: {reply.headers.get('location', '')}", "give that address by --url")
    if reply.status in (502, 503, 504):
        advice = "the proxy does not reach the registry: compare its upstream address with the server's --listen"
    else:
        advice = "the proxy must pass /v2/ as it is to the registry"
    return failed(name, f"{wire.origin}/v2/ says {reply.said}", advice)


def _log_in(wire: Wire, stranger: Reply) -> list[Check]:
    name = "log-in"
    if not stranger.ours:
        return []
    realm = _realm(stranger.headers.get("www-authenticate", ""))
    found = [] if realm is None else _check_realm(wire, realm)
    if stranger.status == 200 and wire.credential is None:
        return [ok(name, "none is needed"), *found]
    if stranger.status == 401 and "www-authenticate" not in stranger.headers:
        advice = "let the proxy pass WWW-Authenticate: without it no client sends its password"
        return [failed(name, "401 without WWW-Authenticate", advice), *found]
    if wire.credential is None:
        return [failed(name, "a password is needed", "give --user and --password-file"), *found]
    reply = wire.ask("GET", "/v2/")
    if reply.status == 200:
        return [ok(name, f"as {wire.credential[0]}"), *found]
    advice = "are name and password right? If they are, the proxy drops the Authorization header"
    return [failed(name, f"refused: {reply.said}", advice), *found]


def _realm(challenge: str) -> str | None:
    """The address in a challenge, for those that name one."""
    _, _, rest = challenge.partition('realm="')
    realm = rest.partition('"')[0]
    return realm if "://" in realm else None


def _check_realm(wire: Wire, realm: str) -> list[Check]:
    advice = "set --public-url to the address that clients use"
    try:
        origin = Origin.of(realm)
    except ValueError:
        return [failed("scheme", f"WWW-Authenticate leads to {realm[:128]}", advice)]
    if origin.scheme != wire.origin.scheme:
        return [failed("scheme", f"WWW-Authenticate leads to {origin.scheme}, not {wire.origin.scheme}", advice)]
    return []


def _round_trip(wire: Wire, scratch: Scratch) -> list[Check]:
    """Push and pull."""
    checks = _guarded("push", partial(check_push, wire, scratch))
    if all(each.verdict is not Verdict.FAILED or each.name == "scheme" for each in checks):
        return checks + _guarded("pull", partial(check_pull, wire, scratch))
    return [*checks, skipped("pull", "there is nothing to pull", "mend what keeps the push from going through")]


def _remove(wire: Wire, scratch: Scratch) -> list[Check]:
    left = scratch.remove(wire)
    if left:
        return [failed("removal", f"left behind: {', '.join(left)}", f"delete it by hand in {scratch.repository}")]
    return [ok("removal", f"{scratch.repository} is empty again")]


def _guarded(name: str, examine: Callable[[], list[Check]]) -> list[Check]:
    """The findings, or that the connection failed while they were looked for."""
    try:
        return examine()
    except (Cut, Untrusted, OSError) as error:
        return [failed(name, f"the connection failed: {error}", "look into the proxy's error log at this moment")]
