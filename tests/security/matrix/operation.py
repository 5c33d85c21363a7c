"""What a row of the matrix of the management API says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Operation(NamedTuple):
    """One operation of the API. `path`, `body`: with `{names}` of things that are made afresh (administration.py);
    `done`: the status when it may be done; `refused`: when it may not."""

    id: str
    method: str
    path: str
    rule: str
    body: Mapping[str, object] | None = None
    done: int = 200
    refused: int = 403
    sees: str = ""
