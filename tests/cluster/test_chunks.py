"""Uploads of which every request goes to another node: each node knows where it stands, and nothing is read twice."""

from __future__ import annotations

import contextlib
import itertools
import random
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cluster.nodes import Cluster, running_cluster
from tests.faults.proxy import Call, Proxy
from tests.object_servers import s3_server
from tests.pairs import Pair, place_of
from tests.wire.always import checked
from tests.wire.client import Connection, connected
from tests.wire.content import digest, noise
from tests.wire.repository import Repository
from tests.wire.test_upload_chunks import both, stands

DATA = noise(900_000, "cluster chunks")
CHUNKS = 1000


class Nodes:
    """A repository as each of the nodes shows it, in turn."""

    def __init__(self, connections: list[Connection], name: str) -> None:
        self.each = [Repository(connection, name) for connection in connections]
        self._turn = itertools.cycle(self.each)

    def next(self) -> Repository:
        """Give it by way of the next node."""
        return next(self._turn)

    def stands(self, location: str, received: int) -> None:
        """Every node knows that the session holds `received` bytes."""
        for repository in self.each:
            stands(repository, location, received)

    def whole(self, data: bytes) -> None:
        """Every node gives the blob."""
        for repository in self.each:
            assert repository.expect(200, "GET", f"blobs/{digest(data)}").body == data


@pytest.fixture
def nodes(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[Nodes]:
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(connected(port)) for port in cluster.ports]
        yield Nodes(connections, "cluster/" + request.node.originalname.replace("_", "-"))


@pytest.mark.parametrize("step", [700, 20_000, 200_000])
@pytest.mark.parametrize("said", [True, False], ids=["with Content-Range", "without"])
def test_every_chunk_goes_to_another_node(nodes: Nodes, step: int, said: bool) -> None:
    data = noise(step * 7 + 3, f"{step} {said}")
    location = nodes.next().session()
    for start in range(0, len(data), step):
        chunk = data[start : start + step]
        extent = {"Content-Range": f"{start}-{start + len(chunk) - 1}"} if said else {}
        answer = nodes.next().expect(202, "PATCH", location, chunk, extent)
        assert answer["range"] == f"0-{start + len(chunk) - 1}"
        nodes.stands(location, start + len(chunk))
    nodes.next().expect(201, "PUT", f"{location}?digest={digest(data)}")
    nodes.whole(data)
    # The closing request is repeated at every node, as after a time-out.
    for repository in nodes.each:
        repository.expect(201, "PUT", f"{location}?digest={digest(data)}")


@pytest.mark.parametrize("size", [500, 5000, 150_000])
@pytest.mark.parametrize("held", [0, 1000, 100_000])
def test_of_two_equal_chunks_at_two_nodes_exactly_one_is_applied(
    cluster: Cluster, nodes: Nodes, held: int, size: int
) -> None:
    for turn in range(6):
        location = nodes.next().begun(DATA[:held]) if held else nodes.next().session()
        first, second = random.Random(turn).sample(cluster.ports, 2)
        with connected(first) as one, connected(second) as two:
            answers = both(one, two, location, held, DATA[held : held + size])
        assert sorted(answer.status for answer in answers) == [202, 416], answers
        refused = next(answer for answer in answers if answer.status == 416)
        assert refused["range"] in (f"0-{max(held - 1, 0)}", f"0-{held + size - 1}")
        nodes.stands(location, held + size)
        nodes.next().expect(201, "PUT", f"{location}?digest={digest(DATA)}", DATA[held + size :])
    nodes.whole(DATA)


