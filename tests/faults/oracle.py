"""What must be true after any fault: whatever was acknowledged is there, and nothing that is there is half.

Promises: every address of a ledger is asked by HEAD and GET of a server that was started after the fault; HEAD 200
implies GET 200 with the right bytes; uploads whose bytes were acknowledged go on where the server said they stand.
"""

from __future__ import annotations

import json
import os
import urllib.request
from collections.abc import Iterable, Mapping
from pathlib import Path

from tests import warm
from tests.faults.client import Answer, Caller, Ledger, Pushing, Session, digest_of

VERIFY_SECONDS = 120


def check(port: int, ledgers: Iterable[Ledger]) -> int:
    """Check every address and every open upload; returns how many outcomes were certain and held."""
    caller = Caller(port)
    try:
        held = 0
        for ledger in ledgers:
            for address, may in ledger:
                held += _check_address(caller, address, may)
            for session in ledger.sessions:
                held += _check_session(caller, session)
            ledger.sessions.clear()
        return held
    finally:
        caller.close()


def _check_address(caller: Caller, address: str, may: set[str | None]) -> int:
    head, got = caller.ask("HEAD", address), _followed(caller.ask("GET", address))
    found = _outcome(address, got)
    assert head.status == got.status, f"{address}: HEAD {head.status}, GET {got.status}"
    assert found in may, f"{address} shows {found}, acknowledged or possible: {may}"
    if found is not None:
        assert head.headers["docker-content-digest"] == found, address
        assert int(head.headers["content-length"]) == len(got.body), address
    return len(may) == 1


def _followed(got: Answer) -> Answer:
    """The answer; that of the bucket where the registry sent the client there."""
    if got.status != 307:
        return got
    with urllib.request.urlopen(got.headers["location"], timeout=60) as found:
        return Answer(200, got.headers, found.read())


def _outcome(address: str, got: Answer) -> str | None:
    if got.status == 404:
        return None
    assert got.status == 200, f"{address}: {got.status} {got.body[:500]!r}"
    digest = digest_of(got.body)
    named = address.rpartition("/")[2]
    assert not named.startswith("sha256:") or named == digest, f"{address} gives {len(got.body)} bytes of {digest}"
    assert got.headers["docker-content-digest"] == digest, address
    return digest


def _check_session(caller: Caller, session: Session) -> bool:
    """The upload stands where it was said to stand (or a chunk further that nobody heard of), and can be finished."""
    status = caller.ask("GET", session.location)
    assert status.status == 204, f"{session.location}: {status.status} {status.body[:500]!r}"
    # A range cannot say that nothing is there: `0-0` is one byte or none (here never one).
    last = int(status.headers["range"].removeprefix("0-"))
    stands = last + 1 if last else 0
    assert stands in {session.told, session.asked}, f"{stands} bytes, acknowledged {session.told}"
    address = Pushing(caller, Ledger()).finish(session, stands)
    got = _followed(caller.ask("GET", address))
    assert (got.status, got.body == session.data) == (200, True), f"{address} after a resume at {stands}"
    return True


def verify(data: Path, *flags: str, env: Mapping[str, str] | None = None) -> None:
    """`holdfast verify` finds nothing wrong in a data directory (or where `env` says), whether a server runs or not."""
    words = ["verify", "--json", "--data", str(data), *flags]
    done = warm.run(words, {**os.environ, **(env or {})}, timeout=VERIFY_SECONDS)
    assert done.returncode == 0, f"verify: {done.returncode}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    assert json.loads(done.stdout)["clean"] is True
