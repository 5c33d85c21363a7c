"""Rollback against a look at everything: random histories of several repositories, taken back to random instants."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.property.registry_invariants import broken
from tests.registry.house import SETTINGS, House, Place
from tests.registry.paths import may_manage

from holdfast.blobs.memory import MemoryBlobs
from holdfast.oci.digest import Digest
from holdfast.oci.name import Tag
from holdfast.registry.errors import ManifestUnknown, RepositoryUnknown
from holdfast.registry.history.model import Filter
from holdfast.registry.history.rollback.model import Effect, Wish
from holdfast.registry.history.rollback.service import Rollback
from holdfast.registry.history.service import History
from holdfast.registry.history.targets import Target

IMAGES = ("one", "two", "three")
TAGS = ("a", "b", "c")
MEMORY = Path("/dev/shm")
NAMES = ("app", "app/web", "lib")


class Push(NamedTuple):
    repo: str
    image: str
    tags: tuple[str, ...]


class DeleteTag(NamedTuple):
    repo: str
    tag: str


class DeleteManifest(NamedTuple):
    repo: str
    image: str


class RollBack(NamedTuple):
    """To the state after step `step` modulo the steps so far."""

    target: str
    tag: str | None
    step: int
    exact: bool
    below: bool


repos = st.sampled_from(NAMES)
steps = st.lists(
    st.one_of(
        st.builds(Push, repos, st.sampled_from(IMAGES), st.lists(st.sampled_from(TAGS), max_size=2).map(tuple)),
        st.builds(Push, repos, st.sampled_from(IMAGES), st.lists(st.sampled_from(TAGS), max_size=2).map(tuple)),
        st.builds(DeleteTag, repos, st.sampled_from(TAGS)),
        st.builds(DeleteManifest, repos, st.sampled_from(IMAGES)),
        st.builds(RollBack, repos, st.none() | st.sampled_from(TAGS), st.integers(0, 30), st.booleans(), st.booleans()),
    ),
    min_size=3,
    max_size=14,
)
State = dict[tuple[str, str], str]


class Laid:
    """A house in which every example has a namespace of its own."""

    def __init__(self, root: Path) -> None:
        self.runner = asyncio.Runner()
        place = Place(root)
        self.house = House(place.target, MemoryBlobs(), SETTINGS, place.clock)
        self.runner.run(self.house.blobs.open("tests"))
        self.rollback = Rollback(self.house.db, SETTINGS)
        self.history = History(self.house.db)
        self.count = 0


@pytest.fixture(scope="module")
def laid() -> Iterator[Laid]:
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as root:
        found = Laid(Path(root))
        yield found
        found.runner.run(found.house.close())
        found.runner.close()


class Example:
    """One history, and beside it what every tag pointed to after every step."""

    def __init__(self, laid: Laid) -> None:
        laid.count += 1
        self.laid, self.house, self.home = laid, laid.house, f"n{laid.count}"
        self.state: State = {}
        self.past: list[tuple[int, State]] = []
        self.digests: dict[str, str] = {}

    def path(self, repo: str) -> str:
        return f"{self.home}/{repo}"

    async def play(self, step: Push | DeleteTag | DeleteManifest | RollBack) -> None:
        self.house.clock.move(1000)
        match step:
            case Push(repo, image, tags):
                data = await self.house.image(*tags, name=image, repo=self.path(repo))
                self.digests[image] = Digest.of(data)
                self.state.update({(self.path(repo), tag): self.digests[image] for tag in tags})
            case DeleteTag(repo, tag):
                try:
                    await self.house.deletion.tag(self.house.may_delete(self.path(repo)), Tag(tag))
                except (ManifestUnknown, RepositoryUnknown):
                    assert (self.path(repo), tag) not in self.state
                self.state.pop((self.path(repo), tag), None)
            case DeleteManifest(repo, image):
                await self._delete(self.path(repo), self.digests.get(image))
            case RollBack():
                await self.roll_back(step)
        await self.look()
        self.house.clock.move(1000)
        self.past.append((self.house.clock.now, dict(self.state)))

    async def _delete(self, repo: str, digest: str | None) -> None:
        if digest is None:
            return
        try:
            await self.house.deletion.manifest(self.house.may_delete(repo), Digest(digest))
        except (ManifestUnknown, RepositoryUnknown):
            assert not [key for key, value in self.state.items() if key[0] == repo and value == digest]
        self.state = {key: value for key, value in self.state.items() if key[0] != repo or value != digest}

    def spoken_of(self, step: RollBack, path: str) -> bool:
        """Whether a repository belongs to the target."""
        named = self.path(step.target)
        if step.tag is not None:
            return path == named
        there = named in {self.path(each.repo) for each in self.pushes}
        if step.below or not there:
            return path == named or path.startswith(named + "/")
        return path == named

    pushes: list[Push]

    async def roll_back(self, step: RollBack) -> None:
        if not self.past:
            return
        at, then = self.past[step.step % len(self.past)]
        target = Target(self.path(step.target), step.tag, step.below and step.tag is None)
        wish = Wish(target, at, exact=step.exact)
        expected = dict(self.state)
        for key in {*self.state, *then}:
            if not self.spoken_of(step, key[0]) or step.tag not in (None, key[1]):
                continue
            if key in then:
                expected[key] = then[key]
            elif step.exact:
                expected.pop(key, None)
        rollback, permit = self.laid.rollback, may_manage("")
        try:
            preview = await rollback.preview(permit, wish, ("", ""), 1000)
        except RepositoryUnknown:
            with pytest.raises(RepositoryUnknown):
                await rollback.apply(permit, wish)
            assert expected == self.state
            return
        assert preview.next is None
        assert Effect.BLOCKED not in {item.effect for item in preview.items}
        foreseen = dict(self.state)
        for item in preview.items:
            key = (item.repository, item.tag)
            assert item.now == self.state.get(key)
            assert item.then == then.get(key)
            if item.effect is Effect.DELETE:
                foreseen.pop(key)
            elif item.effect in (Effect.CREATE, Effect.MOVE):
                assert item.then is not None
                assert (key in self.state) == (item.effect is Effect.MOVE)
                foreseen[key] = item.then
        assert foreseen == expected
        applied = await rollback.apply(permit, wish._replace(fingerprint=preview.fingerprint))
        assert applied.counts == preview.counts
        self.state = expected

    async def look(self) -> None:
        """What the registry shows is what is expected, now and at every instant before."""
        rows = self.house.sql(
            "select r.path, t.name, c.digest from tag t join repository r on r.id = t.repo_id "
            "join content c on c.id = t.content_id where r.path >= ? and r.path < ?",
            self.home + "/",
            self.home + "0",
        )
        assert {(path, name): digest for path, name, digest in rows} == self.state
        for (repo, tag), digest in self.state.items():
            assert (await self.house.get(tag, repo)).digest == digest

    async def look_back(self) -> None:
        """Every state of the past is what is told of it, and what differs between two of them."""
        history, permit = self.laid.history, may_manage("")
        paths = {self.path(each.repo) for each in self.pushes}
        for at, then in self.past:
            told: State = {}
            for path in paths:
                for stood in (await history.standing(permit, path, at, "", 2)).tags:
                    told[path, stood.tag] = str(stood.digest)
                page = await history.standing(permit, path, at, "", 2)
                while page.next is not None:
                    page = await history.standing(permit, path, at, page.next, 2)
                    told.update({(path, stood.tag): str(stood.digest) for stood in page.tags})
            assert told == then
        if paths:
            (first, one), (last, two) = self.past[0], self.past[-1]
            target = Target(self.home, None, True)
            found = await history.differences(permit, target, first, last, after=("", ""), limit=1000)
            assert {(each.repository, each.tag): (each.was, each.now) for each in found.found} == {
                key: (one.get(key), two.get(key)) for key in {*one, *two} if one.get(key) != two.get(key)
            }

    async def replay(self) -> None:
        """The changes of all repositories, newest first and page by page, make what stands."""
        target, history = Target(self.home, None, True), self.laid.history
        changes, after = [], None
        while True:
            try:
                page = await history.changes(may_manage(""), target, Filter(), after, 3)
            except RepositoryUnknown:
                assert not self.pushes
                return
            changes += page.changes
            after = page.next
            if after is None:
                break
        total = self.house.sql(
            "select count(*) from tag_event e join repository r on r.id = e.repo_id where r.path >= ? and r.path < ?",
            self.home + "/",
            self.home + "0",
        )
        assert len(set(changes)) == len(changes) == total[0]
        assert [each.at for each in changes] == sorted((each.at for each in changes), reverse=True)
        made: State = {}
        for each in reversed(changes):
            key = (each.repository, each.tag)
            assert made.get(key) == each.was
            made.pop(key, None)
            if each.now is not None:
                made[key] = each.now
            assert each.actor in ("anonymous", "user:ann")
            assert each.request == "test"
        assert made == self.state


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=steps)
def test_rollback_is_what_a_look_at_everything_says(
    laid: Laid, history: list[Push | DeleteTag | DeleteManifest | RollBack]
) -> None:
    example = Example(laid)

    async def play() -> None:
        example.pushes = []
        for step in history:
            if isinstance(step, Push):
                example.pushes.append(step)
            await example.play(step)
        await example.look_back()
        await example.replay()
        assert await broken(laid.house) == {}

    laid.runner.run(play())
