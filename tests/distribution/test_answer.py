"""What goes back to the client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest
from tests.distribution.asgi import Exchange

from holdfast.distribution.answer import Answer, StreamAnswer, send

PLAIN = [(b"content-type", b"application/json")]


async def pieces(*data: bytes) -> AsyncGenerator[bytes, None]:
    for piece in data:
        yield piece


def test_every_answer_carries_what_every_answer_carries() -> None:
    exchange = Exchange()
    assert asyncio.run(send(exchange.request, Answer(200, PLAIN, b"{}"))) == 2
    assert exchange.sent[0]["status"] == 200
    assert exchange.headers == {
        "docker-distribution-api-version": "registry/2.0",
        "x-content-type-options": "nosniff",
        "x-request-id": "id-1",
        "content-type": "application/json",
        "content-length": "2",
    }
    assert exchange.body == b"{}"


def test_head_says_how_long_it_would_be_and_sends_nothing() -> None:
    exchange = Exchange("HEAD")
    assert asyncio.run(send(exchange.request, Answer(200, [], b"{}"))) == 0
    assert (exchange.headers["content-length"], exchange.body) == ("2", b"")
    exchange = Exchange("HEAD")
    assert asyncio.run(send(exchange.request, Answer(200, [], b"", 12345))) == 0
    assert (exchange.headers["content-length"], exchange.body) == ("12345", b"")


@pytest.mark.parametrize("status", [204, 304])
def test_answers_without_a_body_have_no_length(status: int) -> None:
    exchange = Exchange()
    asyncio.run(send(exchange.request, Answer(status, [])))
    assert "content-length" not in exchange.headers
    assert exchange.body == b""


def test_a_stream_is_sent_in_its_pieces() -> None:
    exchange = Exchange()
    assert asyncio.run(send(exchange.request, StreamAnswer(206, [], pieces(b"ab", b"c", b"def"), 6))) == 6
    assert exchange.headers["content-length"] == "6"
    assert [message.get("more_body", False) for message in exchange.sent[1:]] == [True, True, False]
    assert exchange.body == b"abcdef"


def test_a_stream_that_ends_early_fails_the_connection() -> None:
    exchange = Exchange()
    with pytest.raises(ConnectionError):
        asyncio.run(send(exchange.request, StreamAnswer(200, [], pieces(b"ab", b"c"), 6)))
    assert all(message["more_body"] for message in exchange.sent[1:]), "the answer was never said to be over"


def test_a_stream_that_fails_fails_the_connection_and_is_closed() -> None:
    closed = []

    async def broken() -> AsyncGenerator[bytes, None]:
        try:
            yield b"ab"
            raise OSError
        finally:
            closed.append(True)

    exchange = Exchange()
    with pytest.raises(OSError):
        asyncio.run(send(exchange.request, StreamAnswer(200, [], broken(), 6)))
    assert closed == [True]


def test_a_client_that_goes_away_closes_the_stream() -> None:
    closed = []

    async def long() -> AsyncGenerator[bytes, None]:
        try:
            while True:
                yield b"x" * 1000
        finally:
            closed.append(True)

    async def main() -> None:
        exchange = Exchange()

        async def gone(message: object) -> None:
            if len(exchange.sent) > 3:
                raise ConnectionResetError
            exchange.sent.append(message)  # type: ignore[arg-type]

        exchange.request._send = gone
        with pytest.raises(ConnectionResetError):
            await send(exchange.request, StreamAnswer(200, [], long(), 1 << 40))

    asyncio.run(main())
    assert closed == [True]
