"""Events over the API of real servers with two workers, on both pairs: cursors, streams, rights that end, restarts."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from tests.management.api import Asker, segment
from tests.management.conftest import PASSWORD
from tests.management.streams import Stream, streaming
from tests.pairs import Pair
from tests.serving import Credentials, Server, pause, running_server
from tests.wire.client import basic
from tests.wire.content import digest

_LOOKS = 300
_ADMIN = basic("admin", PASSWORD)


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory, pair: Pair) -> Iterator[Server]:
    """Run a server of two workers."""
    place = tmp_path_factory.mktemp("events")
    with running_server(place, "--workers", "2", env={"HOLDFAST_ADMIN_PASSWORD": PASSWORD}, pair=pair) as running:
        running.known_admin = Credentials("admin", PASSWORD)
        yield running


@pytest.fixture
def boss(several: Server) -> Iterator[Asker]:
    """Ask as the administrator."""
    asker = Asker.named(several, "admin", PASSWORD)
    yield asker
    asker.close()


def make(boss: Asker, *names: str) -> None:
    """Make repositories, each of which is an event."""
    for name in names:
        boss.do(201, "POST", "/repositories", {"name": name})


def reader(boss: Asker, name: str, scope: str) -> tuple[str, str]:
    """A robot that may read a scope: the Authorization of its key, and the key's path."""
    robot = boss.do(201, "POST", "/robots", {"namespace": "watchers", "name": name})["subject"]
    boss.do(201, "POST", "/grants", {"subject": robot, "role": "reader", "scope": scope})
    key = boss.do(201, "POST", "/keys", {"name": "watch", "owner": robot})
    return basic(robot.partition(":")[2], key["secret"]), f"/keys/{segment(robot)}/watch"


def subjects(events: list[dict[str, Any]]) -> list[str]:
    return [event["subject"] for event in events]


def until(boss: Asker, subject: str) -> dict[str, Any]:
    """The newest event about something, once it is there."""
    for _ in range(_LOOKS):
        found = boss.do(200, "GET", f"/events?repository={subject}&order=newest")["items"]
        if found:
            event: dict[str, Any] = found[0]
            return event
        pause(0.1)
    raise AssertionError(f"nothing happened to {subject}")


def test_a_stream_tells_what_happens_to_each_as_he_may_see_it(several: Server, boss: Asker) -> None:
    key, _ = reader(boss, "lena", "seen/**")
    with streaming(several.port, _ADMIN, type="repository") as all_of_it, streaming(several.port, key) as some:
        assert all_of_it.answer.getheader("content-type") == "text/event-stream; charset=utf-8"
        assert all_of_it.answer.getheader("cache-control") == "no-store"
        make(boss, "hidden/one", "seen/one")
        boss.do(201, "POST", "/keys", {"name": "another"})
        make(boss, "seen/two")
        told = all_of_it.some(3)
        assert subjects(told) == ["hidden/one", "seen/one", "seen/two"]
        assert (told[0]["actor"], told[0]["address"]) == ("user:admin", "127.0.0.1")
        seen = some.some(2)
        assert subjects(seen) == ["seen/one", "seen/two"]
        assert not seen[0].keys() & {"actor", "requestid", "address", "agent", "credential"}
        assert seen[0]["data"] == {"path": "seen/one", "repository": "seen/one", "id": told[1]["data"]["id"]}
    one = boss.do(200, "GET", f"/events/{told[1]['id']}")
    assert one == told[1]
    page = boss.do(200, "GET", f"/events?after={int(told[0]['id']) - 1}&type=repository&limit=2")
    assert page["items"] == told[:2]
    assert page["next"] == told[1]["id"]


def test_whoever_comes_back_is_told_what_he_missed(several: Server, boss: Asker) -> None:
    make(boss, "back/a", "back/b")
    place = int(until(boss, "back/b")["id"])
    make(boss, "back/c")
    until(boss, "back/c")
    with streaming(several.port, _ADMIN, place, repository="back/**", after="0") as stream:
        make(boss, "back/d")
        assert subjects(stream.some(2)) == ["back/c", "back/d"]
    with streaming(several.port, _ADMIN, repository="back/**", since="2020-01-01T00:00:00Z") as stream:
        assert subjects(stream.some(4)) == ["back/a", "back/b", "back/c", "back/d"]
    for wrong in ("x", "-1", "9" * 30, "1.5"):
        answer = boss.connection.ask("GET", "/api/v1/events/stream", b"", {"Last-Event-ID": wrong})
        assert (answer.status, answer.json["fields"][0]["field"]) == (400, "last-event-id")
    assert boss.connection.ask("HEAD", "/api/v1/events/stream").status == 200


def test_a_quota_that_is_exceeded_is_told(several: Server, boss: Asker) -> None:
    boss.do(200, "PUT", "/quotas", {"path": "small", "repositories": 1})
    make(boss, "small/one")
    for name in ("small/two", "small/three"):
        boss.refused("quota", "POST", "/repositories", {"name": name})
    put = boss.connection.ask("POST", f"/v2/small/four/blobs/uploads/?digest={digest(b'x')}", b"x")
    assert put.status == 403, put
    for _ in range(_LOOKS):
        found = boss.do(200, "GET", "/events?repository=small&type=quota.exceeded")["items"]
        if found:
            break
        pause(0.1)
    assert {event["data"]["quota"] for event in found} == {"repositories"}
    assert len(found) <= 2, "one in each worker"


