"""Why content is kept, and when it may go: every repository in sight that has it, with each of its roots.

Promises: who may not see content in a repository is answered as if it were not there, in the same words; tags that he
may not see are not named, nor is what lies above the content to who may not pull everything there. Walks are bounded,
and it is said where one ended early. Raises besides what is named: `holdfast.db.errors`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from holdfast.access.errors import Unknown
from holdfast.access.model import PathPermit
from holdfast.access.policy.decide import TagRights
from holdfast.access.policy.model import Action
from holdfast.db.port import Database
from holdfast.oci.digest import Digest
from holdfast.oci.name import signed_digest
from holdfast.registry.collect import why_store as store
from holdfast.registry.collect.links import lease_of
from holdfast.registry.effective.service import prefixes_of
from holdfast.registry.model import State
from holdfast.registry.reach.service import Reach, Target
from holdfast.registry.reach.spans import allowed
from holdfast.registry.roots.facts import window_of
from holdfast.registry.roots.store import LOST, TAGS_ON, FactRow
from holdfast.registry.roots.walk import Around
from holdfast.registry.settings import RegistrySettings

_LINKS = 2000
_PLACES = 100
_WALKED = 300
_NAMED = 10
_REASONS = 50


class Reason(NamedTuple):
    """One thing that keeps content. `kind`: `tag`, `history` (a tag was on it), `deleted` (it can be restored),
    `pushed` (a manifest, by digest), `lease`, `pending` (the collector looks at it then), `repository-deleted`. `via`:
    the digests on the way up from the content to what is rooted; `tag` None: none, or one that the caller may not see;
    `at`: since when; `until`: None: for ever."""

    kind: str
    via: tuple[str, ...]
    tag: str | None = None
    at: int | None = None
    until: int | None = None


class Place(NamedTuple):
    """Content in one repository. `deleted`: it is not shown there; `reasons`: the first of them, `more`: there may be
    more; `due`: when the collector looks at it; `may_go_at`: not before, None: as long as something roots it."""

    repository: str
    manifest: bool
    deleted: bool
    reasons: tuple[Reason, ...]
    more: bool
    due: int | None
    may_go_at: int | None


class Kept(NamedTuple):
    """Content, and where it is kept. `orphaned_at`: since when no repository has it, for operators."""

    digest: str
    size: int
    state: State
    places: tuple[Place, ...]
    more: bool
    orphaned_at: int | None


class WhyKept:
    """Explains what keeps content. One object a process."""

    def __init__(self, db: Database, settings: RegistrySettings) -> None:
        self._db = db
        self._settings = settings
        self._reach = Reach(db, settings.window)

    async def explain(self, permit: PathPermit, digest: Digest, repository: str | None = None) -> Kept:
        """Where `digest` is kept, in the caller's sight, and why. Raises `Unknown`."""
        operates = permit.system(Action.OPERATE)
        row = await self._db.one(store.CONTENT, digest=digest)
        id = row.id if row is not None else 0
        links = await self._db.all(store.PLACES, id=id, limit=_LINKS)
        orphan = await self._db.one(store.ORPHAN, id=id)
        more = len(links) == _LINKS
        places: list[Place] = []
        for link in links:
            name = link.was_path or link.path
            if repository not in (None, name) or not permit.shows(name):
                continue
            tags = permit.tags(Action.PULL, name)
            if not operates and not await self._sees(name, tags, Target(link.id, id)):
                continue
            if len(places) == _PLACES:
                more = True
                break
            places.append(await self._place(link, id, None if operates or tags.everything else tags))
        if row is None or not (places or (operates and repository is None)):
            where = f" in {repository[:128]!r}" if repository is not None else ""
            raise Unknown(f"there is no {digest}{where} in your sight")
        orphaned = orphan.due if orphan is not None and operates and not places else None
        return Kept(digest, row.size, State(row.state), tuple(places), more, orphaned)

    async def _sees(self, name: str, tags: TagRights, target: Target) -> bool:
        if tags.everything or tags.nothing:
            return tags.everything
        window = await window_of(self._db, prefixes_of(name), self._settings.window)
        since = self._db.now() - window.length
        return await self._reach.leads(self._db, allowed(tags), target, since)

    async def _place(self, link: store.PlaceRow, content_id: int, sight: TagRights | None) -> Place:
        """What keeps content in one repository. `sight`: which tags may be named, None: all."""
        name = link.was_path or link.path
        now = self._db.now()
        window = await window_of(self._db, prefixes_of(name), self._settings.window)
        around = Around(self._db, link.id, window, now)
        facts = await around.facts([content_id])
        fact = facts.get(content_id)
        if fact is None:  # it went just now
            return Place(name, manifest=False, deleted=True, reasons=(), more=False, due=None, may_go_at=now)
        if link.gone_at is not None:
            until = link.gone_at + window.length
            reason = Reason("repository-deleted", (), at=link.gone_at, until=until)
            return Place(name, fact.kind > 0, True, (reason,), False, fact.due, max(until, now))
        reasons, more = await self._reasons(around, fact, sight)
        return Place(
            name,
            manifest=fact.kind > 0,
            deleted=fact.gone_at is not None,
            reasons=tuple(each if sight is None else each._replace(via=()) for each in reasons[:_REASONS]),
            more=more or len(reasons) > _REASONS,
            due=fact.due,
            may_go_at=self._may_go_at(reasons, fact, now),
        )

    def _may_go_at(self, reasons: Sequence[Reason], fact: FactRow, now: int) -> int | None:
        """Not before this: the last root ends, and a lease for every level between it and the content."""
        if any(reason.until is None for reason in reasons):
            return None
        lease = lease_of(self._settings)
        ends = [reason.until + lease * len(reason.via) for reason in reasons if reason.until is not None]
        return max([now, fact.due or 0, *ends])

    async def _reasons(self, around: Around, fact: FactRow, sight: TagRights | None) -> tuple[list[Reason], bool]:
        """Everything that roots content, from itself upwards, and whether there may be more."""
        ways: dict[int, tuple[str, ...]] = {fact.id: ()}
        level = [fact]
        found: list[Reason] = []
        while level and len(found) < _REASONS:
            fresh: dict[int, tuple[str, ...]] = {}
            for each in level:
                found += await self._own(around, each, ways[each.id], sight)
                keepers, full = await around.keepers([each], _WALKED)
                if full or len(ways) + len(fresh) > _WALKED:
                    return found, True
                for keeper in sorted(keepers - set(ways) - set(fresh)):
                    fresh[keeper] = ways[each.id]
            above = await around.facts(fresh) if fresh else {}
            ways |= {id: (*fresh[id], row.digest) for id, row in above.items()}
            level = [above[id] for id in sorted(above)]
        return found, bool(level)

    async def _own(self, around: Around, fact: FactRow, via: tuple[str, ...], sight: TagRights | None) -> list[Reason]:
        """What roots content by itself."""
        window, now = around.window, around.now
        since = window.since(now)
        found: list[Reason] = []
        if fact.tagged:
            for tag in await self._db.all(TAGS_ON, repo_id=around.repo_id, id=fact.id, limit=_NAMED):
                if signed_digest(tag.name) is None:
                    found.append(Reason("tag", via, tag=_named(tag.name, sight)))
        if fact.lost_at is not None and fact.lost_at > since:
            rows = await self._db.all(LOST, repo_id=around.repo_id, id=fact.id, since=since, limit=_NAMED)
            found += [
                Reason("history", via, tag=_named(row.name, sight), at=row.at, until=row.at + window.length)
                for row in rows
            ]
        if fact.gone_at is not None and fact.gone_at > since:
            found.append(Reason("deleted", via, at=fact.gone_at, until=fact.gone_at + window.length))
        if fact.gone_at is None and fact.kind and fact.put_at > since:
            found.append(Reason("pushed", via, at=fact.put_at, until=fact.put_at + window.length))
        if fact.leased is not None and fact.leased > now:
            found.append(Reason("lease", via, until=fact.leased))
        if fact.due is not None and fact.due > now:
            found.append(Reason("pending", via, until=fact.due))
        return found


def _named(tag: str, sight: TagRights | None) -> str | None:
    return tag if sight is None or sight.allows(tag) else None
