"""A request before anything is done with it: headers, query, and a body with bounds."""

from __future__ import annotations

import asyncio

import pytest
from tests.distribution.asgi import HOST, Exchange

from holdfast.distribution.request import HEADER_BYTES, BadRequest, BodyTimeout, ClientGone, HeadersTooLarge

Pair = tuple[bytes, bytes]


def read(*headers: Pair, version: str = "1.1") -> Exchange:
    found = Exchange(headers=headers, version=version)
    found.request.read_headers()
    return found


@pytest.mark.parametrize(
    ("headers", "version"),
    [
        ((HOST,), "1.1"),
        ((), "1.0"),
        ((), "2"),
        ((HOST, (b"content-length", b"0")), "1.1"),
        ((HOST, (b"transfer-encoding", b"chunked")), "1.1"),
        ((HOST, (b"transfer-encoding", b"Chunked")), "1.1"),
        ((HOST, (b"x", b"1"), (b"x", b"2")), "1.1"),
        ((HOST, (b"range", b"bytes=0-1"), (b"range", b"bytes=2-3")), "1.1"),
    ],
)
def test_headers_that_say_one_thing(headers: tuple[Pair, ...], version: str) -> None:
    read(*headers, version=version)


@pytest.mark.parametrize(
    "headers",
    [
        (),
        ((b"host", b""),),
        (HOST, HOST),
        (HOST, (b"host", b"other")),
        (HOST, (b"content-length", b"1"), (b"content-length", b"1")),
        (HOST, (b"content-length", b"1"), (b"transfer-encoding", b"chunked")),
        (HOST, (b"transfer-encoding", b"chunked"), (b"transfer-encoding", b"chunked")),
        (HOST, (b"transfer-encoding", b"gzip, chunked")),
        (HOST, (b"transfer-encoding", b"identity")),
        (HOST, (b"authorization", b"a"), (b"authorization", b"b")),
    ],
)
def test_headers_that_could_be_read_in_two_ways_end_the_connection(headers: tuple[Pair, ...]) -> None:
    with pytest.raises(BadRequest) as caught:
        read(*headers)
    assert caught.value.close


def test_headers_are_bounded() -> None:
    read(HOST, (b"x", b"a" * (HEADER_BYTES - 1000)))
    with pytest.raises(HeadersTooLarge):
        read(HOST, (b"x", b"a" * HEADER_BYTES))
    with pytest.raises(HeadersTooLarge):
        read(HOST, *[(b"x", b"a" * 100)] * 400)


def test_only_what_handlers_ask_for_is_kept() -> None:
    found = read(HOST, (b"cookie", b"secret"), (b"user-agent", b"\xff\x1b[31m"), (b"range", b"bytes=0-")).request
    assert set(found.headers) == {b"user-agent", b"range"}
    assert found.text(b"user-agent") == "ÿ\x1b[31m"
    assert found.text(b"content-type") == ""


@pytest.mark.parametrize(("value", "wanted"), [(None, None), (b"0", 0), (b"007", 7), (b"9" * 18, 10**18 - 1)])
def test_length(value: bytes | None, wanted: int | None) -> None:
    headers = (HOST,) if value is None else (HOST, (b"content-length", value))
    assert read(*headers).request.length == wanted


@pytest.mark.parametrize(
    "value", [b"", b"-1", b"+1", b"1.0", b"0x1", b"1 ", b"1,1", b"9" * 19, b"\xef\xbc\x91", b"\xb2"]
)
def test_a_length_that_is_no_number(value: bytes) -> None:
    with pytest.raises(BadRequest) as caught:
        _ = read(HOST, (b"content-length", value)).request.length
    assert caught.value.close


@pytest.mark.parametrize(
    ("query", "name", "wanted"),
    [
        (b"", "n", []),
        (b"n", "n", [""]),
        (b"n=", "n", [""]),
        (b"n=1&n=2&m=3", "n", ["1", "2"]),
        (b"last=a%2Fb%20c+d", "last", ["a/b c d"]),
        (b"last=%C3%BC", "last", ["ü"]),
        (b"N=1", "n", []),
        (b"&&n=1&", "n", ["1"]),
        (b"digest=sha256:a=b", "digest", ["sha256:a=b"]),
    ],
)
def test_query(query: bytes, name: str, wanted: list[str]) -> None:
    request = Exchange(query=query).request
    assert request.queries(name) == wanted
    assert request.query(name) == (wanted[0] if wanted else None)


