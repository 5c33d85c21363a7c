"""The walk up from content: through what lists it, its subject, and what a tag of it belongs to.

Promises: every content is visited once, whatever cycles, chains and diamonds there are; at most `MOST` are looked at,
and then nothing is said but that there are more.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from holdfast.db.port import Reader
from holdfast.oci.name import signed_digest
from holdfast.registry.roots import store
from holdfast.registry.roots.facts import Window, facts_of, rooted_until
from holdfast.registry.roots.store import FactRow

MOST = 1000
_MANY = 10_000


class Around(NamedTuple):
    """A repository, by whom it is read, how far its history reaches back, and the time (microseconds)."""

    reader: Reader
    repo_id: int
    window: Window
    now: int

    async def facts(self, ids: Iterable[int]) -> dict[int, FactRow]:
        """What the repository knows of content."""
        return await facts_of(self.reader, self.repo_id, ids)

    def rooted_until(self, fact: FactRow) -> int:
        """Until when content is rooted by itself; see facts.py."""
        return rooted_until(fact, self.window, self.now)

    def holds(self, fact: FactRow) -> bool:
        """Whether content is rooted by itself, or waits for its time."""
        return self.rooted_until(fact) > 0 or (fact.due is not None and fact.due > self.now)

    async def keepers(self, facts: Iterable[FactRow], limit: int) -> tuple[set[int], bool]:
        """What lies right above content, and whether it may be more than `limit`."""
        known = list(facts)
        ids = sorted(fact.id for fact in known)
        rows = await self.reader.all(store.KEEPERS, repo_id=self.repo_id, ids=ids, limit=limit)
        subjects = await self.subjects(known)
        return {row.keeper_id for row in rows}.union(*subjects.values()), len(rows) >= limit

    async def subjects(self, facts: Iterable[FactRow]) -> dict[int, set[int]]:
        """What the tags on content belong to that belong to a digest, as far as the repository links it."""
        signed = sorted(fact.id for fact in facts if fact.signed)
        if not signed:
            return {}
        tags = await self.reader.all(store.SIGNING, repo_id=self.repo_id, ids=signed, limit=_MANY)
        wanted = [(tag.content_id, digest) for tag in tags if (digest := signed_digest(tag.name)) is not None]
        digests = sorted({digest for _, digest in wanted})
        rows = await self.reader.all(store.LINKED, repo_id=self.repo_id, digests=digests)
        here = {row.digest: row.id for row in rows}
        found: dict[int, set[int]] = {}
        for content_id, digest in wanted:
            if digest in here and here[digest] != content_id:
                found.setdefault(content_id, set()).add(here[digest])
        return found


class Above(NamedTuple):
    """What was found above content. `rooted`: something there is rooted, or waits for its time; `circular`: the content
    lies above itself; `full`: there is more than was looked at. `members`: what was looked at, the content itself with
    it."""

    rooted: bool
    circular: bool
    full: bool
    members: dict[int, FactRow]


async def climb(around: Around, start: FactRow, most: int = MOST) -> Above:
    """Walk up from `start`, which is not rooted by itself, until something is rooted or waits for its time."""
    members = {start.id: start}
    level = [start]
    circular = False
    while level:
        above, more = await around.keepers(level, most)
        circular = circular or start.id in above
        fresh = above - set(members)
        if more or len(members) + len(fresh) > most:
            return Above(rooted=False, circular=circular, full=True, members=members)
        found = await around.facts(fresh) if fresh else {}
        members.update(found)
        level = list(found.values())
        if any(map(around.holds, level)):
            return Above(rooted=True, circular=circular, full=False, members=members)
    return Above(rooted=False, circular=circular, full=False, members=members)
