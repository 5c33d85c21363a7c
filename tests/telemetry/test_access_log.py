"""One request is one line of JSON, whatever is in it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from holdfast.telemetry.access_log import Access, AccessLog

USUAL = Access("id-1", "192.0.2.1", "admin", "GET", "/v2/a/manifests/v1", 200, 123, 45, 0.0123456, "docker/27")
NASTY = ["\r\n", "\x1b[31m", "\0", '"', "\\", '","status":999,"x":"', "\u2028", "ü😀", "\x7f", "\ud800", "=1+1"]


def lines(*accesses: Access) -> list[str]:
    """What is written for requests."""
    written: list[str] = []

    async def main() -> None:
        log = AccessLog(written.append)
        for access in accesses:
            log.add(access)
        log.flush()

    asyncio.run(main())
    return "".join(written).splitlines(keepends=True)


def parsed(access: Access) -> dict[str, Any]:
    (line,) = lines(access)
    found: dict[str, Any] = json.loads(line)
    return found


def test_a_line_holds_what_is_known() -> None:
    found = parsed(USUAL)
    assert found.pop("at") > 1.7e9
    assert found == {
        "event": "request",
        "request": "id-1",
        "remote": "192.0.2.1",
        "subject": "admin",
        "method": "GET",
        "path": "/v2/a/manifests/v1",
        "status": 200,
        "sent": 123,
        "received": 45,
        "ms": 12.35,
        "agent": "docker/27",
    }


def test_a_line_names_its_trace_where_there_is_one() -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    found, plain = parsed(USUAL._replace(trace=trace)), parsed(USUAL)
    assert found.pop("trace") == trace
    assert found.keys() == plain.keys()


@pytest.mark.parametrize("text", NASTY, ids=ascii)
@pytest.mark.parametrize("field", ["path", "agent", "subject", "remote", "method"])
def test_what_a_client_sends_stays_inside_its_field(field: str, text: str) -> None:
    access = USUAL._replace(**{field: f"a{text}b"})  # type: ignore[arg-type]
    (line,) = lines(access)
    assert line.isascii()
    assert line.removesuffix("\n").isprintable()
    wanted = f"a{text}b"[:16] if field == "method" else f"a{text}b"
    assert json.loads(line) == {**parsed(USUAL), "at": json.loads(line)["at"], field: wanted}


@pytest.mark.parametrize("field", ["path", "agent", "subject"])
def test_a_field_is_cut(field: str) -> None:
    (line,) = lines(USUAL._replace(**{field: "\x00" * 70_000}))  # type: ignore[arg-type]
    assert len(json.loads(line)[field]) == 1024
    assert len(line) < 8192


def test_many_lines_are_written_in_few_batches_and_in_order() -> None:
    written: list[str] = []

    async def main() -> None:
        log = AccessLog(written.append)
        for number in range(5000):
            log.add(USUAL._replace(status=number))
        assert len(written) == 2, "a full buffer does not wait for the timer"
        log.flush()
        log.flush()

    asyncio.run(main())
    assert len(written) == 3
    assert [json.loads(line)["status"] for line in "".join(written).splitlines()] == list(range(5000))


def test_a_quiet_server_writes_its_lines_all_the_same() -> None:
    async def main() -> None:
        written = asyncio.Event()
        log = AccessLog(lambda text: written.set())
        for _ in range(2):
            log.add(USUAL)
            await asyncio.wait_for(written.wait(), 30)
            written.clear()

    asyncio.run(main())
