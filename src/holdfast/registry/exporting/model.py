"""A list as a file, as values."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

MOST_ROWS = 100_000
"""The most rows of a file."""
MOST_BYTES = 16 << 20
"""The most bytes of a file."""
MOST_FILES = 5
"""How many of an account are kept: a further one takes the place of the oldest."""
KEPT = 86_400 * 1_000_000
"""How long a file is kept, microseconds."""


class Listed(StrEnum):
    """What lists there are."""

    TAGS = "tags"
    REPOSITORIES = "repositories"
    STORAGE = "storage"
    USERS = "users"
    HISTORY = "history"


class Wanted(NamedTuple):
    """Which list: of a `path` ('': everything); `query`: the filter of the list, and its `sort` as pages write it."""

    listed: Listed
    path: str
    query: dict[str, object]
    sort: str = ""


class Export(NamedTuple):
    """A file. `rows`, `size`: None while it is being written; `whole`: it holds all of the list, not only the first
    `MOST_ROWS` rows or `MOST_BYTES`; `why`: it was
    refused, and why, '' it was not; `job`: what writes it; `until`: when it goes, microseconds."""

    id: int
    listed: Listed
    path: str
    rows: int | None
    size: int
    whole: bool
    why: str
    job: int
    made_at: int
    until: int
