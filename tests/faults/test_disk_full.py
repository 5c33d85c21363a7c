"""A full disk: pushes are answered 507, everything else goes on, and pushes work again as soon as there is room."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.faults.client import Answer, Caller, Ledger, Pushing, Refused, content, digest_of, manifest_of
from tests.faults.load import INLINE, LARGE, SMALL, pushers, wait_for
from tests.faults.oracle import check, verify
from tests.faults.volumes import Volume, volume
from tests.serving import Server, pause, running_server

_REPOSITORY = "faults/full"
_BLOBS = f"/v2/{_REPOSITORY}/blobs"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Volume]:
    """A small disk where the server's data directory lies."""
    with volume(tmp_path, tmp_path / "data", 160 << 20) as made:
        yield made


@pytest.fixture
def server(disk: Volume, tmp_path: Path) -> Iterator[Server]:
    """A server that uses its disk to the last block."""
    with running_server(tmp_path, "--open", "--storage-reserve", "0") as running:
        yield running


@pytest.fixture
def caller(server: Server) -> Iterator[Caller]:
    """Requests to that server."""
    with Caller(server.port) as made:
        yield made


def push_all(pushing: Pushing, first: int) -> None:
    """Push content of every size in every way, and an image."""
    ways = (pushing.put, pushing.patch, pushing.chunks, pushing.post)
    config = content(first, INLINE)
    for number, way in enumerate(ways, first):
        for size in (INLINE, SMALL, LARGE):
            way(_REPOSITORY, content(number, size))
    pushing.manifest(_REPOSITORY, manifest_of(config, [content(first, SMALL)], first), f"v{first}")


def refused(answer: Answer) -> None:
    """The answer is 507 in the specification's error shape, and shows nothing of the machine."""
    assert answer.status == 507, (answer.status, answer.body)
    assert answer.headers["content-type"] == "application/json"
    (error,) = json.loads(answer.body)["errors"]
    assert error.keys() == {"code", "message", "detail"}
    assert not any(word in answer.body.lower() for word in (b"/data", b"sqlite", b"errno", b"traceback"))


def until_refused(push: Callable[[int], object], first: int) -> int:
    """Push small things, one after the other, until the disk is too full for the next; returns how many went in."""
    status = 0
    for number in itertools.count(first):
        try:
            push(number)
        except Refused as error:
            status = error.status
            break
    assert status == 507
    return number - first


def fill_up(disk: Volume, pushing: Pushing, first: int) -> None:
    """Take all room, the room inside the database's files too."""
    disk.fill()
    until_refused(lambda number: pushing.put(_REPOSITORY, content(number, INLINE)), first)


