"""What a request about history speaks of: a tag, a repository, or all repositories below a path, as far as the caller
may see them.

Promises: a repository that is hidden from the caller is answered as one that is not there, and takes no part in what is
asked of a namespace; tags that he may not be told of do not either.
"""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from holdfast.access.model import PathPermit
from holdfast.db.port import Reader
from holdfast.oci.name import RepositoryName, Tag
from holdfast.registry.errors import RepositoryUnknown
from holdfast.registry.history import store
from holdfast.registry.history.store import RepositoryRow
from holdfast.registry.reach.showing import may_tell

_PIECE = 1000
_EVERYWHERE = "**"
_BELOW = "/**"


class Target(NamedTuple):
    """`path`: a repository or namespace ('': everything); `tag`: one of its tags; `below`: the repository and all that
    is below it, even where there is a repository of that name."""

    path: str
    tag: str | None = None
    below: bool = False

    def __str__(self) -> str:
        if self.tag is not None:
            return f"{self.path}:{self.tag}"
        if self.below:
            return self.path + _BELOW if self.path else _EVERYWHERE
        return self.path


def read_target(text: str) -> Target:
    """`shop/web:v1`, `shop/web`, `shop`, `shop/**` (all below), `**`. Raises `NameInvalid`, `TagInvalid`."""
    if text in ("", _EVERYWHERE):
        return Target("", None, True)
    if text.endswith(_BELOW):
        return Target(RepositoryName.parse(text.removesuffix(_BELOW)), None, True)
    path, colon, tag = text.partition(":")
    return Target(RepositoryName.parse(path), Tag.parse(tag) if colon else None)


async def one_repository(reader: Reader, permit: PathPermit, path: str) -> RepositoryRow:
    """The repository called `path`. Raises `RepositoryUnknown`, `Denied` where none of its tags may be told."""
    row = await _seen(reader, permit, path)
    if row is None:
        raise RepositoryUnknown("there is no such repository", name=path)
    rights = may_tell(permit, path)
    if rights.nothing:
        raise rights.refuse()
    return row


async def _seen(reader: Reader, permit: PathPermit, path: str) -> RepositoryRow | None:
    if not permit.shows(path):
        return None
    return await reader.one(store.REPOSITORY, path=path)


async def repositories(
    reader: Reader, permit: PathPermit, target: Target, since: int, *, alone: bool = True
) -> list[RepositoryRow]:
    """The repositories of `target` that changed after `since` and whose tags may be told, in order of their names: one,
    or all below a namespace. `alone`: others may have their turn between two pieces; not inside a unit.

    Raises `RepositoryUnknown` where the caller sees none, `Denied`.
    """
    if target.tag is not None or not target.below:
        row = await _seen(reader, permit, target.path)
        if row is not None:
            return [await one_repository(reader, permit, target.path)] if row.last_at > since else []
        if target.tag is not None:
            raise RepositoryUnknown("there is no such repository", name=target.path)
    found = await _below(reader, permit, target, since, alone=alone)
    if not found and not (since and await _below(reader, permit, target, 0, alone=alone, most=1)):
        raise RepositoryUnknown("there is no such repository, and none below it", name=str(target))
    return found


async def _below(
    reader: Reader, permit: PathPermit, target: Target, since: int, *, alone: bool, most: int | None = None
) -> list[RepositoryRow]:
    found: list[RepositoryRow] = []
    shown = permit.rights.shown(permit.here)
    last, high = (target.path + "/", target.path + "0") if target.path else ("", "\x7f")
    if target.path and target.below:
        row = await _seen(reader, permit, target.path)
        found += [row] if row is not None and row.last_at > since and not may_tell(permit, row.path).nothing else []
    rows = [RepositoryRow(0, last, 0, 0)]
    while rows and (most is None or len(found) < most):
        rows = await reader.all(store.REPOSITORIES, last=rows[-1].path, high=high, since=since, limit=_PIECE)
        found += [row for row in rows if shown.shows(row.path) and not may_tell(permit, row.path).nothing]
        if alone:
            await asyncio.sleep(0)
    return found
