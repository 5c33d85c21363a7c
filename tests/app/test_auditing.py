"""Checkpoints leave the database: into the log, a file, a bucket; a place that refuses stops nothing."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from tests.object_servers import bucket

from holdfast.access.auditing.keys import parse
from holdfast.app.auditing import Elsewhere
from holdfast.blobs.bucket import Bucket
from holdfast.blobs.object_url import parse_bucket_url
from holdfast.journal.chain import Checkpoint

HASH = "ab" * 32


class Said:
    """A logger that remembers."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str, dict[str, Any]]] = []

    def info(self, event: str, **fields: Any) -> None:
        self.lines.append(("info", event, fields))

    def warning(self, event: str, **fields: Any) -> None:
        self.lines.append(("warning", event, fields))

    def error(self, event: str, **fields: Any) -> None:
        self.lines.append(("error", event, fields))


def checkpoint(number: int) -> Checkpoint:
    text = json.dumps({"segment": number, "pos": number * 10, "hash": HASH})
    return Checkpoint(number, text, bytes(64), "kid", 1)


def test_a_line_for_each_in_the_log_and_the_file(tmp_path: Path) -> None:
    said, file = Said(), tmp_path / "checkpoints"

    async def scenario() -> None:
        places = Elsewhere(file, None, said)
        for number in (1, 2):
            await places.put(checkpoint(number))

    asyncio.run(scenario())
    lines = file.read_text().splitlines()
    assert [json.loads(parse(line).text)["segment"] for line in lines] == [1, 2]
    assert file.stat().st_mode & 0o777 == 0o600
    assert [(level, event) for level, event, _ in said.lines] == [("info", "audit checkpoint")] * 2
    assert said.lines[0][2] == {"segment": 1, "pos": 10, "hash": HASH, "checkpoint": lines[0]}


def test_a_place_that_refuses_is_told_and_stops_nothing(tmp_path: Path) -> None:
    said = Said()
    unreachable = "s3://nobody/here?endpoint=http://127.0.0.1:1&region=x"

    async def scenario() -> None:
        await Elsewhere(tmp_path / "no" / "such" / "directory", unreachable, said).put(checkpoint(1))

    asyncio.run(scenario())
    assert [event for _, event, _ in said.lines] == [
        "audit checkpoint",
        "audit checkpoint not written",
        "audit checkpoint not sent",
    ]


def test_an_object_for_each_that_no_later_one_replaces(monkeypatch: pytest.MonkeyPatch) -> None:
    made = bucket()
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    said = Said()

    async def scenario() -> list[tuple[str, bytes]]:
        places = Elsewhere(None, made.url, said)
        for one in (checkpoint(1), checkpoint(2), checkpoint(2)._replace(text=checkpoint(2).text.replace("ab", "cd"))):
            await places.put(one)
        address = parse_bucket_url(made.url)
        kept = Bucket(address)
        names = [name for page in [page async for page in kept.pages(address.prefix)] for name in page]
        return [(name, await kept.get(name)) for name in sorted(names)]

    found = asyncio.run(scenario())
    assert [event for _, event, _ in said.lines] == ["audit checkpoint"] * 3
    assert [name.rpartition("/")[2] for name, _ in found] == [
        f"checkpoint-{number:012}-{word * 8}.jws" for number, word in ((1, "ab"), (2, "ab"), (2, "cd"))
    ]
    assert [json.loads(parse(line.decode()).text)["segment"] for _, line in found] == [1, 2, 2]
