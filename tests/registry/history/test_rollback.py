"""Rollback: who may, what blocks it, what it brings back, and that nothing comes between the look and the deed."""

from __future__ import annotations

import asyncio

import pytest
from tests.property.registry_invariants import broken
from tests.registry.history.rolling import ALL, effects, now, preview, roll_back, story, tags
from tests.registry.house import LEASE, REPO, SETTINGS, WINDOW, House, Place, index

from holdfast.access.errors import Invalid
from holdfast.oci.digest import Digest
from holdfast.oci.name import Tag
from holdfast.registry.errors import (
    ChangedSince,
    ManifestUnknown,
    TooManyChanges,
)
from holdfast.registry.history.rollback import planning
from holdfast.registry.history.rollback.model import Effect, Item, Wish
from holdfast.registry.history.rollback.service import Rollback
from holdfast.registry.history.targets import Target


def test_a_repository_goes_back_and_forth(place: Place) -> None:
    async def scenario(house: House) -> None:
        then, stood = await story(house)
        after = tags(house)
        later = await now(house)
        assert await effects(house, REPO, then) == {
            "born-1": Effect.SAME,
            "dead-1": Effect.CREATE,
            "moved-1": Effect.MOVE,
            "moved-2": Effect.MOVE,
        }
        found = await roll_back(house, REPO, then)
        assert (found.counts[Effect.CREATE], found.counts[Effect.MOVE], found.counts[Effect.DELETE]) == (1, 2, 0)
        assert tags(house) == {**stood, "born-1": after["born-1"]}
        house.clock.move(100)
        assert (await roll_back(house, REPO, then)).counts[Effect.MOVE] == 0, "there is nothing left to do"
        await roll_back(house, REPO, then, exact=True)
        assert tags(house) == stood
        house.clock.move(100)
        await roll_back(house, REPO, later, exact=True)
        assert tags(house) == after
        assert house.journal().count("rollback.applied") == 3
        assert await broken(house) == {}

    place.run(scenario)


def test_the_candidates_follow(place: Place) -> None:
    """What loses its tag is held for the window of its path, what gets one back is no candidate any more."""

    async def scenario(house: House) -> None:
        house.sql("insert into setting (path, name, value) values ('team', 'window', ?)", str(2 * WINDOW))
        first = await house.image("v1", name="first")
        then = await now(house)
        second = await house.image("v1", name="second")
        assert house.due(first) is not None
        found = await roll_back(house, f"{REPO}:v1", then)
        assert house.due(first) is None
        assert house.due(second) == house.last_at() + 2 * WINDOW + LEASE
        assert found.window_from == house.clock.now - 2 * WINDOW

    place.run(scenario)


def test_a_glob_and_a_single_tag_leave_others_alone(place: Place) -> None:
    async def scenario(house: House) -> None:
        then, stood = await story(house)
        after = tags(house)
        assert set(await effects(house, REPO, then, tags="moved-*")) == {"moved-1", "moved-2"}
        await roll_back(house, f"{REPO}:moved-1", then)
        assert tags(house) == {**after, "moved-1": stood["moved-1"]}
        house.clock.move(100)
        await roll_back(house, REPO, then, tags="*-2")
        assert tags(house) == {**after, "moved-1": stood["moved-1"], "moved-2": stood["moved-2"]}

    place.run(scenario)


def test_what_was_deleted_comes_back_with_its_parts(place: Place) -> None:
    async def scenario(house: House) -> None:
        one, two = await house.image(name="one"), await house.image(name="two")
        both = index(one, two)
        await house.manifest(both, "v1")
        signature = await house.image(name="signature", subject=both)
        then = await now(house)
        used = house.sql("select sum(bytes), sum(tags) from usage_delta where path = ?", REPO)
        for data in (both, one, signature):
            house.clock.move(10)
            await house.deletion.manifest(house.may_delete(), Digest.of(data))
        house.clock.move(10)
        await house.deletion.blob(house.may_delete(), Digest.of(b"layer of one"))
        await roll_back(house, REPO, then)
        for data in (both, one, two, signature):
            assert (await house.get(Digest.of(data))).data == data
        assert await house.read(Digest.of(b"layer of one")) == b"layer of one"
        assert house.sql("select sum(bytes), sum(tags) from usage_delta where path = ?", REPO) == used
        assert await broken(house) == {}

    place.run(scenario)


