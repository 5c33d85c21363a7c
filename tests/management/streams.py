"""A stream of events as a client reads it: line by line, each wait bounded."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

SECONDS = 60.0


class Stream:
    """One stream. `place`: the last that it named; `comments`: what it said to people."""

    def __init__(self, answer: http.client.HTTPResponse) -> None:
        self.answer = answer
        self.status = answer.status
        self.place = -1
        self.comments: list[str] = []

    def event(self) -> dict[str, Any] | None:
        """The next event; None at the end of the stream."""
        data = kind = ""
        while True:
            raw = self.answer.readline()
            if not raw:
                return None
            line = raw.decode().rstrip("\n")
            name, _, value = line.partition(": ")
            if name == "id":
                self.place = int(value)
            elif name == "event":
                kind = value
            elif name == "data":
                data = value
            elif line.startswith(":"):
                self.comments.append(line.removeprefix(":").strip())
            elif not line and data:
                found: dict[str, Any] = json.loads(data)
                assert (found["type"], found["id"]) == (kind, str(self.place))
                return found

    def some(self, count: int) -> list[dict[str, Any]]:
        """The next events."""
        found = [self.event() for _ in range(count)]
        assert None not in found, "the stream ended"
        return [each for each in found if each is not None]

    def rest(self) -> list[dict[str, Any]]:
        """What still comes until it ends."""
        return list(iter(self.event, None))


@contextmanager
def streaming(port: int, authorization: str = "", place: int | None = None, **query: str) -> Iterator[Stream]:
    """Open a stream."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    headers = {"Authorization": authorization} if authorization else {}
    if place is not None:
        headers["Last-Event-ID"] = str(place)
    fields = "&".join(f"{name}={quote(value)}" for name, value in query.items())
    try:
        connection.request("GET", f"/api/v1/events/stream?{fields}", headers=headers)
        with connection.getresponse() as answer:
            yield Stream(answer)
    finally:
        connection.close()
