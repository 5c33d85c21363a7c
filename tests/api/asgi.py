"""The frame around rooms of a test, asked in this process: what went out, and what was told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.databases import lay_database, open_at

from holdfast.access.errors import Denied
from holdfast.access.model import Identity
from holdfast.access.service import Access
from holdfast.api.frame import Frame, Gate
from holdfast.api.framing import Message
from holdfast.api.routing import Routes
from holdfast.journal.model import Origin
from holdfast.telemetry.access_log import AccessLog
from holdfast.telemetry.meters import Meters
from holdfast.telemetry.surface import Telemetry

HOST = (b"host", b"registry.example.com")
JSON = (b"content-type", b"application/json")


@dataclass
class Told:
    """What the frame told: events, access lines, refusals."""

    events: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    lines: list[dict[str, Any]] = field(default_factory=list)
    denied: list[tuple[str, str]] = field(default_factory=list)

    def info(self, event: str, **fields: Any) -> None:
        """Keep an event."""
        self.events.append(("info", event, fields))

    def warning(self, event: str, **fields: Any) -> None:
        """Keep an event."""
        self.events.append(("warning", event, fields))

    def error(self, event: str, **fields: Any) -> None:
        """Keep an event."""
        self.events.append(("error", event, fields))

    def write(self, text: str) -> None:
        """Keep access lines."""
        self.lines += [json.loads(line) for line in text.splitlines()]

    def refused(self, who: Identity, origin: Origin, error: Denied) -> None:
        """Keep a refusal."""
        self.denied.append((origin.request, str(error)))


@dataclass
class Given:
    """What a request got."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The decoded body."""
        return json.loads(self.body)


@dataclass
class House:
    """A frame with `--open` around the rooms of a test."""

    frame: Frame
    told: Told
    telemetry: Telemetry
    meters: Meters

    async def ask(
        self,
        method: str,
        path: str,
        body: Sequence[bytes | None] = (b"",),
        *,
        headers: Sequence[tuple[bytes, bytes]] = (HOST, JSON),
        raw: bytes | None = None,
    ) -> Given:
        """Send a request; its body comes in these messages, None is a client that leaves."""
        messages: list[Message] = [
            {"type": "http.disconnect"}
            if piece is None
            else {"type": "http.request", "body": piece, "more_body": number < len(body) - 1}
            for number, piece in enumerate(body)
        ]
        sent: list[Message] = []

        async def receive() -> Message:
            if messages:
                return messages.pop(0)
            await asyncio.Event().wait()
            raise AssertionError("nobody sets this event")

        async def send(message: Message) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "method": method,
            "path": path.partition("?")[0],
            "raw_path": raw if raw is not None else path.partition("?")[0].encode(),
            "query_string": path.partition("?")[2].encode(),
            "headers": list(headers),
            "http_version": "1.1",
            "root_path": "",
            "scheme": "http",
            "server": ("127.0.0.1", 80),
            "client": ("192.0.2.7", 1),
        }
        await self.frame(scope, receive, send)
        self.telemetry.access_log.flush()
        start, *rest = sent
        fields = {name.decode(): value.decode() for name, value in start["headers"]}
        return Given(start["status"], fields, b"".join(each.get("body", b"") for each in rest))


async def house(tmp_path: Path, *rooms: Routes, idle: float = 30.0) -> House:
    """Make a frame around `rooms`."""
    told = Told()
    meters = Meters()
    telemetry = Telemetry(told, AccessLog(told.write), lambda scope: str(scope["client"][0]), meters)
    access = Access(await open_at(lay_database(str(tmp_path / "api.db"))), open_to_all=True)
    gate = Gate(access, lambda scope, error: b'Bearer realm="here"', told.refused)
    return House(Frame(gate, telemetry, list(rooms), idle=idle), told, telemetry, meters)
