"""A bucket that fails at the k-th call of a push or of a pull, for every k: what was acknowledged pulls, whole, and the
node goes on when the bucket does.

A part that is not answered is waited for ten seconds. HOLDFAST_FAULT_SOAK=1 lets that happen to every call too.
"""

from __future__ import annotations

import hashlib
import os
import random
from collections.abc import Callable, Iterator

import pytest
from tests.faults.client import Caller, Interrupted, Ledger, Pushing, Refused, content, digest_of, manifest_of
from tests.faults.load import acknowledged, pushers, wait_for
from tests.faults.oracle import check, verify
from tests.faults.proxy import Answered, CutAnswer, CutRequest, Fault, Proxy, Slow, Swallowed
from tests.object_servers import s3_server
from tests.pairs import Pair, place_of
from tests.serving import Server, running_server

SMALL, LARGE = 100_000, 9 << 20
SOAK = "HOLDFAST_FAULT_SOAK" in os.environ
SEED = int(os.environ.get("HOLDFAST_FAULT_SEED", "1"))
_PUSHERS = 4
_ATTEMPTS = 6
_CALLS_MOST = 60
FAULTS: dict[str, Fault] = {
    "500": Answered(500),
    "503": Answered(503, "SlowDown"),
    "reset before": CutRequest(0),
    "reset within": CutRequest(3000),
    "reset after": CutAnswer(0),
    "half an answer": CutAnswer(300),
    "slow": Slow(1.2),
    "time-out after success": Swallowed(),
}


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Proxy]]:
    """A node that reaches its bucket through a proxy."""
    place = tmp_path_factory.mktemp("bucket")
    with Proxy(s3_server().port) as proxy:
        url = place_of(Pair.SEALED_CLUSTER, place)["HOLDFAST_STORAGE"].replace(s3_server().endpoint, proxy.endpoint)
        env = {"HOLDFAST_STORAGE": url}
        with running_server(place, "--open", "--no-jobs", env=env, pair=Pair.SEALED_CLUSTER) as server:
            yield server, proxy
            assert '"status":500' not in server.log_text()
            verify(server.data, "--deep", env=server.env)


def strike(proxy: Proxy, at: int | None, fault: Fault) -> None:
    """Let `fault` befall call `at` from now on; None: none."""
    proxy.faults = lambda call: None
    proxy.calls.clear()
    if at is not None:
        proxy.faults = lambda call: fault if call.number == at else None


class Made:
    """Layers of each way in which bytes come, which no other number has. `parts`: some of them in parts."""

    def __init__(self, number: int, parts: bool) -> None:
        self.number = number
        self.parts = parts
        self.config = content(4 * number, SMALL)
        self.layers = [content(4 * number + 1, 3 * SMALL)]
        if parts:
            self.layers.append(b"%015d" % number + bytes(LARGE))

    def push(self, pushing: Pushing, repository: str) -> None:
        """Each layer in a way of its own, and a manifest."""
        pushing.post(repository, self.config)
        if self.parts:
            pushing.chunks(repository, self.layers[0])
        else:
            pushing.put(repository, self.layers[0])
        for layer in self.layers[1:]:
            pushing.patch(repository, layer)
        pushing.manifest(repository, manifest_of(self.config, self.layers, self.number), "latest")


def pushed(caller: Caller, ledger: Ledger, made: Made, repository: str) -> int:
    """Push, as often as it takes; returns how often it was refused or interrupted."""
    failures: list[str] = []
    while len(failures) < _ATTEMPTS:
        try:
            made.push(Pushing(caller, ledger), repository)
        except (Refused, Interrupted) as error:
            failures.append(str(error))
        else:
            return len(failures)
    raise AssertionError(f"{failures}")


