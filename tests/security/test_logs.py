"""One request is one line of the log, and whatever it carries stays inside its field."""

from __future__ import annotations

import json
import time
from typing import Any

from tests.serving import Server, pause
from tests.wire.client import Connection

SECONDS = 20.0
LINE = 16 << 10
"""The longest line that a request may make, in bytes."""

PATHS = (
    *(
        "%0d%0aFORGED%20line",
        "%0a%7b%22event%22:%22request%22%7d",
        "%00",
        "%1b%5b31mred",
        "%22,%22status%22:200,%22x%22:%22",
    ),
    *(
        "%5c%22",
        "%5cn",
        "%e2%80%a8",
        "%e2%80%ae",
        "%ff%fe",
        "%ed%a0%80",
        "%c2%85",
        "%7f",
        "%3cscript%3e",
        "%f0%9f%9a%a2",
    ),
    *(
        "'",
        "%25s%25d",
        "${jndi:ldap://a}",
        "=cmd|'%20/C%20calc'!A0",
        "@SUM(1)",
        "a" * 60_000,
        "%0a" * 15_000,
        "%c3%a9" * 9000,
    ),
)
AGENTS = (
    *('"}', '\\"', "\\", "\t", "\x1b[31m", "\x7f", "\xe9\xff", "=1+1", "%0d%0a", "a" * 20_000, "\\u000a", "\x80\x85"),
    '","status":200,"agent":"honest',
)


def lines(server: Server, ids: set[str]) -> dict[str, dict[str, Any]]:
    """The line of each of these request ids; every line of the log is one object of printable ASCII."""
    deadline = time.monotonic() + SECONDS
    while True:
        text = (server.logs / "serve.err").read_bytes().decode("utf-8")
        if all(f'"request":"{name}"' in text for name in ids) or time.monotonic() > deadline:
            break
        pause(0.05)
    found: dict[str, dict[str, Any]] = {}
    for line in text.split("\n"):
        if not line:
            continue
        assert line.isascii()
        assert line.isprintable()
        assert len(line) < LINE
        fields = json.loads(line)
        name = fields.get("request")
        if name in ids:
            assert name not in found, "one request is one line"
            found[name] = fields
    assert set(found) == ids
    return found


def test_a_path_stays_inside_its_field(open_server: Server, open_sown: Connection) -> None:
    asked = {}
    for text in PATHS:
        answer = open_sown.ask("GET", f"/v2/logs/{text}/manifests/v1")
        assert answer.status in (400, 404)
        asked[answer["x-request-id"]] = answer.status
    honest = open_sown.ask("GET", "/v2/")["x-request-id"]
    found = lines(open_server, {*asked, honest})
    keys = set(found.pop(honest))
    for name, line in found.items():
        assert line["status"] == asked[name]
        assert line["path"].startswith("/v2/logs/")
        assert len(line["path"]) <= 1024
        assert set(line) == keys


def test_an_agent_stays_inside_its_field(open_server: Server, open_sown: Connection) -> None:
    asked = {}
    for text in AGENTS:
        answer = open_sown.ask("GET", "/v2/", headers={"User-Agent": text})
        if answer.header("x-request-id") is None:
            assert answer.status == 400, "the HTTP layer takes no such header"
            continue
        assert answer.status == 200
        asked[answer["x-request-id"]] = text.strip("\t")[:1024]
    assert len(asked) >= 8
    for name, line in lines(open_server, set(asked)).items():
        assert (line["agent"], line["status"]) == (asked[name], 200)


def test_methods_and_addresses_stay_inside_their_fields(open_server: Server, open_sown: Connection) -> None:
    name = open_sown.ask("M" * 500, "/v2/", headers={"X-Forwarded-For": '1.2.3.4", "status": 200'})["x-request-id"]
    line = lines(open_server, {name})[name]
    assert (line["method"], line["status"], line["remote"]) == ("M" * 16, 405, "127.0.0.1")


def test_a_query_is_not_logged(open_server: Server, open_sown: Connection) -> None:
    answer = open_sown.ask("GET", "/v2/?token=Planted-In-A-Query")
    lines(open_server, {answer["x-request-id"]})
    assert "Planted-In-A-Query" not in open_server.log_text()
