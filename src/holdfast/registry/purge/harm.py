"""What a purge breaks: told before, as far as the caller may be told; nothing is changed here."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.access.model import PathPermit
from holdfast.access.policy.model import Action
from holdfast.db.port import Reader
from holdfast.registry.purge import store

TOLD = 100
_PAGE = 500


class Named(NamedTuple):
    """A tag, or a manifest, of a repository."""

    repository: str
    name: str


class Harm(NamedTuple):
    """What a purge breaks: the content, how many repositories show it (`shown_in`), and, as far as the caller may be
    told, which (`repositories`), the tags on it, the manifests that name it as a part, and those that refer to it. At
    most 100 of each; `hidden`: more is out of sight, or beyond that."""

    digest: str
    size: int
    shown_in: int
    repositories: tuple[str, ...]
    tags: tuple[Named, ...]
    users: tuple[Named, ...]
    referrers: tuple[Named, ...]
    hidden: bool


async def count(reader: Reader, content_id: int) -> int:
    """How many repositories show content."""
    found = after = 0
    while True:
        rows = await reader.all(store.REPOSITORIES, content_id=content_id, after=after, limit=_PAGE)
        found += len(rows)
        if len(rows) < _PAGE:
            return found
        after = rows[-1].id


async def harm_of(reader: Reader, permit: PathPermit, target: store.TargetRow) -> Harm:
    """What purging `target` breaks."""
    id = target.content_id
    shown = permit.rights.shown(permit.here)
    repositories = [row.path for row in await reader.all(store.REPOSITORIES, content_id=id, after=0, limit=_PAGE)]
    tags = [
        row
        for row in await reader.all(store.TAGS, content_id=id, limit=_PAGE)
        if permit.tags(Action.PULL, row.path).allows(row.name) or permit.tags(Action.LIST, row.path).everything
    ]
    users = [row for row in await reader.all(store.USERS, content_id=id, limit=_PAGE) if not row.refers]
    referrers = await reader.all(store.REFERRERS, content_id=id, limit=_PAGE)
    seen = [path for path in repositories if shown.shows(path)]
    whole = {path for path in seen if permit.tags(Action.PULL, path).everything}
    named = [[Named(row.path, row.digest) for row in rows if row.path in whole] for rows in (users, referrers)]
    return Harm(
        target.digest,
        target.size,
        await count(reader, id),
        tuple(sorted(seen)[:TOLD]),
        tuple(Named(row.path, row.name) for row in tags[:TOLD]),
        tuple(named[0][:TOLD]),
        tuple(named[1][:TOLD]),
        len(seen) < len(repositories)
        or len(named[0]) < len(users)
        or len(named[1]) < len(referrers)
        or max(len(seen), len(tags), *map(len, named)) > TOLD,
    )