@pytest.mark.parametrize("name", FAULTS)
def test_the_bucket_fails_at_every_call_of_a_push(
    node: tuple[Server, Proxy], name: str, record_property: Callable[[str, object], None]
) -> None:
    server, proxy = node
    fault = FAULTS[name]
    parts = SOAK or not isinstance(fault, Swallowed)
    refused = 0
    repository = f"bucket/{name.replace(' ', '-')}"
    with Caller(server.port) as caller:
        for at in range(_CALLS_MOST):
            ledger = Ledger()
            strike(proxy, at, fault)
            refused += pushed(caller, ledger, Made(1000 * list(FAULTS).index(name) + at, parts), repository)
            count = len(proxy.calls)
            strike(proxy, None, fault)
            assert check(server.port, [ledger]) > 0
            if count <= at:
                break
        else:
            raise AssertionError("a push never ends")
    record_property("fault", f"bucket, {name}, at each of {at} calls of a push: {refused} times told to come again")
    assert at >= (8 if parts else 2)


@pytest.mark.parametrize("name", FAULTS)
def test_the_bucket_fails_at_every_call_of_a_pull(node: tuple[Server, Proxy], name: str) -> None:
    server, proxy = node
    fault = FAULTS[name]
    made = Made(900_000 + list(FAULTS).index(name), parts=SOAK or not isinstance(fault, Swallowed))
    repository = "bucket/pulled"
    strike(proxy, None, fault)
    with Caller(server.port) as caller:
        pushed(caller, Ledger(), made, repository)
        for at in range(_CALLS_MOST):
            strike(proxy, at, fault)
            told = [whole(caller, repository, data) for data in (made.config, *made.layers)]
            count = len(proxy.calls)
            strike(proxy, None, fault)
            assert all(whole(caller, repository, data) for data in (made.config, *made.layers)), told
            if count <= at:
                break
        else:
            raise AssertionError("a pull never ends")
    assert at >= 2


def whole(caller: Caller, repository: str, data: bytes) -> bool:
    """Whether the blob came: all of it and nothing else, or a refusal, or a connection that broke off."""
    try:
        answer = caller.expect(200, "GET", f"/v2/{repository}/blobs/{digest_of(data)}")
    except (Refused, Interrupted):
        return False
    assert hashlib.sha256(answer.body).digest() == hashlib.sha256(data).digest()
    return True


def test_a_bucket_that_is_gone_for_a_while(node: tuple[Server, Proxy]) -> None:
    """What needs the bucket is told to come again; what the database knows goes on."""
    server, proxy = node
    strike(proxy, None, FAULTS["500"])
    made, new = Made(990_000, parts=True), Made(990_001, parts=True)
    with Caller(server.port) as caller:
        ledger = Ledger()
        pushed(caller, ledger, made, "bucket/gone")
        proxy.down()
        try:
            for address in (f"blobs/uploads/?digest={digest_of(new.config)}",):
                answer = caller.ask("POST", f"/v2/bucket/gone/{address}", new.config)
                assert (answer.status, int(answer.headers["retry-after"]) > 0) == (503, True)
            answer = caller.ask("GET", f"/v2/bucket/gone/blobs/{digest_of(made.config)}")
            assert (answer.status, int(answer.headers["retry-after"]) > 0) == (503, True)
            caller.expect(200, "GET", "/v2/bucket/gone/manifests/latest")
            caller.expect(201, "POST", f"/v2/bucket/gone/blobs/uploads/?digest={digest_of(b'small')}", b"small")
            caller.expect(200, "GET", "/v2/bucket/gone/tags/list")
        finally:
            proxy.up()
        pushed(caller, ledger, new, "bucket/gone")
        assert check(server.port, [ledger]) > 0


@pytest.mark.slow
def test_every_third_call_fails_under_load(
    node: tuple[Server, Proxy], record_property: Callable[[str, object], None]
) -> None:
    server, proxy = node
    chance = random.Random(SEED)
    faults = [fault for fault in FAULTS.values() if not isinstance(fault, Swallowed | Slow)]
    strike(proxy, None, faults[0])
    proxy.faults = lambda call: chance.choice(faults) if chance.random() < 1 / 3 else None
    try:
        with pushers(server.port, _PUSHERS, seed=SEED * 1000 + 71) as threads:
            wait_for(threads, 1500 if SOAK else 300)
    finally:
        strike(proxy, None, faults[0])
    held = check(server.port, [thread.ledger for thread in threads])
    told, refused = acknowledged(threads), sum(thread.interruptions for thread in threads)
    record_property("fault", f"every third call of the bucket fails: {told} acknowledged, {refused} told to come again")
    assert held > 0
