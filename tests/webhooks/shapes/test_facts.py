"""What is read for events: of a real registry, before and after things are gone, in a handful of statements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.registry.history.rolling import now, roll_back
from tests.registry.house import REPO, SETTINGS, START, House, Place
from tests.registry.paths import may_manage
from tests.webhooks.shapes.events import about

from holdfast.db.query import Query
from holdfast.journal.model import ChangeKind
from holdfast.journal.reading import Wanted, oldest
from holdfast.journal.sealing import seal
from holdfast.oci.digest import Digest
from holdfast.oci.manifest import Kind
from holdfast.oci.name import Tag
from holdfast.registry.events.model import Event, event_of
from holdfast.registry.history.undelete.service import Undelete
from holdfast.webhooks.shapes.changes import Gone, Pushed, deletions, pushes
from holdfast.webhooks.shapes.facts import facts_of
from holdfast.webhooks.shapes.model import MOST_MOVES, NOTHING_KNOWN, About, Facts

Told = tuple[Sequence[Event], Mapping[int, Facts]]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


async def told(house: House) -> Told:
    """Every event of the journal, and what is known of each."""
    await house.db.write(seal)
    part = await oldest(house.db, Wanted(), lambda _row: True, limit=200)
    events = [event_of(row) for row in part.rows]
    return events, await facts_of(house.db, events)


def last(found: Told, kind: ChangeKind) -> tuple[Event, Facts]:
    events, facts = found
    event = [each for each in events if each.kind == kind][-1]
    return event, facts[event.pos]


def known(facts: Facts) -> About:
    return replace(about(), facts=facts)


def test_a_push_is_known_with_its_repository_and_manifest(place: Place) -> None:
    async def scenario(house: House) -> None:
        house.sql("insert into namespace (path, description, made_at, made_by) values (?, ?, 1, 'x')", REPO, "the app")
        data = await house.image("v1", "latest")
        event, facts = last(await told(house), ChangeKind.MANIFEST_PUSHED)
        assert (event.path, event.tags) == (REPO, ("v1", "latest"))
        assert facts.repository is not None
        assert (facts.repository.public, facts.repository.description) == (False, "the app")
        assert facts.repository.born >= START
        (manifest,) = facts.manifests.values()
        assert (manifest.digest, manifest.size, manifest.kind) == (event.digest, len(data), Kind.IMAGE)
        assert manifest.media_type == "application/vnd.oci.image.manifest.v1+json"
        assert facts.moves == ()

    place.run(scenario)


@pytest.mark.parametrize(
    ("settings", "public"),
    [
        ({}, False),
        ({"": "public"}, True),
        ({"team": "public"}, True),
        ({"team": "public", REPO: "private"}, False),
        ({"": "public", "team": "private", REPO: "public"}, True),
        ({"tea": "public", "team/app/sub": "public"}, False),
    ],
)
def test_the_nearest_path_says_who_may_pull(place: Place, settings: dict[str, str], public: bool) -> None:
    async def scenario(house: House) -> None:
        for path, value in settings.items():
            house.sql("insert into setting (path, name, value) values (?, 'visibility', ?)", path, value)
        await house.image("v1")
        _, facts = last(await told(house), ChangeKind.MANIFEST_PUSHED)
        assert facts.repository is not None
        assert facts.repository.public == public

    place.run(scenario)


def test_a_deletion_knows_the_tags_that_went_and_what_they_named(place: Place) -> None:
    async def scenario(house: House) -> None:
        first = Digest.of(await house.image("v1", "latest", name="first"))
        second = Digest.of(await house.image("v2", name="second"))
        await house.deletion.manifest(house.may_delete(), first)
        await house.deletion.tag(house.may_delete(), Tag("v2"))
        found = await told(house)
        event, facts = last(found, ChangeKind.MANIFEST_DELETED)
        assert list(deletions(event, known(facts))) == [
            Gone(None, first),
            Gone("latest", first),
            Gone("v1", first),
        ]
        assert facts.manifests == {}, "it is gone"
        event, facts = last(found, ChangeKind.TAG_DELETED)
        assert list(deletions(event, known(facts))) == [Gone("v2", second)]

    place.run(scenario)


def test_a_rollback_is_told_tag_by_tag(place: Place) -> None:
    async def scenario(house: House) -> None:
        first = Digest.of(await house.image("moved", "dead", name="first"))
        then = await now(house)
        second = Digest.of(await house.image("moved", "born", name="second"))
        await house.deletion.tag(house.may_delete(), Tag("dead"))
        house.clock.move(100)
        await roll_back(house, REPO, then, exact=True)
        event, facts = last(await told(house), ChangeKind.ROLLBACK_APPLIED)
        assert list(pushes(event, known(facts))) == [Pushed("dead", first), Pushed("moved", first)]
        assert list(deletions(event, known(facts))) == [Gone("born", second)]
        assert set(facts.manifests) == {first}

    place.run(scenario)


def test_what_comes_back_is_told_as_a_push(place: Place) -> None:
    async def scenario(house: House) -> None:
        digest = Digest.of(await house.image("v1"))
        await house.deletion.tag(house.may_delete(), Tag("v1"))
        await Undelete(house.db, SETTINGS).restore(may_manage(""), REPO, Tag("v1"))
        event, facts = last(await told(house), ChangeKind.TAG_UNDELETED)
        assert list(pushes(event, known(facts))) == [Pushed("v1", digest)]

    place.run(scenario)


def test_more_moves_than_are_told_are_cut_by_name(place: Place) -> None:
    async def scenario(house: House) -> None:
        tags = sorted(f"t{n}" for n in range(MOST_MOVES + 50))
        digest = Digest.of(await house.image(*tags[:40]))
        (content, repo) = house.sql("select content_id, repo_id from tag limit 1")[0]
        for tag in tags[40:]:
            values = (repo, tag, content, 1, tag)
            house.sql("insert into tag (repo_id, name, content_id, seq, version_key) values (?, ?, ?, ?, ?)", *values)
        await house.deletion.manifest(house.may_delete(), digest)
        _, facts = last(await told(house), ChangeKind.MANIFEST_DELETED)
        assert [move.tag for move in facts.moves] == tags[:MOST_MOVES]

    place.run(scenario)


def test_an_event_that_moved_very_much_leaves_room_for_the_others(place: Place) -> None:
    async def scenario(house: House) -> None:
        tags = [f"t{n:04}" for n in range(2_100)]
        digest = Digest.of(await house.image("t0000"))
        (content, repo) = house.sql("select content_id, repo_id from tag limit 1")[0]
        for tag in tags[1:]:
            values = (repo, tag, content, 1, tag)
            house.sql("insert into tag (repo_id, name, content_id, seq, version_key) values (?, ?, ?, ?, ?)", *values)
        await house.deletion.manifest(house.may_delete(), digest)
        await house.image("v1", name="other")
        await house.deletion.tag(house.may_delete(), Tag("v1"))
        found = await told(house)
        _, facts = last(found, ChangeKind.MANIFEST_DELETED)
        assert len(facts.moves) == MOST_MOVES
        _, facts = last(found, ChangeKind.TAG_DELETED)
        assert [move.tag for move in facts.moves] == ["v1"]

    place.run(scenario)


def test_an_event_of_what_is_gone_is_told_with_what_is_left(place: Place) -> None:
    async def scenario(house: House) -> None:
        await house.image("v1")
        await house.db.write(seal)
        house.sql("update repository set gone_at = 1, path = 'team/app@1' where path = ?", REPO)
        event, facts = last(await told(house), ChangeKind.MANIFEST_PUSHED)
        assert facts == NOTHING_KNOWN
        assert list(pushes(event, known(facts)))

    place.run(scenario)


def test_the_same_digest_in_two_repositories_is_known_in_each(place: Place) -> None:
    async def scenario(house: House) -> None:
        await house.image("v1")
        await house.image("v1", repo="other/app")
        events, facts = await told(house)
        assert [event.path for event in events] == [REPO, "other/app"]
        ids = {each.repository.id for each in facts.values() if each.repository is not None}
        assert len(ids) == 2
        assert all(len(each.manifests) == 1 for each in facts.values())

    place.run(scenario)


def test_many_events_take_a_handful_of_statements(place: Place) -> None:
    class Counting:
        def __init__(self, house: House) -> None:
            self.house, self.asked = house, 0

        async def all(self, query: Query[Any], **params: Any) -> list[Any]:
            self.asked += 1
            return await self.house.db.all(query, **params)

    async def scenario(house: House) -> None:
        for n in range(30):
            await house.image("v1", name=f"image {n}", repo=f"team/app{n}")
            await house.deletion.tag(house.may_delete(f"team/app{n}"), Tag("v1"))
        events, _ = await told(house)
        assert len(events) == 60
        counting = Counting(house)
        found = await facts_of(counting, events)  # type: ignore[arg-type]
        assert counting.asked <= 5
        assert len(found) == 60
        assert all(each.repository is not None for each in found.values())

    place.run(scenario)
