"""Everything that happens to images, with the collector in between and the clock as an input, against a model.

What a pull could reach, what was promised and what the window remembers is there after every run of the collector; and
when all times have passed, nothing is left but what tags reach, down to the last object.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Coroutine, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from tests.databases import lay_database
from tests.property.collect_model import NAMES, SIGNATURE_TAG, Shelf, Shown
from tests.property.registry_invariants import broken
from tests.property.registry_model import BLOBS, MANIFESTS, UNIVERSE
from tests.registry.house import GRACE, LEASE, SETTINGS, Clock, House
from tests.registry.paths import may_manage
from tests.retention.place import Keeper

from holdfast.access.errors import Conflict
from holdfast.blobs.memory import MemoryBlobs
from holdfast.oci.name import RepositoryName, Tag, signed_digest
from holdfast.registry.errors import (
    BlobsMissing,
    BlobUnknown,
    InUse,
    ManifestUnknown,
    NotRestorable,
    RepositoryUnknown,
)
from holdfast.registry.history.rollback.model import Wish
from holdfast.registry.history.rollback.service import Rollback
from holdfast.registry.history.targets import Target
from holdfast.registry.history.undelete.service import Undelete
from holdfast.registry.model import State
from holdfast.registry.promotion.model import Wanted
from holdfast.registry.promotion.service import Promotion

T = TypeVar("T")
DAYS = 3 * 24 * 3600 * 1_000_000
NAMES_OF_REPOSITORIES = ("team/app", "team/other", "brief/app")
TAGS = ["a", "b", "c", SIGNATURE_TAG]
INLINE = 64
MEMORY = Path("/dev/shm")
_DEEPEST = 8
_STEP = 1000
_TAGS = """
    select r.path, t.name, c.digest
    from tag t join repository r on r.id = t.repo_id join content c on c.id = t.content_id
"""
_LINKS = """
    select r.path, c.digest, l.kind, l.gone_at is not null as gone
    from link l join repository r on r.id = l.repo_id join content c on c.id = l.content_id
