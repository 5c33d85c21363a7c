"""Appending to the journal, inside the unit that makes the change."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import takewhile
from typing import NamedTuple

from holdfast.db.port import Unit
from holdfast.journal.model import ChangeKind, Origin
from holdfast.journal.store import APPEND

_PATHS = ("namespace", "home", "path", "repository", "scope")


class Place(NamedTuple):
    """Where and when in a repository's history: its id, its seq, and a time that never goes back (microseconds)."""

    repo_id: int
    seq: int
    at: int


async def record(
    unit: Unit,
    kind: ChangeKind,
    place: Place,
    *,
    actor: str,
    origin: Origin,
    data: dict[str, object],
    path: str | None = None,
) -> None:
    """Append one change. `data` is small, holds no secret, and is kept as JSON with sorted keys. `path`: the repository
    or namespace that the change belongs to; without one the repository of `place` tells it when the row is sealed."""
    known = {name: value for name, value in zip(origin._fields[1:], origin[1:], strict=True) if value}
    await unit.run(
        APPEND,
        repo_id=place.repo_id,
        seq=place.seq,
        at=place.at,
        actor=actor,
        request=origin.request,
        kind=str(kind),
        data=_json(data),
        origin=_json(known) if known else None,
        path=path,
    )


async def note(
    unit: Unit,
    kind: ChangeKind,
    *,
    actor: str,
    origin: Origin,
    data: dict[str, object],
    path: str | None = None,
) -> None:
    """Append a change that is not one repository's. `path`: the namespace or repository that it belongs to, whose
    auditors may read it; '' is the installation as a whole. Without one it is read from `data`: its `namespace`,
    `home`, `path`, `repository` or `scope`, up to the first segment with a wildcard."""
    await record(
        unit,
        kind,
        Place(0, 0, unit.now),
        actor=actor,
        origin=origin,
        data=data,
        path=_told(data) if path is None else path,
    )


def _told(data: Mapping[str, object]) -> str:
    """The path that `data` speaks of; '' where it speaks of none."""
    for name in _PATHS:
        value = data.get(name)
        if isinstance(value, str):
            repository = value.partition(":")[0]
            return "/".join(takewhile(lambda segment: "*" not in segment, repository.split("/")))
    return ""


def _json(value: Mapping[str, object]) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
