"""What is counted, as what, and for which tags; once, whatever is told again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from tests.insights.counted import Counting, use
from tests.registry.house import REPO, House, Place, index

from holdfast.access.usage.feed import FedUse
from holdfast.db.port import Unit
from holdfast.feature.telling import Teller
from holdfast.insights.feature import INSIGHTS
from holdfast.insights.handling import on_use
from holdfast.insights.model import ROOM, Dim
from holdfast.oci.digest import Digest
from holdfast.telemetry.events import make_events


def test_a_pull_by_tag_counts_for_that_tag_and_one_by_digest_for_all_that_lead_there(place: Place) -> None:
    async def scenario(house: House) -> None:
        counting = Counting(house)
        digest = Digest.of(await house.image("v1", "latest"))
        other = Digest.of(await house.image("other", name="other"))
        await counting.begin()
        await counting.count(
            use(digest, "v1", times=3), use(digest, times=5), use(other, "other"), use(digest, "latest", head=True)
        )
        assert counting.total() == 9
        assert counting.total("checks") == 1
        assert counting.total("named") == 5
        assert counting.sums(Dim.TAG) == {"v1": 8, "latest": 5, "other": 1}
        assert counting.sums(Dim.DIGEST) == {digest: 8, other: 1}
        assert counting.sums(Dim.SUBJECT) == {"robot:team+ci": 9}
        assert counting.sums(Dim.AGENT) == {"containerd": 9}
        assert counting.sums(Dim.NETWORK) == {"192.0.2.0/24": 9}
        assert counting.recent() == {"": (9, 9), "v1": (8, 8), "latest": (5, 5), "other": (1, 1)}
        assert sum(counting.who().values()) == 9
        assert counting.who()["robot:team+ci", "containerd", "192.0.2.0/24", ""] == 5

    place.run(scenario)


def test_an_index_is_no_pull_and_what_it_lists_rolls_up_to_its_tags(place: Place) -> None:
    async def scenario(house: House) -> None:
        counting = Counting(house)
        one, two = await house.image(name="one"), await house.image(name="two")
        inner = index(two)
        await house.manifest(inner)
        outer = index(one, inner)
        await house.manifest(outer, "v1")
        signature = await house.image(name="sig", subject=one)
        await counting.begin()
        await counting.count(
            use(Digest.of(outer), "v1", times=4),
            use(Digest.of(outer)),
            use(Digest.of(one), times=2),
            use(Digest.of(two)),
            use(Digest.of(signature), times=10),
        )
        assert counting.total() == 13
        assert counting.total("indexes") == 5
        assert counting.sums(Dim.TAG) == {"v1": 3}, "a signature is no part of what it signs"
        assert counting.sums(Dim.TAG, "indexes") == {"v1": 5}
        assert counting.sums(Dim.TAG, "named") == {"v1": 4}

    place.run(scenario)


def test_tags_are_taken_as_they_were_at_the_time_of_the_pull(place: Place) -> None:
    async def scenario(house: House) -> None:
        counting = Counting(house)
        old = Digest.of(await house.image("latest", name="old"))
        await counting.begin()
        house.clock.move(1_000)
        await counting.feed(use(old, times=7))
        house.clock.move(1_000)
        new = Digest.of(await house.image("latest", "v2", name="new"))
        house.clock.move(1_000)
        await counting.count(use(old, times=100), use(new))
        assert counting.sums(Dim.TAG) == {"latest": 8, "v2": 1}
        assert counting.total() == 108

    place.run(scenario)


def test_a_repository_that_was_made_again_inherits_nothing(place: Place) -> None:
    async def scenario(house: House) -> None:
        counting = Counting(house)
        digest = Digest.of(await house.image("v1"))
        await counting.begin()
        await counting.count(use(digest, "v1"))
        house.clock.move(1_000)
        await counting.feed(use(digest, "v1", times=2))
        house.clock.move(1_000)
        house.sql(
            "update repository set gone_at = ?, was_path = path, path = 'team/app@1' where path = ?",
            house.clock.now,
            REPO,
        )
        house.clock.move(1_000)
        await house.image("v1")
        house.clock.move(1_000)
        await counting.count(use(digest, "v1", times=10), use(digest, "v1", repository="no/such"))
        rows = house.sql(
            "select r.path, s.pulls from insight_recent s join repository r on r.id = s.repo_id order by 1"
        )
        assert [tuple(row) for row in rows] == [(REPO, 10), (REPO, 10), ("team/app@1", 3), ("team/app@1", 3)]
        months = house.sql("select path, pulls from insight_month where pulls > 0 order by path")
        assert [tuple(row) for row in months] == [("/", 13), ("team/", 13)]

    place.run(scenario)


def test_classes_and_bytes(place: Place) -> None:
    async def scenario(house: House) -> None:
        counting = Counting(house)
        digest = Digest.of(await house.image("v1"))
        house.sql(
            "insert into setting (path, name, value) values ('team', 'subject-classes', 'mirror=robot:team+copy')"
        )
        await counting.begin()
        await counting.count(
            use(digest, "v1", subject="user:alice", agent="docker", times=1),
            use(digest, "v1", times=2),
            use(digest, "v1", subject="anonymous", times=4),
            use(digest, "v1", agent="trivy", times=8),
            use(digest, "v1", subject="robot:team+copy", times=16),
            use("", bytes=1000, times=3),
            use("", action="create-tag", bytes=50, times=0),
            use(digest, "v1", allowed=False, times=99),
            use("", subject="various", repository="", times=99),
        )
        assert counting.classes() == {0: 1, 1: 2, 2: 4, 3: 8, 4: 16}
        assert counting.recent() == {"": (7, 31), "v1": (7, 31)}
        assert (counting.total("sent"), counting.total("received")) == (1000, 50)
        assert counting.sums(Dim.TAG, "sent") == {}
        month = house.sql("select sum(sent), sum(received), sum(pulls) from insight_month where path = '/'")
        assert tuple(map(int, month[0])) == (1000, 50, 31)

    place.run(scenario)


def test_pushes_are_counted_from_the_journal(place: Place) -> None:
    async def scenario(house: House) -> None:
        counting = Counting(house)
        await counting.begin()
        one, two = await house.image(name="one"), await house.image("v1", name="two")
        await house.manifest(index(one, two), "all")
        await house.manifest(index(one, two), "all")
        await house.manifest(two, "v2")
        await counting.turn()
        assert counting.total("pushes") == 4, "the same again is none"
        assert counting.sums(Dim.TAG, "pushes") == {"v1": 1, "all": 1, "v2": 1}
        assert counting.sums(Dim.SUBJECT, "pushes") == {"anonymous": 4}
        assert counting.total() == 0

    place.run(scenario)


def test_what_is_told_again_is_counted_once(place: Place) -> None:
    async def broken(unit: Unit, uses: Sequence[FedUse]) -> None:
        await on_use(unit, uses)
        raise ValueError("after it was written")

    async def scenario(house: House) -> None:
        counting = Counting(house)
        digest = Digest.of(await house.image("v1"))
        await counting.begin()
        await counting.feed(use(digest, "v1", times=3))
        (handler,) = INSIGHTS.uses
        failing = replace(INSIGHTS, uses=(replace(handler, handle=broken),))
        await Teller(house.db, [failing], make_events("critical")).turn()
        assert counting.total() == 0
        again = Counting(house)
        await again.turn()
        await again.turn()
        await counting.count()
        assert counting.total() == 3

    place.run(scenario)


def test_the_rare_of_a_full_day_become_others_and_sums_stay(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    for dim in ROOM:
        monkeypatch.setitem(ROOM, dim, 20)

    async def scenario(house: House) -> None:
        counting = Counting(house)
        digest = Digest.of(await house.image("v1"))
        await counting.begin()
        for turn in range(6):
            await counting.count(
                use(digest, "v1", agent="often", times=50),
                *(use(digest, f"t{turn}-{n}", agent=f"a{turn}-{n}", network=f"n{turn}-{n}") for n in range(15)),
            )
        assert counting.total() == 6 * 65
        for dim in (Dim.TAG, Dim.AGENT, Dim.NETWORK, Dim.DIGEST, Dim.SUBJECT):
            assert sum(counting.sums(dim).values()) == 6 * 65, dim
            (rows,) = house.sql("select count(*) from insight where dim = ?", int(dim))
            assert rows <= 20 + 1, dim
        assert counting.sums(Dim.AGENT)["often"] == 300
        assert counting.sums(Dim.AGENT)[""] > 0
        (rows,) = house.sql("select count(*) from insight_who")
        assert rows <= 20 + 1
        (pulls,) = house.sql("select sum(pulls) from insight_who")
        assert pulls == 6 * 65
        recent = counting.recent()
        assert recent.pop("") == (390, 390)
        tags = counting.sums(Dim.TAG)
        tags.pop("")
        assert {name: count for name, (count, _) in recent.items() if count} == tags

    place.run(scenario)