@pytest.mark.parametrize("query", [b"n=%FF", b"n=\xff", b"&".join([b"a=b"] * 100), "n=ü".encode()])
def test_a_query_that_cannot_be_read(query: bytes) -> None:
    with pytest.raises(BadRequest):
        Exchange(query=query).request.query("n")


async def gathered(exchange: Exchange) -> bytes:
    return b"".join([piece async for piece in exchange.request.body()])


@pytest.mark.parametrize(
    "body", [(b"",), (b"abc",), (b"a", b"", b"bc"), (b"", b"", b""), (b"x" * 100_000, b"y")], ids=repr
)
def test_a_body_comes_whole(body: tuple[bytes, ...]) -> None:
    exchange = Exchange("PUT", body=body)
    assert asyncio.run(gathered(exchange)) == b"".join(body)
    assert exchange.request.received == len(b"".join(body))


def test_a_client_that_goes_away_is_no_end_of_a_body() -> None:
    for body in ((None,), (b"a", None), (b"a", b"b", None)):
        with pytest.raises(ClientGone):
            asyncio.run(gathered(Exchange("PUT", body=body)))


def test_a_body_that_stalls_is_given_up() -> None:
    exchange = Exchange("PUT", body=(b"a", b"b"), idle=0.01)
    exchange._messages[-1]["more_body"] = True
    with pytest.raises(BodyTimeout):
        asyncio.run(gathered(exchange))
    assert exchange.request.received == 2


def test_only_the_client_is_timed() -> None:
    """What is done with a piece may take longer than the client may be silent."""

    async def slow() -> bytes:
        found = b""
        async for piece in Exchange("PUT", body=(b"a", b"b", b"c"), idle=0.005).request.body():
            found += piece
            await asyncio.sleep(0.02)
        return found

    assert asyncio.run(slow()) == b"abc"


def test_a_cancelled_request_is_no_timeout() -> None:
    async def main() -> None:
        exchange = Exchange("PUT", body=(b"a", b"b"))
        exchange._messages[-1]["more_body"] = True
        task = asyncio.create_task(gathered(exchange))
        while exchange.left:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())


def whole(limit: int, *body: bytes | None, length: bytes | None = None) -> tuple[bytes | None, Exchange]:
    headers = (HOST,) if length is None else (HOST, (b"content-length", length))
    exchange = Exchange("PUT", body=body, headers=headers)
    exchange.request.read_headers()
    return asyncio.run(exchange.request.whole_body(limit)), exchange


def test_a_whole_body_is_bounded_with_a_length_and_without() -> None:
    assert whole(3, b"abc")[0] == b"abc"
    assert whole(3, b"a", b"b", b"c", length=b"3")[0] == b"abc"
    assert whole(0, b"")[0] == b""
    found, exchange = whole(3, b"abcd", length=b"4")
    assert (found, exchange.left) == (None, 1), "what is said to be too large is not read"
    found, exchange = whole(3, b"ab", b"cd", b"ef")
    assert (found, exchange.left) == (None, 1), "what is too large is not read to its end"


@pytest.mark.parametrize(
    ("method", "headers", "left"),
    [
        ("PUT", (), 0),
        ("PUT", ((b"content-length", b"6"),), 0),
        ("PUT", ((b"content-length", b"99999999"),), 2),
        ("PUT", ((b"content-length", b"9" * 40),), 2),
        ("PUT", ((b"content-length", b"x"),), 2),
        ("PUT", ((b"expect", b"100-continue"),), 2),
        ("GET", (), 2),
        ("HEAD", (), 2),
    ],
)
def test_a_small_body_is_read_before_it_is_refused(method: str, headers: tuple[Pair, ...], left: int) -> None:
    exchange = Exchange(method, headers=(HOST, *headers), body=(b"abc", b"def"))
    exchange.request.read_headers()
    asyncio.run(exchange.request.drain())
    assert exchange.left == left


def test_draining_ends_with_the_client_and_with_patience() -> None:
    for exchange in (Exchange("PUT", body=(b"a", None)), Exchange("PUT", body=(), idle=0.01)):
        asyncio.run(exchange.request.drain())
    many = Exchange("PUT", body=[b"x" * (1 << 20)] * 20)
    asyncio.run(many.request.drain())
    assert many.left > 5, "an endless body is not read"
