"""A database that crashes, stands still or is cut off under pushes: 503 meanwhile, nothing acknowledged is lost,
and no node is restarted.

HOLDFAST_FAULT_SOAK=1 cuts at more messages and crashes more often.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.backends import PgBouncer, PostgresServer, postgres_server
from tests.cluster.nodes import Cluster, running_cluster
from tests.faults.client import Caller, Interrupted, Ledger, Pushing, Refused, content, manifest_of
from tests.faults.cuts import Cut, Cuts
from tests.faults.load import Pusher, acknowledged, pushers, wait_for
from tests.faults.oracle import check, verify
from tests.pairs import Pair, place_of
from tests.serving import Server, pause, running_server

SOAK = "HOLDFAST_FAULT_SOAK" in os.environ
_PUSHERS = 4
_ROUNDS = 10 if SOAK else 3
_ATTEMPTS = 6
_MESSAGES_MOST = 200
SMALL, LARGE = 900, 200_000


def ready(port: int) -> int:
    """The status of `/readyz`; a refusal says when to come again."""
    with Caller(port) as caller:
        answer = caller.ask("GET", "/readyz")
        assert answer.status == 200 or (answer.status == 503 and int(answer.headers["retry-after"]) > 0)
        return answer.status


def until_ready(ports: list[int], status: int, seconds: float = 30) -> None:
    """Wait until every node says so."""
    for _ in range(int(seconds / 0.05)):
        if all(ready(port) == status for port in ports):
            return
        pause(0.05)
    raise AssertionError(f"/readyz did not turn {status}")


def pushed(caller: Caller, ledger: Ledger, number: int, repository: str) -> int:
    """Push an image, as often as it takes; returns how often it was refused or interrupted."""
    pushing = Pushing(caller, ledger)
    config, layer = content(2 * number, SMALL), content(2 * number + 1, LARGE)
    failures: list[str] = []
    while len(failures) < _ATTEMPTS:
        try:
            pushing.post(repository, config)
            pushing.chunks(repository, layer)
            pushing.mount(f"{repository}/mounted", repository, pushing.put(repository, layer))
            pushing.manifest(repository, manifest_of(config, [layer], number), "latest")
        except (Refused, Interrupted) as error:
            failures.append(str(error))
            continue
        return len(failures)
    raise AssertionError(f"{failures}")


@pytest.fixture(scope="module")
def cut_off(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Cuts]]:
    """A node that reaches its database through a proxy."""
    place = tmp_path_factory.mktemp("cut-off")
    direct = place_of(Pair.SEALED_CLUSTER, place)["HOLDFAST_DATABASE"]
    port = postgres_server().port
    with Cuts(port) as cuts:
        env = {"HOLDFAST_DATABASE": direct.replace(f":{port}/", f":{cuts.port}/")}
        with running_server(place, "--open", "--no-jobs", env=env, pair=Pair.SEALED_CLUSTER) as server:
            yield server, cuts
            assert '"status":500' not in server.log_text()


@pytest.mark.parametrize(
    "how",
    [pytest.param(how, id=how.value, marks=() if how is Cut.TORN else pytest.mark.slow) for how in Cut],
)
def test_the_connection_is_cut_at_every_message_of_a_push(
    cut_off: tuple[Server, Cuts], how: Cut, record_property: Callable[[str, object], None]
) -> None:
    server, cuts = cut_off
    refused = 0
    with Caller(server.port) as caller:
        pushed(caller, Ledger(), 1, "cut/warm")
        for at in range(0, _MESSAGES_MOST, 1 if SOAK or how is not Cut.TORN else 4):
            ledger = Ledger()
            cuts.arm(at, how)
            refused += pushed(caller, ledger, 1000 * (1 + list(Cut).index(how)) + at, f"cut/{how.value}")
            count = cuts.disarm()
            assert check(server.port, [ledger]) > 0
            if count <= at:
                break
        else:
            raise AssertionError("a push never ends")
    record_property("fault", f"database cut {how.value} each of {at} messages: {refused} times told to come again")
    assert at > 10


@pytest.fixture(scope="module")
def database() -> Iterator[PostgresServer]:
    """A PostgreSQL that these tests may crash."""
    server = PostgresServer().lay()
    yield server
    server.remove()


@pytest.fixture(scope="module")
def nodes(database: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Three nodes on it."""
    with running_cluster(tmp_path_factory.mktemp("nodes"), env={"HOLDFAST_DATABASE": database.database()}) as cluster:
        yield cluster


def holds(cluster: Cluster, threads: list[Pusher], pids: list[int]) -> int:
    """Whatever was acknowledged is there on every node, none of which was restarted."""
    assert [node.pid for node in cluster.nodes] == pids
    held = sum(check(port, [thread.ledger for thread in threads]) for port in cluster.ports)
    assert not cluster.trouble()
    verify(cluster.nodes[0].data, "--deep", env=cluster.env)
    return held


@pytest.mark.slow
def test_the_database_crashes_under_load(
    nodes: Cluster, database: PostgresServer, record_property: Callable[[str, object], None]
) -> None:
    pids = [node.pid for node in nodes.nodes]
    with pushers(nodes.ports, _PUSHERS, seed=61) as threads:
        for _ in range(_ROUNDS):
            wait_for(threads, 80)
            database.stop("immediate")
            until_ready(nodes.ports, 503)
            database.start()
            until_ready(nodes.ports, 200)
        wait_for(threads, 80)
    held = holds(nodes, threads, pids)
    told = acknowledged(threads)
    record_property("fault", f"PostgreSQL crashed {_ROUNDS} times: {told} requests acknowledged, {held} outcomes held")


def test_the_database_stands_still_under_load(nodes: Cluster, database: PostgresServer) -> None:
    pids = [node.pid for node in nodes.nodes]
    with pushers(nodes.ports, _PUSHERS, seed=62) as threads:
        wait_for(threads, 80)
        database.pause()
        try:
            until_ready(nodes.ports[:1], 503)
        finally:
            database.resume()
        until_ready(nodes.ports, 200)
        wait_for(threads, 80)
    assert holds(nodes, threads, pids) > 0


@pytest.mark.slow
def test_pgbouncer_is_restarted_under_load(tmp_path: Path) -> None:
    bouncer = PgBouncer(postgres_server(), size=8)
    try:
        bouncer.start()
        direct = place_of(Pair.SEALED_CLUSTER, tmp_path)["HOLDFAST_DATABASE"]
        env = {"HOLDFAST_DATABASE": bouncer.url(direct), "HOLDFAST_DATABASE_PREPARED": "false"}
        with running_cluster(tmp_path, env=env) as cluster:
            pids = [node.pid for node in cluster.nodes]
            with pushers(cluster.ports, _PUSHERS, seed=63) as threads:
                for _ in range(_ROUNDS):
                    wait_for(threads, 60)
                    bouncer.end()
                    until_ready(cluster.ports, 503)
                    bouncer.start()
                    until_ready(cluster.ports, 200)
                wait_for(threads, 60)
            assert holds(cluster, threads, pids) > 0
    finally:
        bouncer.remove()
