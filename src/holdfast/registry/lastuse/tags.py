"""The tags of a repository as people look at them: what each is, how large, when it was pushed and pulled last.

Promises: a page costs the same in any repository, by name or by version; a tag that is there all the while is seen
exactly once; nothing is told of a tag that the caller may not be told of.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from holdfast.access.model import PathPermit
from holdfast.access.policy.decide import TagRights
from holdfast.access.policy.model import Action
from holdfast.access.standing import check_reading
from holdfast.db.port import Database, Reader
from holdfast.oci.name import RepositoryName, signed_digest
from holdfast.oci.version import version_key
from holdfast.registry.lastuse import store
from holdfast.registry.lastuse.tracking import last_pulls, tracked_since
from holdfast.registry.reach.showing import unseen

_CHUNK = 500
_CHUNKS = 20
_DEEP = 4
_HIGHEST = "\x7f"


class ToldTag(NamedTuple):
    """A tag. `size`: of all its parts, each once (bytes); times are microseconds; `pulled_at` None: not since use is
    known."""

    name: str
    digest: str
    media_type: str
    size: int
    pushed_at: int
    pulled_at: int | None


class TagPage(NamedTuple):
    """Tags, the name to go on after (None: at the end), and since when use is known (None: it is not)."""

    tags: list[ToldTag]
    next: str | None
    tracked_since: int | None


class TagList:
    """Lists of tags with what is known of each."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def page(
        self, permit: PathPermit, repository: RepositoryName, *, by_version: bool, after: str, limit: int
    ) -> TagPage:
        """At most `limit` tags after one, in the order of their names, or from the highest version down. A page may be
        shorter and still have a next one. Raises `RepositoryUnknown`, `Denied`, `StalePermit`."""
        rights = _told_of(permit, repository)

        async def read(reader: Reader) -> TagPage:
            await check_reading(reader, permit)
            row = next(iter(await reader.all(store.REPOSITORIES, paths=[repository])), None)
            if row is None:
                raise unseen(repository)
            chosen, last = await _chosen(reader, rights, row.id, by_version=by_version, after=after, limit=limit)
            sizes = await _sizes(reader, row.id, {each.content_id: each.size for each in chosen})
            pulled, _ = await last_pulls(reader, row.id, {each.name: each.content_id for each in chosen})
            told = [
                ToldTag(
                    each.name,
                    each.digest,
                    each.media_type or "",
                    sizes[each.content_id],
                    each.pushed_at,
                    pulled.get(each.name),
                )
                for each in chosen
            ]
            return TagPage(told, last, await tracked_since(reader))

        return await self._db.snapshot(read)


def _told_of(permit: PathPermit, repository: RepositoryName) -> TagRights:
    """Which tags the caller may be told of. Raises `RepositoryUnknown`, `Denied`."""
    if not permit.shows(repository):
        raise unseen(repository)
    listing = permit.tags(Action.LIST, repository)
    rights = listing if listing.everything else permit.tags(Action.PULL, repository)
    if rights.nothing:
        raise rights.refuse()
    return rights


async def _chosen(
    reader: Reader, rights: TagRights, repo_id: int, *, by_version: bool, after: str, limit: int
) -> tuple[list[store.ListedRow], str | None]:
    """The tags of a page that may be told, and the name to go on after."""
    found: list[store.ListedRow] = []
    size = limit + 1 if rights.everything else _CHUNK
    for _ in range(_CHUNKS):
        if by_version:
            key = version_key(after) if after else _HIGHEST
            rows = await reader.all(store.LISTED_BY_VERSION, repo_id=repo_id, key=key, after=after, limit=size)
        else:
            rows = await reader.all(store.LISTED, repo_id=repo_id, after=after, limit=size)
        for row in rows:
            if len(found) == limit:
                return found, found[-1].name
            if rights.everything or (rights.allows(row.name) and signed_digest(row.name) is None):
                found.append(row)
        if len(rows) < size:
            return found, None
        after = rows[-1].name
        if rights.everything:
            break
    return found, after


async def _sizes(reader: Reader, repo_id: int, own: dict[int, int]) -> dict[int, int]:
    """The bytes of manifests with all their parts, each part once."""
    parts: dict[int, dict[int, int]] = {each: {each: size} for each, size in own.items()}
    owners: dict[int, set[int]] = {each: {each} for each in own}
    level: Sequence[int] = sorted(own)
    for _ in range(_DEEP):
        if not level:
            break
        below: set[int] = set()
        for row in await reader.all(store.PARTS, repo_id=repo_id, ids=level):
            for owner in owners[row.keeper_id]:
                parts[owner][row.kept_id] = row.size
            known = owners.setdefault(row.kept_id, set())
            if row.kind and not owners[row.keeper_id] <= known:
                known |= owners[row.keeper_id]
                below.add(row.kept_id)
        level = sorted(below)
    return {each: sum(found.values()) for each, found in parts.items()}