"""

repositories = st.sampled_from(NAMES_OF_REPOSITORIES)
picks = st.integers(0, 99)
manifests = st.sampled_from(MANIFESTS)
pieces = st.sampled_from([*BLOBS, *MANIFESTS])
tag_lists = st.lists(st.sampled_from(TAGS), unique=True, max_size=2)


class CollectMachine(RuleBasedStateMachine):
    """Clients of three repositories, one of which remembers for a lease only."""

    window = 0

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.place = tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None)
        self.blobs = MemoryBlobs()
        self.clock = Clock()
        self.model = {
            name: Shelf(LEASE if name.startswith("brief") else self.window, LEASE) for name in NAMES_OF_REPOSITORIES
        }

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Every step takes some time."""
        self.clock.move(_STEP)
        return self.runner.run(work)

    @initialize()
    def begin(self) -> None:
        self.target = lay_database(str(Path(self.place.name) / "holdfast.db"))
        self.run(self.blobs.open("machine"))
        self.house = self.run(self.open())
        self.house.sql("insert into setting values ('brief', 'window', ?)", str(LEASE))

    async def open(self) -> House:
        chosen = replace(SETTINGS, inline_limit=INLINE, window=self.window)
        house = House(self.target, self.blobs, chosen, self.clock)
        self.undeletes = Undelete(house.db, chosen)
        self.rollbacks = Rollback(house.db, chosen)
        self.promotion = Promotion(house.db, house.objects, chosen)
        return house

    # -- what clients do -------------------------------------------------------------------------------------------

    @rule(repo=repositories, name=pieces)
    def push_blob(self, repo: str, name: str) -> None:
        self.run(self.house.blob(UNIVERSE[name].data, repo))
        self.model[repo].show(name, self.clock.now)

    @rule(repo=repositories, name=manifests, tags=tag_lists)
    def push_manifest(self, repo: str, name: str, tags: list[str]) -> None:
        shelf, push = self.model[repo], self.house.manifest(UNIVERSE[name].data, *tags, repo=repo)
        if missing := shelf.missing(name):
            with pytest.raises(BlobsMissing) as caught:
                self.run(push)
            assert set(caught.value.digests) == {UNIVERSE[part].digest for part in missing}
        else:
            self.run(push)
            shelf.put(name, tags, self.clock.now)

    @rule(repo=repositories, name=manifests, tags=tag_lists, looks=st.booleans())
    def push_whole(self, repo: str, name: str, tags: list[str], looks: bool) -> None:
        """Everything below a manifest first, as clients do; they upload what HEAD does not report, or everything."""
        for part in UNIVERSE[name].parts:
            if UNIVERSE[part].is_manifest:
                self.push_whole(repo, part, [], looks)
            elif not (looks and self.look(repo, part)):
                self.push_blob(repo, part)
        self.push_manifest(repo, name, tags)

    @rule(repo=repositories, name=pieces)
    def head(self, repo: str, name: str) -> None:
        """HEAD by someone who may push."""
        self.look(repo, name)

    def look(self, repo: str, name: str) -> bool:
        """Whether HEAD finds it: then it is promised."""
        shelf, house = self.model[repo], self.house
        permit, digest = house.may_pull(repo), UNIVERSE[name].digest
        head = house.pulls.manifest_head if shelf.is_manifest(name) else house.pulls.blob_head
        found = self.succeeds(head(permit, digest))
        assert found == shelf.is_live(name)
        if found:
            shelf.show(name, self.clock.now)
        return found

    @rule(repo=repositories, source=repositories, name=pieces)
    def mount(self, repo: str, source: str, name: str) -> None:
        work = self.house.mounts.blob(self.house.may_push(repo), self.house.may_pull(source), UNIVERSE[name].digest)
        done = self.run(work)
        assert done == self.model[source].is_live(name)
        if done:
            self.model[repo].show(name, self.clock.now)

    @rule(repo=repositories, pick=picks, tags=tag_lists)
    def retag(self, repo: str, pick: int, tags: list[str]) -> None:
        shelf = self.model[repo]
        if name := chosen(filter(shelf.is_manifest, shelf.links), pick):
            self.push_manifest(repo, name, tags)

    @rule(repo=repositories, pick=picks)
    def delete_tag(self, repo: str, pick: int) -> None:
        shelf = self.model[repo]
        if tag := chosen(shelf.tags, pick):
            self.run(self.house.deletion.tag(self.house.may_delete(repo), Tag(tag)))
            shelf.point(tag, None, self.clock.now)

    @rule(repo=repositories, pick=picks)
    def delete(self, repo: str, pick: int) -> None:
        shelf, house = self.model[repo], self.house
        if name := chosen(filter(shelf.is_live, shelf.links), pick):
            remove = house.deletion.manifest if shelf.is_manifest(name) else house.deletion.blob
            if self.succeeds(remove(house.may_delete(repo), UNIVERSE[name].digest)):
                assert shelf.users(name) == set()
                shelf.bury(name, self.clock.now)
            else:
                assert shelf.users(name)

    def succeeds(self, work: Coroutine[Any, Any, object]) -> bool:
        try:
            self.run(work)
        except (ManifestUnknown, BlobUnknown, RepositoryUnknown, InUse, NotRestorable, Conflict):
            return False
        return True

    # -- what operators do -----------------------------------------------------------------------------------------

    @rule(repo=repositories, pick=picks)
    def undelete(self, repo: str, pick: int) -> None:
        """What was deleted inside the window comes back whole."""
        shelf = self.model[repo]
        tombs = {name: link for name, link in shelf.links.items() if link.gone_at is not None}
        if name := chosen(tombs, pick):
            gone_at = tombs[name].gone_at
            assert gone_at is not None
            inside = self.clock.now < gone_at + shelf.window
            work = self.undeletes.restore(may_manage(repo), repo, UNIVERSE[name].digest)
            if not self.succeeds(work):
                assert not inside, f"{name} was deleted inside the window, and cannot be restored"
                return
            self.sync_revived(repo, {name})
            if tombs[name].manifest or not inside:
                self.run(self.pull(repo, shelf))
            shelf.restore(name, self.clock.now)

    @rule(repo=repositories, pick=picks)
    def roll_back(self, repo: str, pick: int) -> None:
        """Tags go back to where they were, as far as that is stored; what is inside the window is."""
        shelf = self.model[repo]
        if not shelf.past:
            return
        # Changes of one step follow each other by a microsecond.
        moment = shelf.past[pick % len(shelf.past)][0] + _STEP // 2
        then, safe, before = shelf.at(moment), shelf.protected(self.clock.now), dict(shelf.tags)
        self.run(self.rollbacks.apply(may_manage(repo), Wish(Target(repo), moment, skip_blocked=True)))
        now = {tag: NAMES[digest] for path, tag, digest in self.house.sql(_TAGS) if path == repo}
        for tag in {*before, *now, *then}:
            assert now.get(tag) in (before.get(tag), then.get(tag)), f"{repo}:{tag}"
            if tag in then and then[tag] in safe and self.clock.now < moment + shelf.window:
                assert now.get(tag) == then[tag], f"{repo}:{tag} did not go back"
            if now.get(tag) != before.get(tag):
                shelf.point(tag, now.get(tag), self.clock.now)
        self.sync_revived(repo, set(now.values()) - set(before.values()))

    @rule(repo=repositories, source=repositories, pick=picks, tag=st.sampled_from(TAGS[:2]))
    def promote(self, repo: str, source: str, pick: int, tag: str) -> None:
        """An image with all that it keeps becomes another repository's."""
        shelf, origin = self.model[repo], self.model[source]
        name = chosen((name for tag, name in origin.tags.items() if signed_digest(Tag(tag)) is None), pick)
        if name is None:
            return
        wanted = Wanted(RepositoryName(source), UNIVERSE[name].digest, RepositoryName(repo), Tag(tag))
        self.run(self.promotion.promote(may_manage(""), wanted))
        for path, digest, kind, gone in self.house.sql(_LINKS):
            if path == repo and not gone:
                link = shelf.links.setdefault(NAMES[digest], Shown())
                link.gone_at, link.manifest = None, kind > 0
                link.kept_parts = link.kept_parts or kind > 0
        tags = {each: NAMES[digest] for path, each, digest in self.house.sql(_TAGS) if path == repo}
        assert tags[tag] == name
        for each, target in tags.items():
            shelf.point(each, target, self.clock.now)
        self.run(self.pull(repo, shelf))

    @rule(repo=repositories)
    def retain(self, repo: str) -> None:
        """Of the tags the newest is kept, and those that a push may be about."""
        shelf, keeper = self.model[repo], Keeper(self.house)
        if not shelf.tags:
            return
        keeper.rules({"name": "old", "action": "drop", "tags": ["*"], "beyond": 1}, path=repo)
        self.run(keeper.plan(repo, apply=True))
        self.house.sql("delete from setting where name = 'retention'")
        now = {tag: NAMES[digest] for path, tag, digest in self.house.sql(_TAGS) if path == repo}
        assert now.items() <= shelf.tags.items()
        assert now, f"nothing is left in {repo}"
        for tag in set(shelf.tags) - set(now):
            shelf.point(tag, None, self.clock.now)

    def sync_revived(self, repo: str, roots: set[str]) -> None:
        """Note what came back with `roots`: nothing but what these keep."""
        shelf = self.model[repo]
        below = {part for root in roots for part in shelf.below(root)}
        for path, digest, _, gone in self.house.sql(_LINKS):
            link = shelf.links[NAMES[digest]] if path == repo else None
            if link is not None and not gone and link.gone_at is not None:
                assert NAMES[digest] in below, f"{NAMES[digest]} came back in {repo}"
                link.gone_at = None

    # -- time, and the collector -----------------------------------------------------------------------------------

    @rule(by=st.sampled_from([1, GRACE, LEASE // 2, LEASE, LEASE + 1, 2 * LEASE, DAYS // 2, DAYS + LEASE]))
    def time_passes(self, by: int) -> None:
        self.clock.move(by)

    @precondition(lambda self: any(shelf.links for shelf in self.model.values()))
    @rule(by=st.sampled_from([0, LEASE, LEASE + 1, 2 * LEASE, DAYS]))
    def collect(self, by: int) -> None:
        self.clock.move(by)
        self.run(self.collected())
        self.run(self.compare())

    async def collected(self) -> None:
        await self.house.collect.run()
        await self.house.sweep.run()

    async def compare(self) -> None:
        """What must be there is there, whole; what may go may be gone, and whatever is shown can be pulled."""
        rows = {(path, NAMES[digest]): (kind > 0, bool(gone)) for path, digest, kind, gone in self.house.sql(_LINKS)}
        for repo, shelf in self.model.items():
            safe = shelf.protected(self.clock.now)
            for name, link in list(shelf.links.items()):
                row = rows.pop((repo, name), None)
                if row is None:
                    assert name not in safe, f"{name} was taken from {repo}"
                    shelf.forget(name)
                else:
                    assert row == (link.manifest, link.gone_at is not None), f"{name} in {repo}"
            await self.pull(repo, shelf)
        assert rows == {}
        assert await broken(self.house) == {}

    async def pull(self, repo: str, shelf: Shelf) -> None:
        for tag, name in shelf.tags.items():
            assert (await self.house.get(tag, repo)).data == UNIVERSE[name].data
        for name in filter(shelf.is_live, shelf.links):
            assert await self.house.read(UNIVERSE[name].digest, repo) == UNIVERSE[name].data
            if shelf.is_manifest(name):
                assert (await self.house.get(UNIVERSE[name].digest, repo)).data == UNIVERSE[name].data
                gone = {part for part in UNIVERSE[name].parts if not shelf.is_live(part)}
                assert not gone, f"{name} in {repo} is shown without {gone}"

    @precondition(lambda self: any(shelf.links for shelf in self.model.values()))
    @rule()
    def all_times_pass(self) -> None:
        """What nothing reaches is gone then, with everything that belonged to it."""
        for _ in range(_DEEPEST):
            self.clock.move(DAYS + 3 * LEASE)
            self.run(self.collected())
        self.run(self.compare())
        house = self.house
        left: set[str] = set()
        for repo, shelf in self.model.items():
            assert set(shelf.links) == shelf.reachable(), f"in {repo}"
            left |= set(shelf.links)
        named = {UNIVERSE[name].subject for name in left} - {None}
        stored = set(house.sql("select digest from content where state <> ?", int(State.AWAITED)))
        assert {NAMES[digest] for digest in stored} == left
        assert {NAMES[digest] for digest in house.sql("select digest from content")} <= left | named
        for table in ("candidate", "orphan", "doomed", "lease"):
            assert house.sql(f"select count(*) from {table}") == [0], table
        assert self.run(self.objects()) == set(house.sql("select key from content where key is not null"))

    async def objects(self) -> set[str]:
        pages = self.blobs.keys()
        return {key async for page in pages for key in page}

    @precondition(lambda self: any(shelf.links for shelf in self.model.values()))
    @rule()
    def another_process_takes_over(self) -> None:
        self.run(self.house.close())
        self.house = self.run(self.open())

    def teardown(self) -> None:
        if hasattr(self, "house"):
            self.all_times_pass()
            self.run(self.house.close())
        self.runner.close()
        self.place.cleanup()


class CollectWithHistory(CollectMachine):
    """With a window of days."""

    window = DAYS


def chosen(names: Iterable[str], pick: int) -> str | None:
    """One of `names`, None when there is none."""
    known = sorted(names)
    return known[pick % len(known)] if known else None


_COMMON = settings(
    max_examples=30,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
TestCollectWithoutHistory = CollectMachine.TestCase
TestCollectWithoutHistory.settings = _COMMON
TestCollectWithHistory = CollectWithHistory.TestCase
TestCollectWithHistory.settings = _COMMON
