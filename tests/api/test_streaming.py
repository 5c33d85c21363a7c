"""Answers that last: sent as they come, ended when nobody wants them, and when somebody does not read them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, MutableMapping
from pathlib import Path
from typing import Any

import pytest
from fastapi.responses import Response
from tests.api.asgi import house

from holdfast.api.caller import Asking
from holdfast.api.framing import ClientGone
from holdfast.api.routing import Route, routes
from holdfast.api.streaming import WITHOUT_BODY, EventStream, begin, event, heartbeat
from holdfast.telemetry.counters import SECONDS
from holdfast.telemetry.meters import SUM
from holdfast.telemetry.pages import Names, Series

Message = MutableMapping[str, Any]


class Client:
    """Who is on the other side. `reads`: whether it takes what is sent; `leaves`: set when it goes."""

    def __init__(self, *, reads: bool = True) -> None:
        self.got: list[Message] = []
        self.leaves = asyncio.Event()
        self.ended = 0
        self._reads = reads

    async def receive(self) -> Message:
        await self.leaves.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        self.got.append(message)
        if not self._reads and message["type"] == "http.response.body":
            await asyncio.Event().wait()

    async def asks(self, pieces: AsyncGenerator[bytes, None], slow: float = 30, **scope: Any) -> None:
        def ended() -> None:
            self.ended += 1

        await EventStream(pieces, ended, slow=slow)(scope, self.receive, self.send)

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.got)


async def three(closed: list[str]) -> AsyncGenerator[bytes, None]:
    try:
        yield begin(4)
        yield event(5, "holdfast.tag.moved", "{}")
        yield heartbeat(6, "alive")
    finally:
        closed.append("closed")


async def forever(closed: list[str]) -> AsyncGenerator[bytes, None]:
    try:
        yield begin(4)
        await asyncio.Event().wait()
    finally:
        closed.append("closed")


def test_a_stream_is_its_pieces_and_ends_with_them() -> None:
    async def main() -> None:
        client, closed = Client(), list[str]()
        await client.asks(three(closed))
        assert client.body == (
            b"retry: 2000\nid: 4\n\nid: 5\nevent: holdfast.tag.moved\ndata: {}\n\n: alive\nid: 6\n\n"
        )
        start, *_, last = client.got
        names = dict(start["headers"])
        assert names[b"content-type"] == b"text/event-stream; charset=utf-8"
        assert b"content-length" not in names
        assert last["more_body"] is False
        assert (closed, client.ended) == (["closed"], 1)

    asyncio.run(main())


def test_a_head_has_no_body_and_leaves_nothing_open() -> None:
    async def main() -> None:
        client, closed = Client(), list[str]()
        await client.asks(three(closed), **{WITHOUT_BODY: True})
        assert (client.body, client.ended) == (b"", 1)

    asyncio.run(main())


def test_a_client_that_leaves_ends_it() -> None:
    async def main() -> None:
        client, closed = Client(), list[str]()
        asking = asyncio.create_task(client.asks(forever(closed)))
        while not client.body:
            await asyncio.sleep(0)
        client.leaves.set()
        await asyncio.wait_for(asking, 30)
        assert (closed, client.ended) == (["closed"], 1)

    asyncio.run(main())


def test_a_client_that_does_not_read_is_dropped() -> None:
    async def main() -> None:
        client, closed = Client(reads=False), list[str]()
        with pytest.raises(ClientGone):
            await client.asks(forever(closed), 0.01)
        assert (closed, client.ended) == (["closed"], 1)

    asyncio.run(main())


def test_an_answer_that_lasts_counts_as_fast_as_it_began(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else one stream of a day would make the API look slow."""
    clock = [1000.0]
    monkeypatch.setattr("holdfast.api.frame.time.perf_counter", lambda: clock[0])

    async def lasting() -> AsyncGenerator[bytes, None]:
        yield begin(1)
        clock[0] += 86_400
        yield heartbeat(2)

    async def stream_things(caller: Asking) -> Response:
        clock[0] += 0.25
        return EventStream(lasting())

    async def main() -> None:
        made = await house(
            tmp_path, routes("/things", "things", Route("GET", "", stream_things, media="text/event-stream"))
        )
        given = await made.ask("GET", "/api/v1/things")
        assert given.body.endswith(b"id: 2\n\n")
        counted = made.meters.page.reading(Names(), owner=1).series
        assert counted[Series(SECONDS.name, ("api", "GET"), SUM)] == 250_000
        (line,) = made.told.lines
        assert line["ms"] > 86_400_000, "the log says how long it was"

    asyncio.run(main())
