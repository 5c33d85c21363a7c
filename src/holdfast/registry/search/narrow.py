"""Search for everybody else: repository by repository, through those alone that the caller may be told of.

Promises: of a repository that is hidden no more is read than its name; tags are those that may be named, manifests and
blobs those that may be pulled; keys to go on after are names of repositories that are shown and what is shown in them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from holdfast.access.model import PathPermit
from holdfast.access.policy.decide import TagRights
from holdfast.access.policy.model import Action
from holdfast.db.port import Database
from holdfast.oci.name import RepositoryName
from holdfast.registry.reach.likes import containing, ending, likes
from holdfast.registry.reach.service import Reach, Target
from holdfast.registry.reach.spans import Span, Wanted, after, allowed, listed
from holdfast.registry.search import store
from holdfast.registry.search.model import Asked, Hit, Kind, Range
from holdfast.registry.search.scanning import Key, Page, Walked
from holdfast.registry.search.wide import found_digests

_REPOSITORIES = 200
_ROWS = 200
_FASTER, _LONGEST = 4, 20_000
"""How much longer each piece of names is that the database looks through, and how long at most."""
_EXACTLY = "\x01"


class _Found(NamedTuple):
    """A row of a repository that the caller may see: its key there, and the hits that it is."""

    key: Key
    hits: tuple[Hit, ...] = ()


Rows = Callable[[store.RepositoryRow, Key], Awaitable[list[_Found]]]


class Narrow:
    """One search for `permit`, in the repositories that are `seen`."""

    def __init__(self, db: Database, reach: Reach, permit: PathPermit, asked: Asked, seen: Wanted) -> None:
        self._db = db
        self._reach = reach
        self._permit = permit
        self._asked = asked
        self._seen = seen
        self._digests: list[int] | None = None

    async def find(self, kind: Kind, page: Page, key: Key) -> Walked:
        """Hits of one kind after `key`: the repository that was looked at last, and how far."""
        path, inside = (str(key[0]), key[1:]) if key else ("", ())
        rest = (
            [Span(path, path + _EXACTLY), *after(self._seen.spans, path)] if inside else after(self._seen.spans, path)
        )
        looked, size = path, _REPOSITORIES
        patterns = self._patterns(kind)
        while rest:
            span, *others = rest
            rows = await self._db.all(store.SIFTED, low=span.low, high=span.high, limit=size, **patterns)
            reached = next((row.path for row in rows if row.reached), None)
            found = sorted((row for row in rows if not row.reached), key=lambda row: row.path)
            mine = [store.RepositoryRow(row.id, row.path) for row in found if self._is_mine(row.path)]
            for first in range(0, len(mine), _REPOSITORIES):
                some = mine[first : first + _REPOSITORIES]
                for row in await self._with_hits(kind, some):
                    if page.full or (page.late and looked != path):
                        return Walked((looked,))
                    stopped = await self._in(kind, page, row, inside if row.path == path else ())
                    if stopped is not None:
                        return Walked((row.path, *stopped))
                    looked = row.path
                looked = some[-1].path
                more = reached is not None or bool(others) or looked != mine[-1].path
                if more and (page.full or (page.late and looked != path)):
                    return Walked((looked,))
            rest = others if reached is None else after(rest, reached)
            size = min(_FASTER * size, _LONGEST)
            await asyncio.sleep(0)  # others have their turn
        return Walked(None)

    def _is_mine(self, path: str) -> bool:
        return self._seen.matches(path) and self._asked.is_within(path)

    def _patterns(self, kind: Kind) -> dict[str, str]:
        """What the names of those repositories are like that are looked in: the parameters of a statement."""
        text = containing(self._asked.folded) if kind is Kind.REPOSITORY else ending(self._asked.within)
        return {**likes(self._permit.rights.shown(self._permit.here)), "text": text}

    async def _with_hits(self, kind: Kind, rows: list[store.RepositoryRow]) -> list[store.RepositoryRow]:
        """Those repositories in which there is something to look at."""
        if not rows or kind is Kind.REPOSITORY:
            return rows
        ids = [row.id for row in rows]
        if kind is Kind.TAG:
            low, high = self._asked.range_of(self._asked.text)
            found = await self._db.all(store.WITH_TAGS, ids=ids, low=low, high=high)
        elif kind is Kind.DIGEST:
            content = await self._content()
            found = await self._db.all(store.WITH_CONTENT, ids=ids, content_ids=content) if content else []
        else:
            low, high = self._asked.range_of(self._asked.folded)
            found = await self._db.all(store.WITH_TERMS, ids=ids, field=str(kind), low=low, high=high)
        having = {row.id for row in found}
        return [row for row in rows if row.id in having]

    async def _in(self, kind: Kind, page: Page, row: store.RepositoryRow, inside: Key) -> Key | None:
        """The hits of one repository; the key to go on after in it, None: there is no more."""
        if kind is Kind.REPOSITORY:
            if self._asked.name_matches(row.path):
                page.hits.append(Hit(Kind.REPOSITORY, row.path, row.path))
            return None
        if kind is Kind.TAG:
            tags = self._permit.tags(Action.LIST, row.path)
            tags = tags if tags.everything else self._permit.tags(Action.PULL, row.path)
            return await self._walk(page, row, inside, self._tags(tags))
        pull = self._permit.tags(Action.PULL, row.path)
        if pull.nothing:
            return None
        if kind is Kind.DIGEST:
            return await self._walk(page, row, inside, self._blobs(pull))
        return await self._walk(page, row, inside, self._terms(kind) if pull.everything else self._tagged(kind, pull))

    async def _walk(self, page: Page, row: store.RepositoryRow, inside: Key, rows: Rows) -> Key | None:
        key = inside
        while True:
            found = await rows(row, key)
            for each in found:
                if page.full:
                    return key or ("",)
                key = each.key
                page.hits.extend(each.hits)
            if len(found) < _ROWS:
                return None
            if page.late:
                return key

    async def _names(self, row: store.RepositoryRow, wanted: Wanted, inside: Range, last: str) -> list[store.TagRow]:
        """The next tags after `last` that are wanted, at most `_ROWS`; what is not wanted is not walked."""
        found: list[store.TagRow] = []
        for span in after(wanted.spans, last) if last else wanted.spans:
            low, high = max(span.low, inside.low), min(span.high, inside.high)
            at = last
            while low < high and len(found) < _ROWS:
                rows = await self._db.all(store.TAGS_IN, repo_id=row.id, low=low, high=high, last=at, limit=_ROWS)
                found += [tag for tag in rows if wanted.matches(tag.name)]
                if len(rows) < _ROWS:
                    break
                at = rows[-1].name
        return found[:_ROWS]

    def _tags(self, rights: TagRights) -> Rows:
        wanted, inside = listed(rights), self._asked.range_of(self._asked.text)

        async def rows(row: store.RepositoryRow, key: Key) -> list[_Found]:
            tags = await self._names(row, wanted, inside, str(key[0]) if key else "")
            return [
                _Found(
                    (tag.name,),
                    (Hit(Kind.TAG, row.path, tag.name, tag.name, tag.digest),)
                    if self._asked.tag_matches(tag.name)
                    else (),
                )
                for tag in tags
            ]

        return rows

    def _blobs(self, pull: TagRights) -> Rows:
        async def rows(row: store.RepositoryRow, key: Key) -> list[_Found]:
            start = str(key[0]) if key else ""
            found = []
            for one in sorted(await self._db.all(store.CONTENT_IN, repo_id=row.id, content_ids=await self._content())):
                if one.digest <= start or not await self._may_pull(row, pull, one.content_id):
                    continue
                hit = Hit(Kind.DIGEST, row.path, one.media_type or "blob", None, one.digest)
                found.append(_Found((one.digest,), (hit,)))
            return found[:_ROWS]

        return rows

    async def _may_pull(self, row: store.RepositoryRow, pull: TagRights, content_id: int) -> bool:
        if pull.everything:
            return True
        since = await self._reach.since(self._db, RepositoryName(row.path))
        return await self._reach.leads(self._db, allowed(pull), Target(row.id, content_id), since)

    def _terms(self, kind: Kind) -> Rows:
        low, high = self._asked.range_of(self._asked.folded)

        async def rows(row: store.RepositoryRow, key: Key) -> list[_Found]:
            last, content_id = (str(key[0]), int(key[1])) if len(key) > 1 else ("", 0)
            found = await self._db.all(
                store.TERMS_IN,
                repo_id=row.id,
                field=str(kind),
                low=low,
                high=high,
                last=last,
                after=content_id,
                limit=_ROWS,
            )
            return [
                _Found(
                    (one.term, one.content_id),
                    (Hit(kind, row.path, one.said, None, one.digest),)
                    if self._asked.said_matches(one.term, one.said)
                    else (),
                )
                for one in found
            ]

        return rows

    def _tagged(self, kind: Kind, pull: TagRights) -> Rows:
        """What is said of the manifests that tags which may be pulled point to, and of their children and referrers:
        by the tags, so that nothing else of the repository is walked."""
        wanted = listed(pull)
        low, high = self._asked.range_of(self._asked.folded)

        async def rows(row: store.RepositoryRow, key: Key) -> list[_Found]:
            tags = await self._names(row, wanted, Range("", "\x7f"), str(key[0]) if key else "")
            if not tags:
                return []
            names = sorted(tag.name for tag in tags)
            found = await self._db.all(
                store.TERMS_BELOW, repo_id=row.id, names=names, field=str(kind), low=low, high=high
            )
            hits: dict[str, list[Hit]] = {}
            for one in sorted(set(found)):
                if self._asked.said_matches(one.term, one.said):
                    hits.setdefault(one.tag, []).append(Hit(kind, row.path, one.said, one.tag, one.digest))
            return [_Found((tag.name,), tuple(hits.get(tag.name, ()))) for tag in tags]

        return rows

    async def _content(self) -> list[int]:
        if self._digests is None:
            self._digests = await found_digests(self._db, self._asked)
        return self._digests
