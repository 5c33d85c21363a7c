"""What `holdfast audit` does with files: entries as CSV, checkpoints and archives held against the registry."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from holdfast.cli.client import Client, Problem
from holdfast.cli.spreadsheet import csv_lines

_COLUMNS = ("pos", "at", "actor", "kind", "path", "credential", "address", "agent", "request", "data")


def entry_lines(rows: Iterator[Mapping[str, Any]]) -> Iterator[str]:
    """The entries as lines of CSV."""
    return csv_lines(_COLUMNS, rows)


def checkpoint_faults(client: Client, file: Path) -> list[dict[str, Any]]:
    """Hold the last checkpoint of a file against the chain; when it does not fit, find the last one that does."""
    lines = list(_checkpoint_lines(file))
    if not lines:
        raise click.ClickException(f"{file} holds no checkpoint")
    findings = _checkpoint(client, lines[-1])
    if not findings:
        return []
    good, bad = -1, len(lines) - 1
    while bad - good > 1:
        middle = (good + bad) // 2
        if _checkpoint(client, lines[middle]):
            bad = middle
        else:
            good = middle
    said = "none of this file fits" if good < 0 else f"the last one of this file that fits is line {good + 1} of them"
    return [{"segment": each["segment"], "what": f"{each['what']} ({file}; {said})"} for each in findings]


def _checkpoint(client: Client, line: str) -> list[dict[str, Any]]:
    try:
        found: list[dict[str, Any]] = client.post("/audit/check-checkpoint", {"checkpoint": line})["findings"]
    except Problem as problem:
        if problem.status not in {400, 422}:
            raise
        return [{"segment": 0, "what": problem.detail}]
    return found


def _checkpoint_lines(file: Path) -> Iterator[str]:
    """The checkpoints of a file: bare lines, or lines of the log."""
    with file.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            text = line.strip()
            if text.startswith("{"):
                try:
                    text = json.loads(text).get("checkpoint", "")
                except ValueError:
                    continue
            if isinstance(text, str) and text.count(".") == 2 and " " not in text:
                yield text


def known_hashes(client: Client) -> dict[int, str]:
    """The hash of every segment that the registry knows."""
    return {each["n"]: each["hash"] for each in client.pages("/audit/hashes")}


def archive_faults(file: Path, hashes: Mapping[int, str] | None) -> list[dict[str, Any]]:
    """What is wrong with an archive: by itself, and against the hashes of the registry."""
    from holdfast.journal.chain import Segment, head_hash, lines_hash

    found: list[dict[str, Any]] = []
    previous = ""
    with file.open(encoding="ascii", errors="replace") as lines:
        for line in lines:
            try:
                kept = json.loads(line)
                number = int(kept["n"])
                rows_hash = bytes.fromhex(kept["rows_hash"])
                segment = Segment(number, kept["first_pos"], kept["last_pos"], rows_hash, b"", kept["sealed_at"])
                begins = bytes.fromhex(kept["previous"]) or bytes(32)
                faults = [
                    "its rows are not those that were sealed" if lines_hash(kept["rows"]) != rows_hash else "",
                    "its hash is wrong" if head_hash(segment, begins).hex() != kept["hash"] else "",
                    "it does not follow the line before" if previous and kept["previous"] != previous else "",
                    "the registry has another hash"
                    if hashes is not None and hashes.get(number) != kept["hash"]
                    else "",
                ]
                previous = kept["hash"]
            except (ValueError, KeyError, TypeError):
                number, faults = 0, ["a line is no segment"]
            found += [{"segment": number, "what": f"{fault} ({file})"} for fault in faults if fault]
    return found
