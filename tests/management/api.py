"""The management API as a test asks it: JSON in, JSON out, and what holds for every answer checked on every answer."""

from __future__ import annotations

import json
import re
from typing import Any

from tests.serving import Server
from tests.wire.client import Answer, Connection, basic

PREFIX = "/api/v1"
_ID = re.compile(r"[0-9a-f-]{10,30}")
_TYPE = re.compile(r"/problems/[a-z-]+")
_INSIDE = re.compile(
    r"traceback|line \d+, in|\.py\b|sqlite|apsw|asyncpg|granian|pydantic|fastapi|starlette|\bselect \w+ from"
    r"|insert into|/usr/|/tmp|/root|/home|\.db\b",
    re.IGNORECASE,
)
_NEVER = ("content-encoding", "set-cookie", "access-control-allow-origin", "server-timing")
_REQUIRED = {"type", "title", "status", "detail", "request_id"}
_OPTIONAL = {"fields", "refused", "allowed"}


def segment(name: str) -> str:
    """Give `name` as one segment of a path (RFC 6901)."""
    return name.replace("~", "~0").replace("/", "~1").replace("+", "%2B")


def wrong_with(answer: Answer) -> list[str]:
    """Give what is wrong with an answer of the API; empty when nothing is."""
    found = [f"{name}: {answer.all(name)}" for name in _NEVER if answer.all(name)]
    if answer.all("x-content-type-options") != ["nosniff"] or answer.all("cache-control") != ["no-store"]:
        found.append("it can be sniffed or kept")
    if len(answer.all("x-request-id")) != 1 or not _ID.fullmatch(answer["x-request-id"]):
        found.append("no request id")
    if answer.status >= 500:
        found.append(f"a status of {answer.status}")
    if answer.status == 204 and answer.body:
        found.append("a body after 204")
    if answer.status == 405 and not answer.header("allow"):
        found.append("405 without Allow")
    if answer.status == 401 and not answer.header("www-authenticate"):
        found.append("401 without a challenge")
    if answer.status < 400:
        if answer.body and answer["content-type"] != "application/json":
            found.append("no JSON")
    elif answer.method != "HEAD":
        found += _wrong_with_problem(answer)
    return found


def _wrong_with_problem(answer: Answer) -> list[str]:
    if answer["content-type"] != "application/problem+json":
        return ["a refusal that is no problem"]
    found = []
    problem = answer.json
    if not set(problem) >= _REQUIRED or not set(problem) <= _REQUIRED | _OPTIONAL:
        found.append(f"members {sorted(problem)}")
    if problem.get("status") != answer.status or problem.get("request_id") != answer["x-request-id"]:
        found.append("another status or request id in the body")
    if not _TYPE.fullmatch(problem.get("type", "")) or not 0 < len(problem.get("detail", "")) <= 1024:
        found.append("no type, or no detail of a bounded length")
    if _INSIDE.search(answer.body.decode()):
        found.append("something of the inside")
    return found


class Asker:
    """Asks as one caller. `authorization`: the header, '' for none."""

    def __init__(self, server: Server, authorization: str = "") -> None:
        self.server = server
        self.connection = Connection(server.port, {"Authorization": authorization} if authorization else {})

    @classmethod
    def named(cls, server: Server, user: str, secret: str) -> Asker:
        """Ask as a user with a password, or by a key."""
        return cls(server, basic(user, secret))

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """Send a request below the prefix; `body` is sent as JSON, bytes as they are."""
        data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None:
            given.setdefault("Content-Type", "application/json")
        answer = self.connection.ask(method, PREFIX + path, data, given)
        wrong = wrong_with(answer)
        assert not wrong, f"{', '.join(wrong)} in {answer}"
        return answer

    def do(self, status: int, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Send a request that must be answered with `status`; gives the decoded body."""
        answer = self.ask(method, path, body, **headers)
        assert answer.status == status, answer
        return answer.json if answer.body else None

    def refused(self, kind: str, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Send a request that must be refused by the problem of this type; gives the problem."""
        answer = self.ask(method, path, body, **headers)
        assert answer.status >= 400, answer
        assert answer.json["type"] == f"/problems/{kind}", answer
        return answer.json

    def items(self, path: str, limit: int = 100) -> list[Any]:
        """Give every item of a list, page by page."""
        found: list[Any] = []
        after = ""
        for _ in range(10_000):
            joint = "&" if "?" in path else "?"
            page = self.do(200, "GET", f"{path}{joint}limit={limit}{after}")
            found += page["items"]
            if page["next"] is None:
                return found
            after = f"&after={page['next']}"
        raise AssertionError(f"{path} does not end")

    def close(self) -> None:
        """Let go of the connection."""
        self.connection.close()
