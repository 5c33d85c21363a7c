"""The chain over the journal: what a row, a segment and a checkpoint are the hash of. Pure.

A row is one line of JSON, a list of its fields in the order of `SealedRow`; a segment's `rows_hash` is the SHA-256 of
its lines, each ended by a line feed. The segment's `hash` is the SHA-256 of the JSON object that `head_text` gives, in
which the hash of the segment before stands. A checkpoint is the JSON object that `checkpoint_text` gives, signed. All
JSON has ASCII characters only, sorted keys, and no space.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import NamedTuple

BEGINNING = bytes(32)
"""The hash before the first segment."""


class SealedRow(NamedTuple):
    """A row of the journal that has its place. `data` and `origin` are the texts that stand in the database."""

    pos: int
    id: int
    repo_id: int | None
    seq: int | None
    at: int
    actor: str
    request: str
    kind: str
    data: str
    origin: str | None
    path: str | None


class Segment(NamedTuple):
    """A link of the chain: the rows from `first_pos` to `last_pos`; since `archived_at` they are kept elsewhere."""

    n: int
    first_pos: int
    last_pos: int
    rows_hash: bytes
    hash: bytes
    sealed_at: int
    archived_at: int | None = None


class Checkpoint(NamedTuple):
    """The head of the chain, signed: `text` as it was signed, the signature, and the name of the key."""

    n: int
    text: str
    signature: bytes
    kid: str
    made_at: int


def row_line(row: SealedRow) -> str:
    """The line that a row is hashed and archived as."""
    return _json(list(row))


def rows_hash(rows: Iterable[SealedRow]) -> bytes:
    """The hash of the rows of a segment."""
    return lines_hash(map(row_line, rows))


def lines_hash(lines: Iterable[str]) -> bytes:
    """The hash of the lines of a segment."""
    whole = hashlib.sha256()
    for line in lines:
        whole.update(line.encode())
        whole.update(b"\n")
    return whole.digest()


def head_text(segment: Segment, previous: bytes) -> str:
    """What the hash of a segment is the hash of; `previous`: the hash of the segment before."""
    return _json(
        {
            "n": segment.n,
            "first_pos": segment.first_pos,
            "last_pos": segment.last_pos,
            "rows": segment.rows_hash.hex(),
            "previous": previous.hex(),
            "sealed_at": segment.sealed_at,
        }
    )


def head_hash(segment: Segment, previous: bytes) -> bytes:
    """The hash of a segment."""
    return hashlib.sha256(head_text(segment, previous).encode()).digest()


def checkpoint_text(installation: str, segment: Segment, at: int) -> str:
    """What a checkpoint says of the segment that is the head of the chain."""
    return _json(
        {
            "installation": installation,
            "segment": segment.n,
            "pos": segment.last_pos,
            "hash": segment.hash.hex(),
            "at": at,
        }
    )


def _json(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
