"""Thousands of malformed requests: no 5xx, the error shape on every 4xx, no growth, and the next one is answered."""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.pairs import Pair
from tests.security.hostile import Hostile, Shot
from tests.serving import Server, running_server
from tests.wire.always import checked, problems
from tests.wire.client import Answer, Closed, Connection, StrayBytes, connected
from tests.wire.content import OCI_MANIFEST, digest, image, noise
from tests.wire.repository import Repository
from tests.wire.seed import sow

COUNT = 5000
GROWTH = 24 << 20
"""Bytes by which the server's processes together may grow during `COUNT` malformed requests."""

_BARE = frozenset({400, 405, 413, 414, 431, 501, 505})
"""What the HTTP layer answers, without a body, to what is no request at all."""
_ECHO = "something of the inside"


def resident(group: int) -> int:
    """Bytes of memory that the processes of a group hold."""
    total = 0
    for directory in Path("/proc").iterdir():
        if directory.name.isdigit():
            with contextlib.suppress(OSError):
                if os.getpgid(int(directory.name)) == group:
                    total += int((directory / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return total


def wrong_with(answer: Answer) -> list[str]:
    """What is wrong with the answer to a malformed request."""
    if answer.header("x-request-id") is None:
        bare = answer.status in _BARE and not answer.body and answer.header("connection") == "close"
        return [] if bare else ["an answer of the HTTP layer that is no refusal"]
    # What was sent is named in the refusal: it may look like anything.
    return [fault for fault in problems(answer) if fault != _ECHO]


def fire(connection: Connection, shot: Shot) -> Answer | None:
    """Send one request; None when the server only closed, or the client left first."""
    connection.close()
    if shot.unfinished:
        connection.send(shot.data)
        connection.close()
        return None
    try:
        return connection.raw(shot.data)
    except (Closed, ConnectionResetError, BrokenPipeError):
        return None
    except StrayBytes:
        # One request was read as two, each answered: both were whole.
        connection.close()
        return None


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory, pair: Pair) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("target"), "--open", pair=pair) as running:
        yield running


def barrage(server: Server, seed: int, count: int) -> Counter[str]:
    """Fire `count` requests; give how often each kind met each outcome."""
    outcomes: Counter[str] = Counter()
    with connected(server.port) as connection, connected(server.port) as honest:
        repository = Repository(honest, "hostile/uploads")
        sessions = [repository.session() for _ in range(8)]
        hostile = Hostile(seed, lambda: sessions[outcomes.total() % len(sessions)])
        for number, shot in enumerate(hostile.shots(count)):
            answer = fire(connection, shot)
            outcomes[f"{shot.kind} {answer.status if answer is not None else 'closed'}"] += 1
            if answer is not None:
                wrong = wrong_with(answer)
                assert not wrong, f"seed {seed}, request {number}, {shot.data[:600]!r}: {wrong}: {answer}"
            if number % 50 == 0:
                assert checked(honest.ask("GET", "/v2/")).status == 200, f"after {shot.data[:600]!r}"
    return outcomes


def test_malformed_requests(target: Server, pair: Pair) -> None:
    count = COUNT // 5 if pair.distant else COUNT
    with connected(target.port) as connection:
        sow(connection)
    barrage(target, 1, count // 2)
    before = resident(target.group)
    outcomes = barrage(target, 2, count)
    grown = resident(target.group) - before
    kinds = {name.split()[0] for name in outcomes}
    print(f"{count} malformed requests, {len(kinds)} kinds, memory {before >> 20} MiB {grown / (1 << 20):+.1f} MiB")
    print(", ".join(f"{name}: {count}" for name, count in sorted(outcomes.items())))
    assert len(kinds) >= 11
    refused = sum(count for name, count in outcomes.items() if name.split()[1].startswith("4"))
    assert refused > count // 2, "most of it is refused, or it was not malformed"
    assert grown < GROWTH
    log = (target.logs / "serve.err").read_text()
    assert "Traceback" not in log
    assert '"level":"error"' not in log.replace(" ", "")


def test_an_honest_push_and_pull_after_it(target: Server) -> None:
    with connected(target.port) as connection:
        repository = Repository(connection, "honest/after")
        config, layer = noise(300, "honest"), noise(2 << 20, "honest")
        for data in (config, layer):
            repository.blob(data)
        data = image(config, [layer])
        repository.manifest(data, "v1")
        assert repository.expect(200, "GET", "manifests/v1")["content-type"] == OCI_MANIFEST
        assert repository.expect(200, "GET", f"blobs/{digest(layer)}").body == layer
