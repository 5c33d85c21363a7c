"""One repository under its rules: its tags and untagged manifests in pages, and the verdict on each.

Promises: memory is that of a page and of what a rule ranks, whatever the repository holds; nothing is held open between
two pages. What is pushed while it is looked at stays: ranks are taken first, and only tags that are not younger than
the look itself are ever dropped.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import NamedTuple

from holdfast.db.port import Database, Reader
from holdfast.oci.name import signed_digest
from holdfast.registry.effective.service import Effective
from holdfast.registry.immutability.rules import Change, blocked
from holdfast.registry.immutability.service import rules_of
from holdfast.registry.lastuse.tracking import last_pulls
from holdfast.retention import store
from holdfast.retention.rules import Order, Policy, Rule
from holdfast.retention.running import running
from holdfast.retention.texts import Writings
from holdfast.retention.verdict import (
    Circumstances,
    Judge,
    Ranked,
    Texts,
    Thing,
    Verdict,
    carries,
    is_version,
    place_of,
    selects,
)

PAGE = 5000
_LINKS = 5000
IMMUTABLE = "(immutable)"
_HIGHEST = "\x7f"


class Repository(NamedTuple):
    """A repository as it is looked at: its rules, the settings that hold in it, from when on use is known, and for how
    long (microseconds) a push may rely on what it put."""

    id: int
    path: str
    policy: Policy
    settings: Effective
    since: int | None
    lease: int


class Decided(NamedTuple):
    """Something and its verdict; None: no rule would drop it."""

    thing: Thing
    verdict: Verdict | None


class Look:
    """A look at one repository."""

    def __init__(self, db: Database, repository: Repository, writings: Writings, page: int = PAGE) -> None:
        self._db = db
        self._it = repository
        self._rules = repository.policy.rules
        self._writings = writings
        self._page = page
        self._immutable = rules_of(repository.settings)
        self._asks_use = any(rule.asks_use for rule in self._rules)

    async def begin(self) -> Circumstances:
        """Everything that verdicts rest on."""
        runs = await running(self._db, self._it.policy, self._it.id, self._it.path, self._db.now())
        now = self._db.now()
        ranked = {rule.name: await self._ranked(rule) for rule in self._rules if rule.ranks is not None}
        return Circumstances(self._it.path, now, self._it.since, ranked, runs.has)

    # -- ranks --------------------------------------------------------------------------------------------------------

    async def _ranked(self, rule: Rule) -> Ranked:
        """The newest of what a rule selects."""
        assert rule.ranks is not None
        if not rule.ranks:
            return Ranked(None, frozenset())
        contents: set[int] = set()
        count = 0
        async for page in self._in_order(rule):
            for thing in await self._with_texts(page) if rule.reads_manifests else page:
                if not carries(rule, thing.texts):
                    continue
                count += 1
                contents.add(thing.content_id) if rule.images else None
                if rule.images and len(contents) == rule.ranks:
                    return Ranked(None, frozenset(contents))
                if not rule.images and count == rule.ranks:
                    return Ranked(place_of(rule, thing))
        return Ranked(None)

    async def _in_order(self, rule: Rule) -> AsyncIterator[list[Thing]]:
        """The tags that a rule selects by their names, newest first."""
        pages = self._by_version() if rule.order is Order.VERSION else self._by_push()
        async for page in pages:
            yield [
                thing
                for thing in page
                if signed_digest(thing.name) is None
                and selects(rule, self._it.path, thing.name)
                and (rule.order is Order.PUSH or is_version(thing))
            ]

    async def _by_push(self) -> AsyncIterator[list[Thing]]:
        seq, name = 1 << 62, ""
        while True:
            rows = await self._db.all(store.BY_PUSH, repo_id=self._it.id, seq=seq, name=name, limit=self._page)
            yield [
                Thing(row.name, row.content_id, row.seq, row.version_key or "", row.at)
                for row in rows
                if row.content_id is not None
            ]
            if len(rows) < self._page:
                return
            seq, name = rows[-1].seq, rows[-1].name

    async def _by_version(self) -> AsyncIterator[list[Thing]]:
        key, name = _HIGHEST, ""
        while True:
            rows = await self._db.all(store.BY_VERSION, repo_id=self._it.id, key=key, name=name, limit=self._page)
            yield [_thing(row) for row in rows]
            if len(rows) < self._page:
                return
            key, name = rows[-1].version_key, rows[-1].name

    # -- tags ---------------------------------------------------------------------------------------------------------

    async def tags(self, here: Circumstances) -> AsyncIterator[list[Decided]]:
        """All tags, with their verdicts, page by page."""
        judge, after = Judge(self._rules, here), ""
        while True:
            rows = await self._db.all(store.TAGS, repo_id=self._it.id, after=after, limit=self._page)
            yield await self._judged(rows, judge)
            if len(rows) < self._page:
                return
            after = rows[-1].name

    async def one(self, name: str, here: Circumstances) -> Decided | None:
        """One tag; None: there is none."""
        row = await self._db.one(store.TAG, repo_id=self._it.id, name=name)
        found = await self._judged([row], Judge(self._rules, here)) if row is not None else []
        return found[0] if found else None

    async def _judged(self, page: list[store.TagRow], judge: Judge) -> list[Decided]:
        """The verdicts of tags; what belongs to a digest lives and dies with it, and has none."""
        rows = [row for row in page if signed_digest(row.name) is None]
        used: dict[str, int] = {}
        if self._asks_use:
            used, _ = await last_pulls(self._db, self._it.id, {row.name: row.content_id for row in rows})
        texts: dict[int, Texts | None] = {}
        if self._writings.asked:
            texts = await self._writings.of(self._db, [row.content_id for row in rows])
        things = [Thing(*row, used.get(row.name, 0), texts.get(row.content_id)) for row in rows]
        return [Decided(thing, self._verdict(thing, judge)) for thing in things]

    def _verdict(self, thing: Thing, judge: Judge) -> Verdict | None:
        found = judge.of(thing)
        if found is not None and found.drop and thing.name and self._immutable.path is not None:
            held = blocked(self._immutable, Change.DELETE, thing.name)
            if held is not None:
                return Verdict(False, IMMUTABLE, f"immutable by the rule '{held.rule}' of {held.path or 'everything'}")
        return found

    async def _with_texts(self, things: list[Thing]) -> list[Thing]:
        if not self._writings.asked:
            return things
        texts: dict[int, Texts | None] = await self._writings.of(self._db, [thing.content_id for thing in things])
        return [thing._replace(texts=texts[thing.content_id]) for thing in things]

    # -- untagged manifests -------------------------------------------------------------------------------------------

    async def untagged(self, here: Circumstances) -> AsyncIterator[list[Decided]]:
        """All manifests that nothing reaches, with their verdicts, page by page. Nothing: no rule asks."""
        if not any(rule.untagged for rule in self._rules):
            return
        judge, after = Judge(self._rules, here), 0
        while True:
            found = await self._db.one(store.LAST_LINK, repo_id=self._it.id, after=after, limit=_LINKS)
            if found is None or found.content_id is None:
                return
            things = await unreached(self._db, self._it.id, after, found.content_id)
            things = [thing for thing in things if thing.at + self._it.lease < here.now]
            if things and self._asks_use:
                _, used = await last_pulls(self._db, self._it.id, {}, [thing.content_id for thing in things])
                things = [thing._replace(used=used.get(thing.content_id, 0)) for thing in things]
            things = await self._with_texts(things)
            yield [Decided(thing, self._verdict(thing, judge)) for thing in things]
            after = found.content_id


async def unreached(reader: Reader, repo_id: int, after: int, last: int) -> list[Thing]:
    """Those of the manifests beyond `after`, up to `last`, that nothing reaches: no tag, no index, no subject that is
    there, no push under way; each as old as its push, or the last move of a tag away from it."""
    rows = await reader.all(store.UNREACHED, repo_id=repo_id, after=after, last=last)
    if not rows:
        return []
    was = await reader.all(store.WAS_TAGGED, repo_id=repo_id, ids=[row.content_id for row in rows])
    moved = {row.content_id: row.at for row in was}
    return [Thing("", row.content_id, 0, "", max(row.put_at, moved.get(row.content_id, 0))) for row in rows]


def _thing(row: store.TagRow) -> Thing:
    return Thing(row.name, row.content_id, row.seq, row.version_key, row.at)