def test_a_key_that_ends_ends_its_stream(several: Server, boss: Asker) -> None:
    key, path = reader(boss, "karl", "ends/**")
    with streaming(several.port, key) as stream:
        make(boss, "ends/one")
        assert subjects(stream.some(1)) == ["ends/one"]
        boss.do(204, "DELETE", path)
        make(boss, "ends/two")
        assert stream.rest() == []
        assert stream.comments[-1] == "this stream is over: the credential does not hold any more"
    with streaming(several.port, key) as again:
        assert again.status == 401


def test_a_right_that_is_given_or_taken_holds_for_what_comes_next(several: Server, boss: Asker) -> None:
    key, _ = reader(boss, "rita", "first/**")
    with streaming(several.port, key) as stream:
        make(boss, "second/hidden", "first/one")
        assert subjects(stream.some(1)) == ["first/one"]
        given = boss.do(
            201, "POST", "/grants", {"subject": "robot:watchers+rita", "role": "reader", "scope": "second/**"}
        )
        make(boss, "second/shown")
        assert subjects(stream.some(1)) == ["second/shown"]
        boss.do(204, "DELETE", f"/grants/{given['id']}")
        make(boss, "second/hidden-again", "first/shown")
        assert subjects(stream.some(1)) == ["first/shown"]


def test_one_account_has_so_many_streams(several: Server, boss: Asker) -> None:
    key, _ = reader(boss, "many", "many/**")
    with ExitStack() as stack:
        statuses: list[int] = []
        while 429 not in statuses:
            assert len(statuses) <= 2 * 64, "64 in each worker"
            statuses.append(stack.enter_context(streaming(several.port, key)).status)
        assert set(statuses) == {200, 429}
        other = Asker(several, key)
        assert other.ask("GET", "/events").status == 200, "it has all else"
        other.close()
    for _ in range(_LOOKS):
        with streaming(several.port, key) as again:
            if again.status == 200:
                return
        pause(0.1)
    raise AssertionError("streams that have ended are still counted")


def test_nothing_is_lost_or_passed_over_across_restarts(several: Server, boss: Asker) -> None:
    """Several clients follow while several write and the server is stopped, killed and started: each is told of every
    change once, in the same order."""
    start = int(boss.do(200, "GET", "/events?order=newest&limit=1")["items"][0]["id"])
    made: list[str] = []
    done = threading.Event()

    def follow(found: list[tuple[int, str]]) -> None:
        place = start
        while not done.is_set() or len(found) < len(made):
            try:
                with streaming(several.port, _ADMIN, place, repository="crowd/**") as stream:
                    while stream.status == 200 and (event := stream.event()) is not None:
                        found.append((stream.place, event["subject"]))
                        if done.is_set() and len(found) >= len(made):
                            return
                    place = max(place, stream.place)
            except OSError:
                place = found[-1][0] if found else start
            pause(0.05)

    found: list[list[tuple[int, str]]] = [[] for _ in range(4)]
    followers = [threading.Thread(target=follow, args=(each,), daemon=True) for each in found]
    for follower in followers:
        follower.start()
    for turn in range(3):
        names = [f"crowd/r{turn}-{number}" for number in range(8)]
        asker = Asker(several, _ADMIN)
        make(asker, *names)
        asker.close()
        made += names
        if turn == 0:
            several.stop()
        elif turn == 1:
            several.kill9()
        if turn < 2:
            several.start()
    done.set()
    for follower in followers:
        follower.join(120)
        assert not follower.is_alive(), [len(each) for each in found]
    for each in found:
        assert [name for _, name in each] == made
        assert [place for place, _ in each] == sorted({place for place, _ in each})


def test_a_stop_ends_streams_properly(several: Server) -> None:
    with ExitStack() as stack:
        streams: list[Stream] = [stack.enter_context(streaming(several.port, _ADMIN)) for _ in range(20)]
        assert several.stop() == 0
        for stream in streams:
            stream.rest()
            assert stream.comments[-1].startswith("this stream is over: the registry restarts")
    several.start()


def test_a_place_in_the_archive_is_gone(several: Server) -> None:
    boss = Asker.named(several, "admin", PASSWORD)
    first = boss.do(200, "GET", "/audit/segments?sealed_before=2100-01-01T00:00:00Z&limit=1")["items"][0]
    boss.do(200, "POST", "/audit/drop", {"through": first["n"], "hash": first["hash"]})
    for path in ("/events?after=0", "/events/stream?after=0", "/events/1"):
        gone = boss.ask("GET", path)
        assert (gone.status, gone.json["type"]) == (410, "/problems/archived"), gone
        assert f"go on after {first['last_pos']}" in gone.json["detail"]
    assert boss.do(200, "GET", f"/events?after={first['last_pos']}")["items"]
    boss.close()
