"""Several workers on one data directory, and other programs beside them: nobody notices that there are many.

Every request has a connection of its own, so that any worker may get it: chunks of one upload, a read right after a
write. No update is lost, histories have no gaps, nothing is answered 5xx, and no lock is ever waited for in vain.
"""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import apsw
import pytest
from tests import warm
from tests.faults.client import (
    MANIFEST_TYPE,
    Caller,
    Interrupted,
    Ledger,
    Pushing,
    Refused,
    Wrong,
    content,
    digest_of,
    manifest_of,
)
from tests.faults.load import INLINE, SMALL, pushers, wait_for
from tests.faults.oracle import check, verify
from tests.serving import running_server

_HOT = "faults/hot"
_RIVALS = 4
_PUSHES, _FEW = 700, 100
_RACES = 12


class Retag(NamedTuple):
    """An acknowledged retag: when it was sent and answered, and what the tag was pointed to."""

    sent: float
    answered: float
    digest: str


class Event(NamedTuple):
    """A row of a tag's history; the numbers are ids of content."""

    repository: int
    name: str
    seq: int
    was: int | None
    now: int | None


class Rival(threading.Thread):
    """Moves one tag that others move too, from one manifest to the next, and reads it now and then."""

    def __init__(self, port: int, documents: list[bytes], stopped: threading.Event) -> None:
        super().__init__(daemon=True)
        self.done: list[Retag] = []
        self.trouble: list[str] = []
        self._caller = Caller(port, fresh=True)
        self._documents = documents
        self._stopped = stopped

    def run(self) -> None:
        address = f"/v2/{_HOT}/manifests/latest"
        known = set(map(digest_of, self._documents))
        try:
            for document in itertools.cycle(self._documents):
                if self._stopped.is_set():
                    return
                sent = time.monotonic()
                self._caller.expect(201, "PUT", address, document, Content_Type=MANIFEST_TYPE)
                self.done.append(Retag(sent, time.monotonic(), digest_of(document)))
                found = self._caller.expect(200, "GET", address)
                if digest_of(found.body) not in known:
                    raise Wrong("the tag shows what nobody gave it")
        except (Interrupted, Refused, Wrong) as error:
            self.trouble.append(str(error))


def run_beside(data: Path, *words: str) -> None:
    """Run a verb of the program on the directory that the server uses."""
    done = warm.run([*words, "--data", str(data)], os.environ, data, timeout=120)
    assert done.returncode == 0, f"{words}: {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"


def race_for_a_chunk(port: int, number: int) -> None:
    """Two equal PATCHes at once: exactly one is applied, and the upload ends well."""
    data = content(number, SMALL)
    with Caller(port, fresh=True) as caller:
        location = caller.expect(202, "POST", f"/v2/{_HOT}/blobs/uploads/").headers["location"]
        statuses: list[int] = []
        barrier = threading.Barrier(2)

        def send() -> None:
            with Caller(port) as mine:
                mine.ask("GET", "/v2/")
                barrier.wait(30)
                statuses.append(mine.ask("PATCH", location, data, Content_Range=f"0-{len(data) - 1}").status)

        threads = [threading.Thread(target=send) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert sorted(statuses) == [202, 416]
        assert caller.expect(204, "GET", location).headers["range"] == f"0-{len(data) - 1}"
        caller.expect(201, "PUT", f"{location}?digest={digest_of(data)}")
        assert caller.expect(200, "GET", f"/v2/{_HOT}/blobs/{digest_of(data)}").body == data


def check_histories(data: Path) -> int:
    """Every tag's history has no gap and ends in the tag; returns how many events there are."""
    connection = apsw.Connection(str(data / "holdfast.db"), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        tags = {
            (repository, name): digest
            for repository, name, digest in connection.execute("select repo_id, name, content_id from tag")
        }
        rows = connection.execute(
            "select repo_id, name, seq, was_id, now_id from tag_event order by repo_id, name, seq"
        )
        events = [Event._make(row) for row in rows]
        for tag, history in itertools.groupby(events, key=lambda event: (event.repository, event.name)):
            at: int = 0
            now: int | None = None
            for event in history:
                assert event.seq > at, f"{tag}: event {event.seq} after {at}"
                assert event.was == now, f"{tag}: event {event.seq} moves from {event.was}, the tag stood at {now}"
                at, now = event.seq, event.now
            assert tags.pop(tag, None) == now, f"{tag} does not stand where its history ends"
        assert tags == {}, "tags without a history"
        return len(events)
    finally:
        connection.close()


def check_last_wins(rivals: list[Rival], shown: str) -> None:
    """What the tag shows at last was given by a retag after which no other one was begun and acknowledged."""
    retags = [retag for rival in rivals for retag in rival.done]
    begun = max(retag.sent for retag in retags)
    last = {retag.digest for retag in retags if retag.answered >= begun}
    assert shown in last


@pytest.mark.parametrize(
    ("workers", "pushes"),
    [(2, _FEW), pytest.param(2, _PUSHES, marks=pytest.mark.slow), pytest.param(4, _PUSHES, marks=pytest.mark.slow)],
)
def test_workers_share_a_directory(
    tmp_path: Path, workers: int, pushes: int, record_property: Callable[[str, object], None]
) -> None:
    stopped = threading.Event()
    with running_server(tmp_path, "--open", "--workers", str(workers)) as server:
        pushing = Pushing(Caller(server.port, fresh=True), Ledger())
        config = content(1, INLINE)
        pushing.put(_HOT, config)
        documents = [manifest_of(config, [], number) for number in range(7)]
        for document in documents:
            pushing.manifest(_HOT, document, None)
        rivals = [Rival(server.port, documents[n:] + documents[:n], stopped) for n in range(_RIVALS)]
        try:
            for rival in rivals:
                rival.start()
            with pushers(server.port, 4, seed=workers, strict=True) as threads:
                wait_for(threads, pushes // 2)
                run_beside(server.data, "admin", "reset", "admin")
                verify(server.data)
                for number in range(_RACES):
                    race_for_a_chunk(server.port, 100 + number)
                run_beside(server.data, "admin", "reset", "admin")
                wait_for(threads, pushes // 2)
        finally:
            stopped.set()
            for rival in rivals:
                rival.join(60)
        assert [trouble for rival in rivals for trouble in rival.trouble] == []
        shown = digest_of(pushing.caller.expect(200, "GET", f"/v2/{_HOT}/manifests/latest").body)
        check_last_wins(rivals, shown)
        held = check(server.port, [pushing.ledger, *(thread.ledger for thread in threads)])
        verify(server.data, "--deep")
        events = check_histories(server.data)
        server.stop()
        log = server.log_text()
    assert "locked" not in log
    assert '"status":5' not in log
    retags = sum(len(rival.done) for rival in rivals)
    record_property("fault", f"{workers} workers: {held} outcomes held, {retags} rival retags, {events} tag events")