@pytest.mark.parametrize("closing", [False, True], ids=["PATCH", "PUT"])
@pytest.mark.parametrize("size", [5000, 150_000])
def test_what_was_not_answered_is_sent_again_to_another_node(
    cluster: Cluster, nodes: Nodes, size: int, closing: bool
) -> None:
    """The client gives up before the answer: the first node may be done, or not yet."""
    for turn in range(6):
        data = noise(1000 + size, f"again {size} {closing} {turn}")
        location = nodes.next().begun(data[:1000])
        target = f"{location}?digest={digest(data)}" if closing else location
        first, second = nodes.next(), nodes.next()
        head = f"{'PUT' if closing else 'PATCH'} {target} HTTP/1.1\r\nHost: a\r\nContent-Range: 1000-{999 + size}\r\n"
        with socket.create_connection(("127.0.0.1", first.connection.port)) as leaving:
            leaving.sendall(f"{head}Content-Length: {size}\r\n\r\n".encode() + data[1000:])
        extent = {"Content-Range": f"1000-{999 + size}"}
        method = "PUT" if closing else "PATCH"
        answer = checked(second.connection.ask(method, target, data[1000:], extent))
        if closing:
            assert answer.status in (201, 416), answer
        else:
            assert answer.status in (202, 416), answer
        # Wherever it stands now, the client goes on from there, or it is done.
        if answer.status == 416:
            asked = nodes.next().ask("GET", location)
            last = int(asked["range"].removeprefix("0-")) if asked.status == 204 else 999 + size
            assert last in (999, 999 + size)
            if asked.status == 204:
                rest = data[last + 1 :]
                nodes.next().expect(201, "PUT", f"{location}?digest={digest(data)}", rest)
        elif not closing:
            nodes.stands(location, 1000 + size)
            nodes.next().expect(201, "PUT", f"{location}?digest={digest(data)}")
        nodes.whole(data)


def test_chunks_by_way_of_a_balancer(cluster: Cluster, front: int) -> None:
    with connected(front) as connection:
        repository = Repository(connection, "cluster/front")
        location = repository.session()
        for start in range(0, len(DATA), 50_000):
            chunk = DATA[start : start + 50_000]
            extent = {"Content-Range": f"{start}-{start + len(chunk) - 1}"}
            repository.expect(202, "PATCH", location, chunk, extent)
        repository.expect(201, "PUT", f"{location}?digest={digest(DATA)}")
        seen = set()
        for _ in range(6):
            answer = repository.expect(200, "GET", f"blobs/{digest(DATA)}")
            assert answer.body == DATA
            seen.add(answer["x-request-id"].partition("-")[0])
        assert len(seen) == len(cluster.nodes), "every node gave it"


@pytest.mark.slow
@pytest.mark.parametrize("pair", [Pair.SEALED_CLUSTER, Pair.CLUSTER], ids=str)
def test_a_thousand_chunks_over_three_nodes_with_restarts_read_nothing(tmp_path: Path, pair: Pair) -> None:
    chunks = CHUNKS if pair is Pair.SEALED_CLUSTER else CHUNKS // 5
    step = 18_000
    data = noise(chunks * step, "a thousand")
    url = place_of(pair, tmp_path)["HOLDFAST_STORAGE"]
    with Proxy(s3_server().port) as proxy, contextlib.ExitStack() as stack:
        through = {"HOLDFAST_STORAGE": url.replace(s3_server().endpoint, proxy.endpoint)}
        running = stack.enter_context(running_cluster(tmp_path, pair=pair, env=through))
        repositories = [Repository(stack.enter_context(connected(port)), "cluster/thousand") for port in running.ports]
        location = repositories[0].session()
        for number in range(chunks):
            start = number * step
            extent = {"Content-Range": f"{start}-{start + step - 1}"}
            repositories[number % 3].expect(202, "PATCH", location, data[start : start + step], extent)
            if number in (chunks // 3, 2 * chunks // 3):
                at = number % 3
                repositories[at].connection.close()
                running.nodes[at].restart(graceful=number == chunks // 3)
        repositories[1].expect(201, "PUT", f"{location}?digest={digest(data)}")
        assert not list(filter(_reads_content, proxy.calls)), "the closing request had nothing to read"
        assert repositories[2].expect(200, "GET", f"blobs/{digest(data)}").body == data


def _reads_content(call: Call) -> bool:
    return call.method == "GET" and "/objects/" in call.target and "list-type" not in call.target