def test_a_full_disk_refuses_pushes_and_nothing_else(disk: Volume, server: Server, caller: Caller) -> None:
    ledger = Ledger()
    pushing = Pushing(caller, ledger)
    push_all(pushing, 1)
    opened = caller.expect(202, "POST", f"{_BLOBS}/uploads/").headers["location"]
    held = content(50, LARGE)
    pushing.chunk(opened, held, 0, LARGE // 2)

    fill_up(disk, pushing, 1000)
    large = content(60, LARGE)
    digest = digest_of(large)
    refused(caller.ask("POST", f"{_BLOBS}/uploads/?digest={digest}", large))
    refused(caller.ask("PATCH", opened, held[LARGE // 2 :]))
    new = caller.expect(202, "POST", f"{_BLOBS}/uploads/").headers["location"]
    refused(caller.ask("PUT", f"{new}?digest={digest}", large))
    refused(caller.ask("PATCH", new, content(61, SMALL)))
    document = manifest_of(content(1, INLINE), [content(1, SMALL)], 60)
    until_refused(lambda number: pushing.manifest(_REPOSITORY, document, f"full-{number}"), 1)
    assert check(server.port, [ledger]) > 0
    assert caller.ask("GET", f"/v2/{_REPOSITORY}/tags/list").status == 200
    assert caller.ask("GET", opened).headers["range"] == f"0-{LARGE // 2 - 1}"
    assert caller.ask("GET", "/readyz").status == 200
    # A delete needs a little room of the database: it is done, or refused like a push, and never half done.
    assert caller.ask("DELETE", f"/v2/{_REPOSITORY}/manifests/full-0").status in {202, 404, 507}

    disk.empty()
    push_all(pushing, 100)
    pushing.chunk(opened, held, LARGE // 2, LARGE)
    caller.expect(201, "PUT", f"{opened}?digest={digest_of(held)}")
    ledger.told(f"{_BLOBS}/{digest_of(held)}", digest_of(held))
    assert check(server.port, [ledger]) > 0
    verify(server.data, "--deep")


@pytest.mark.slow
def test_a_server_that_is_killed_on_a_full_disk_starts_on_it(disk: Volume, server: Server, caller: Caller) -> None:
    ledger = Ledger()
    pushing = Pushing(caller, ledger)
    push_all(pushing, 1)
    fill_up(disk, pushing, 1000)
    caller.close()
    server.restart(graceful=False)
    disk.fill()
    assert check(server.port, [ledger]) > 0
    # Stopped in order, SQLite removes its log and its index: a start must do without room for new ones.
    server.stop()
    disk.fill()
    server.start()
    assert check(server.port, [ledger]) > 0
    disk.empty()
    push_all(pushing, 100)
    assert check(server.port, [ledger]) > 0
    verify(server.data, "--deep")


@pytest.mark.slow
def test_a_disk_that_fills_up_during_concurrent_pushes(disk: Volume, server: Server) -> None:
    with pushers(server.port, 4, seed=7) as threads:
        for _ in range(3):
            wait_for(threads, 50)
            disk.fill()
            before = sum(thread.interruptions for thread in threads)
            for _ in range(2000):
                if sum(thread.interruptions for thread in threads) > before + 20:
                    break
                pause(0.01)
            assert sum(thread.interruptions for thread in threads) > before, "nothing was refused"
            disk.empty()
        wait_for(threads, 50)
    ledgers = [thread.ledger for thread in threads]
    assert check(server.port, ledgers) > 0
    verify(server.data, "--deep")


def test_below_the_reserve_pushes_alone_are_refused(tmp_path: Path) -> None:
    data, ledger = tmp_path / "data", Ledger()
    # Everything that is pushed is leased for a minute, so that a HEAD under the longer lease must write.
    with (
        running_server(tmp_path, "--open", "--storage-reserve", "0", "--lease", "1m") as server,
        Caller(server.port) as caller,
    ):
        pushing = Pushing(caller, ledger)
        push_all(pushing, 1)
        document = manifest_of(content(1, INLINE), [], 2)
        pushing.manifest(_REPOSITORY, document, None)
        opened = caller.expect(202, "POST", f"{_BLOBS}/uploads/").headers["location"]
        pushing.chunk(opened, content(50, SMALL), 0, SMALL // 2)
    assert data.is_dir()
    with running_server(tmp_path, "--open", "--storage-reserve", "900TiB") as server, Caller(server.port) as caller:
        pushing = Pushing(caller, ledger)
        data_of = content(60, SMALL)
        digest, known = digest_of(data_of), digest_of(content(1, SMALL))
        refused(caller.ask("POST", f"{_BLOBS}/uploads/"))
        refused(caller.ask("POST", f"{_BLOBS}/uploads/?digest={digest}", data_of))
        refused(caller.ask("POST", f"/v2/faults/other/blobs/uploads/?mount={known}&from={_REPOSITORY}"))
        refused(caller.ask("PATCH", opened, content(50, SMALL)[SMALL // 2 :]))
        refused(caller.ask("PUT", f"{opened}?digest={digest_of(content(50, SMALL))}", content(50, SMALL)[SMALL // 2 :]))
        refused(caller.ask("PUT", f"/v2/{_REPOSITORY}/manifests/v9", document))
        assert check(server.port, [ledger]) > 0
        assert caller.ask("GET", opened).headers["range"] == f"0-{SMALL // 2 - 1}"
        for address in (
            f"/v2/{_REPOSITORY}/manifests/{digest_of(document)}",
            f"{_BLOBS}/{digest_of(content(3, LARGE))}",
        ):
            pushing.delete(address)
        pushing.delete(f"/v2/{_REPOSITORY}/manifests/v1")
        assert caller.ask("DELETE", opened).status == 204
        assert check(server.port, [ledger]) > 0
