"""The mirror: what a request looked like when it arrived, in two pieces, and nothing else."""

from __future__ import annotations

import asyncio
import json
from ipaddress import ip_network
from typing import Any

import pytest

from holdfast.app.mirror import PIECE, Mirror
from holdfast.app.proxies import Proxies


def _scope(**more: Any) -> dict[str, Any]:
    return {
        "method": "GET",
        "http_version": "1.1",
        "scheme": "http",
        "client": ("10.0.0.2", 4711),
        "headers": [(b"host", b"registry.example.com"), (b"x-forwarded-for", b"192.0.2.9"), (b"cookie", b"s=1")],
        "query_string": b"mirror=0",
        **more,
    }


def _answer(scope: dict[str, Any], pause: float = 0.0) -> list[Any]:
    said: list[Any] = []

    async def send(message: Any) -> None:
        said.append(message)

    asyncio.run(Mirror(Proxies((ip_network("10.0.0.0/8"),))).answer(scope, send, pause))
    return said


def test_it_shows_the_request() -> None:
    start, first, last = _answer(_scope())
    body = first["body"] + last["body"]
    assert dict(start["headers"])[b"content-length"] == b"%d" % len(body)
    assert (first["body"], first["more_body"]) == (PIECE, True)
    assert json.loads(body) == {
        "status": "ok",
        "request": {
            "http_version": "1.1",
            "scheme": "http",
            "host": "registry.example.com",
            "forwarded_proto": None,
            "forwarded_for": "192.0.2.9",
            "peer_trusted": True,
            "client": "192.0.2.9",
        },
    }


def test_what_a_client_sends_stays_bounded_and_inside_its_field() -> None:
    *_, last = _answer(_scope(headers=[(b"host", b'"}\xff' + b"a" * 9000)], client=("192.0.2.1", 1)))
    seen = json.loads(last["body"])["request"]
    assert seen["host"] == '"}ÿ' + "a" * 253
    assert (seen["peer_trusted"], seen["client"]) == (False, "192.0.2.1")


def test_head_has_the_length_and_no_body() -> None:
    start, body = _answer(_scope(method="HEAD"))
    assert int(dict(start["headers"])[b"content-length"]) > len(PIECE)
    assert body["body"] == b""


@pytest.mark.parametrize(
    ("query", "pause"),
    [
        (b"", None),
        (b"x=1", None),
        (b"mirror=", 0.0),
        (b"mirror=2.5", 2.5),
        (b"mirror=1000", 100.0),
        (b"mirror=inf", 100.0),
        (b"mirror=nan", 0.0),
        (b"mirror=-1", 0.0),
        (b"mirror=\xff", 0.0),
        (b"mirror=1&mirror=" + b"9" * 1000, 1.0),
    ],
)
def test_the_pause_that_is_asked_for(query: bytes, pause: float | None) -> None:
    assert Mirror.asked(_scope(query_string=query)) == pause


def test_only_so_many_pause_at_once() -> None:
    async def crowd() -> int:
        mirror = Mirror(Proxies(()))
        ended = 0

        async def send(message: Any) -> None:
            nonlocal ended
            ended += not message.get("more_body", message["type"] == "http.response.start")

        tasks = [asyncio.create_task(mirror.answer(_scope(), send, 1000.0)) for _ in range(40)]
        while sum(task.done() for task in tasks) < 8:
            await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return ended

    assert asyncio.run(crowd()) == 8