def test_the_dry_run_is_what_happens_or_nothing_is(place: Place) -> None:
    async def scenario(house: House) -> None:
        then, _ = await story(house)
        seen = await preview(house, "team", then)
        house.clock.move(100)
        await house.image("unrelated", name="third")
        with pytest.raises(ChangedSince, match=REPO):
            await roll_back(house, "team", then, fingerprint=seen.fingerprint)
        seen = await preview(house, "team", then)
        house.clock.move(100)
        await house.image("v1", name="third", repo="elsewhere/app")
        await roll_back(house, "team", then, fingerprint=seen.fingerprint)
        for nonsense in ("", "x", "1", "1.", "9" * 30 + "."):
            with pytest.raises((Invalid, ChangedSince)):
                await roll_back(house, "team", then, fingerprint=nonsense)
        with pytest.raises(Invalid, match="future"):
            await roll_back(house, "team", house.clock.now + 1)

    place.run(scenario)


def test_its_pages_are_the_whole(place: Place) -> None:
    async def scenario(house: House) -> None:
        for repo in (REPO, "team/lib"):
            await house.image(*[f"t{n}" for n in range(5)], name="first", repo=repo)
        then = await now(house)
        for repo in (REPO, "team/lib"):
            await house.image(*[f"t{n}" for n in range(5)], name="second", repo=repo)
        whole = (await preview(house, "team", then)).items
        assert len(whole) == 10
        rollback, found, after = Rollback(house.db, SETTINGS), list[Item](), ("", "")
        while True:
            page = await rollback.preview(ALL, Wish(Target("team"), then), after, 3)
            found += page.items
            if page.next is None:
                break
            after = page.next
        assert found == whole

    place.run(scenario)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "MOST_CHANGES", 6)


@pytest.mark.usefixtures("few")
def test_too_many_changes_name_what_is_smaller(place: Place) -> None:
    async def scenario(house: House) -> None:
        names = ["team/a/app", "team/a/lib", "team/b"]
        for n, repo in enumerate(names, 2):
            await house.image(*[f"t{i}" for i in range(n)], name="first", repo=repo)
        then = await now(house)
        for n, repo in enumerate(names, 2):
            await house.image(*[f"t{i}" for i in range(n)], "born", name="second", repo=repo)
        for act in (preview, roll_back):
            with pytest.raises(TooManyChanges, match=r"9 tags.*team/a/\*\* \(5\), team/b \(4\)"):
                await act(house, "team", then)
        assert (await roll_back(house, "team", then, tags="t0")).repositories == 3
        house.clock.move(100)
        await roll_back(house, "team/a", then)
        await roll_back(house, "team/b", then)

    place.run(scenario)


def test_many_tags_of_many_repositories(place: Place) -> None:
    """More than one statement writes, with and without a rest."""

    async def scenario(house: House) -> None:
        counts = {"team/a": 250, "team/b": 100, "team/c": 1}
        for repo, count in counts.items():
            await house.image(*[f"v1.{n}" for n in range(count)], name="first", repo=repo)
        then = await now(house)
        stood = {repo: tags(house, repo) for repo in counts}
        await house.image(*[f"v1.{n}" for n in range(0, 250, 2)], name="second", repo="team/a")
        first = Digest(next(iter(stood["team/b"].values())))
        await house.deletion.manifest(house.may_delete("team/b"), first)
        await house.deletion.tag(house.may_delete("team/a"), Tag("v1.1"))
        found = await roll_back(house, "team", then)
        assert (found.counts[Effect.CREATE], found.counts[Effect.MOVE]) == (101, 125)
        assert {repo: tags(house, repo) for repo in counts} == stood
        keys = house.sql("select version_key from tag where name = 'v1.9' order by repo_id")
        assert len(keys) == 2
        assert len(set(keys)) == 1
        assert keys[0] not in ("", "v1.9")
        assert await broken(house) == {}

    place.run(scenario)


def test_pushes_and_rollbacks_at_once(place: Place) -> None:
    """Every push is before the rollback and undone by it, or after it and stays; nothing is half."""

    async def scenario(house: House) -> None:
        pushed = [await house.image(name=f"image {n}") for n in range(8)]
        first = await house.image("a", "b", "c", name="first")
        then = await now(house)
        for round_ in range(6):

            async def push(n: int) -> None:
                await house.manifest(pushed[n], "a", "b", "c")

            async def end() -> None:
                try:
                    await house.deletion.tag(house.may_delete(), Tag("b"))
                except ManifestUnknown:
                    assert "b" not in tags(house)

            rollbacks = [roll_back(house, REPO, then, exact=True) for _ in range(2)]
            await asyncio.gather(*map(push, range(8)), *rollbacks, end())
            house.clock.move(100)
            assert await broken(house) == {}
            stood = tags(house)
            assert len({stood["a"], stood["c"], stood.get("b", stood["a"])}) == 1, round_
            await roll_back(house, REPO, then)
            assert tags(house) == dict.fromkeys("abc", Digest.of(first))
            house.clock.move(100)

    place.run(scenario)
