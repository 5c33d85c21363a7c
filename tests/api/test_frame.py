"""The frame around a room that does whatever a test asks of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import pytest
from fastapi import Query
from tests.api.asgi import HOST, JSON, House, house

from holdfast.access import errors as access
from holdfast.api.caller import Asking
from holdfast.api.framing import BODY_BYTES
from holdfast.api.routing import Route, Routes, routes
from holdfast.api.shape import GivenMoment, Input, Moment, Output, Segment
from holdfast.db import errors as db
from holdfast.telemetry.counters import REQUESTS
from holdfast.telemetry.family import OTHER
from holdfast.telemetry.pages import Names, Series

PREFIX = "/api/v1/room"


class Thing(Input):
    """What the room takes."""

    name: str
    at: GivenMoment | None = None


class Shown(Output):
    """What the room gives."""

    name: str
    at: Moment | None
    runs: int


class Room:
    """Handlers that raise what they are told to, as often as they are told to."""

    def __init__(self) -> None:
        self.raises: list[Exception] = []
        self.runs = 0

    async def make_thing(self, caller: Asking, thing: Thing) -> Shown:
        """Make a thing."""
        self.runs += 1
        if self.raises:
            raise self.raises.pop(0)
        return Shown(name=thing.name, at=thing.at, runs=self.runs)

    async def show_thing(self, caller: Asking, name: Segment, at: Annotated[list[int] | None, Query()] = None) -> Shown:
        """Show a thing."""
        self.runs += 1
        if self.raises:
            raise self.raises.pop(0)
        return Shown(name=name, at=None, runs=self.runs)

    def routes(self) -> Routes:
        """Its routes."""
        return routes(
            "/room", "room", Route("POST", "", self.make_thing, 201), Route("GET", "/{name}", self.show_thing)
        )


def run(tmp_path: Path, work: Callable[[House, Room], Any], *, idle: float = 30.0) -> None:
    """Run a test in one loop."""

    async def go() -> None:
        room = Room()
        await work(await house(tmp_path, room.routes(), idle=idle), room)

    asyncio.run(go())


def test_rights_that_changed_are_decided_anew_once_with_the_same_body(tmp_path: Path) -> None:
    async def work(made: House, room: Room) -> None:
        room.raises = [access.StalePermit()]
        given = await made.ask("POST", PREFIX, [b'{"na', b'me": "a"}'])
        assert (given.status, given.json["runs"]) == (201, 2)
        room.raises = [access.StalePermit(), access.StalePermit()]
        given = await made.ask("POST", PREFIX, [b'{"name": "a"}'])
        assert (given.status, given.json["type"], room.runs) == (409, "/problems/stale", 4)

    run(tmp_path, work)


@pytest.mark.parametrize(
    ("error", "status", "kind", "level"),
    [
        (db.Unavailable("connection to 10.0.0.7 lost"), 503, "unavailable", "warning"),
        (db.ReadOnly("moving until 18:00"), 503, "read-only", "warning"),
        (db.Full("no space on /srv/registry"), 507, "full", "warning"),
        (db.Damaged("page 7 of /srv/registry/holdfast.db"), 503, "unavailable", "warning"),
        (access.Busy(), 429, "busy", ""),
        (access.Throttled(17), 429, "throttled", ""),
        (access.TooManyRequests("this credential has used up its requests", 17), 429, "too-many-requests", ""),
        (access.ProviderAway(), 503, "provider-away", "warning"),
        (access.Conflict("the name is taken"), 409, "conflict", ""),
        (access.Unknown("there is no such thing"), 404, "unknown", ""),
        (access.Changed(), 412, "changed", ""),
        (access.Denied("no rule gives this right", action="pull"), 403, "denied", ""),
        (access.Invalid("name", "it cannot be"), 400, "invalid", ""),
        (RuntimeError("select secret from /srv/registry"), 500, "fault", "error"),
        (db.StatementFailed("near 'form': syntax error"), 500, "fault", "error"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_what_goes_wrong_is_a_problem(tmp_path: Path, error: Exception, status: int, kind: str, level: str) -> None:
    async def work(made: House, room: Room) -> None:
        room.raises = [error]
        given = await made.ask("GET", f"{PREFIX}/a")
        problem = given.json
        assert (given.status, problem["status"], problem["type"]) == (status, status, f"/problems/{kind}")
        assert given.headers["content-type"] == "application/problem+json"
        assert problem["request_id"] == given.headers["x-request-id"] == made.told.lines[-1]["request"]
        assert made.told.lines[-1]["status"] == status
        assert ("retry-after" in given.headers) == (status in (429, 503))
        for inside in ("srv", "10.0.0.7", "select", "syntax", "page 7"):
            assert inside not in given.body.decode()
        told = [(each[0], each[2]["request"]) for each in made.told.events]
        assert told == ([(level, problem["request_id"])] if level else [])
        assert made.told.denied == ([(problem["request_id"], str(error))] if kind == "denied" else [])
        if kind == "throttled":
            assert given.headers["retry-after"] == "17"
        if kind == "read-only":
            assert "moving until 18:00" in problem["detail"]
        assert (await made.ask("GET", f"{PREFIX}/a")).status == 200

    run(tmp_path, work)


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        (b"/api/v1/room/a%2Fb", "a/b"),
        (b"/api/v1/room/a%2fb", "a/b"),
        (b"/api/v1/room/a~1b", "a/b"),
        (b"/api/v1/room/a~01b", "a~1b"),
        (b"/api/v1/room/a~0b", "a~b"),
        (b"/api/v1/room/a~b", "a~b"),
        (b"/api/v1/room/a%7E1b", "a/b"),
        (b"/api/v1/room/100%25%2Fx", "100%/x"),
        (b"/api/v1/room/a%252Fb", "a%2Fb"),
        (b"/api/v1/room/a+b", "a+b"),
        (b"/api/v1/room/a%2Bb", "a+b"),
        (b"/api/v1/room/%C3%A4", "\xe4"),
        (b"/api/v1/room/a%2Fb?at=1&at=2", "a/b"),
    ],
)
def test_a_name_in_a_path_is_unescaped_once(tmp_path: Path, raw: bytes, name: str) -> None:
    from urllib.parse import unquote

    async def work(made: House, room: Room) -> None:
        given = await made.ask("GET", unquote(raw.partition(b"?")[0].decode()), raw=raw)
        assert (given.status, given.json.get("name")) == (200, name)

    run(tmp_path, work)


def test_times_are_rfc_3339_both_ways(tmp_path: Path) -> None:
    async def work(made: House, room: Room) -> None:
        for given, shown in (
            ("2027-01-31T18:00:00Z", "2027-01-31T18:00:00Z"),
            ("2027-01-31T18:00:00.000001+00:00", "2027-01-31T18:00:00.000001Z"),
            ("2027-01-31T18:00:00+01:00", "2027-01-31T17:00:00Z"),
        ):
            answer = await made.ask("POST", PREFIX, [b'{"name": "a", "at": "%s"}' % given.encode()])
            assert answer.json["at"] == shown

    run(tmp_path, work)


def test_a_client_that_leaves_or_stalls_is_given_up(tmp_path: Path) -> None:
    async def work(made: House, room: Room) -> None:
        await made.ask("POST", PREFIX, [b'{"na', None])
        assert (made.told.lines[-1]["status"], room.runs) == (499, 0)

    run(tmp_path, work)

    async def stalls(made: House, room: Room) -> None:
        asked = made.ask("POST", PREFIX, [b'{"na', b""], headers=(HOST, JSON))
        given = await asked
        assert (given.status, given.json["type"]) == (400, "/problems/malformed")

    run(tmp_path, stalls)


def test_a_body_that_stops_arriving_is_given_up(tmp_path: Path) -> None:
    async def work(made: House, room: Room) -> None:
        never = asyncio.Event()
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            await never.wait()
            return {}

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "method": "POST",
            "path": PREFIX,
            "raw_path": PREFIX.encode(),
            "query_string": b"",
            "headers": [HOST, JSON],
            "http_version": "1.1",
            "client": ("192.0.2.7", 1),
        }
        await made.frame(scope, receive, send)
        assert sent[0]["status"] == 408
        assert (b"connection", b"close") in sent[0]["headers"]

    run(tmp_path, work, idle=0.01)


def test_a_body_is_bounded_with_and_without_a_length(tmp_path: Path) -> None:
    async def work(made: House, room: Room) -> None:
        piece = b" " * 65536
        for headers in ((HOST, JSON), (HOST, JSON, (b"content-length", b"%d" % (BODY_BYTES + 1)))):
            given = await made.ask("POST", PREFIX, [piece] * 200, headers=headers)
            assert (given.status, room.runs) == (413, 0)
        whole = b'{"name": "%s"}' % (b"a" * (BODY_BYTES - 12))
        assert len(whole) == BODY_BYTES
        assert (await made.ask("POST", PREFIX, [whole[:-7], whole[-7:]])).status == 400, "the text is too long"
        assert (await made.ask("POST", PREFIX, [whole, b" "])).status == 413

    run(tmp_path, work)


def test_every_request_is_one_line_and_counted(tmp_path: Path) -> None:
    async def work(made: House, room: Room) -> None:
        await made.ask("GET", f"{PREFIX}/a", headers=(HOST, (b"user-agent", b"x" * 5000)))
        await made.ask("GET", "/api/v1/nope")
        await made.ask("GET", "/api/v1/openapi.json")
        assert [line["status"] for line in made.told.lines] == [200, 404, 200]
        assert {line["remote"] for line in made.told.lines} == {"192.0.2.7"}
        counted = made.meters.page.reading(Names(), owner=1).series
        assert counted[Series(REQUESTS.name, ("api:show_thing", "GET", "200"))] == 1
        assert counted[Series(REQUESTS.name, (OTHER, "GET", "404"))] == 1
        assert len({line["request"] for line in made.told.lines}) == 3

    run(tmp_path, work)


def test_two_operations_of_one_name_are_refused(tmp_path: Path) -> None:
    async def work(made: House, room: Room) -> None:
        with pytest.raises(ValueError, match="two operations are called make_thing"):
            await house(tmp_path, room.routes(), Room().routes())

    run(tmp_path, work)


def test_head_is_get_without_its_body(tmp_path: Path) -> None:
    async def work(made: House, room: Room) -> None:
        get, head = await made.ask("GET", f"{PREFIX}/a"), await made.ask("HEAD", f"{PREFIX}/a")
        assert (head.status, head.body, head.headers["content-length"]) == (200, b"", get.headers["content-length"])
        gone = await made.ask("HEAD", "/api/v1/nope")
        assert (gone.status, gone.body) == (404, b"")
        refused = await made.ask("DELETE", f"{PREFIX}/a")
        assert (refused.status, refused.headers["allow"], refused.json["allowed"]) == (
            405,
            "GET, HEAD",
            ["GET", "HEAD"],
        )
        assert (await made.ask("HEAD", PREFIX)).headers["allow"] == "POST"

    run(tmp_path, work)
