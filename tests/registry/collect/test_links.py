"""Step 1 and 2 of the collector, rule by rule: what is kept, until when, and what goes."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.registry.house import GRACE, INDEX, LEASE, REPO, WINDOW, House, Place, Scenario, image, index

from holdfast.oci.digest import Digest
from holdfast.oci.name import Tag
from holdfast.registry.errors import BlobUnknown, ManifestUnknown

LAYER_SIZE = 40_000


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def _run(place: Place, scenario: Scenario[None], **settings: object) -> None:
    place.run(scenario, **settings)


def _sig(data: bytes, suffix: str = ".sig") -> str:
    return f"sha256-{Digest.of(data).encoded}{suffix}"


async def _there(house: House, data: bytes, repo: str = REPO) -> bool:
    try:
        return (await house.get(Digest.of(data), repo)).data == data
    except ManifestUnknown:
        return False


async def _blob_there(house: House, data: bytes, repo: str = REPO) -> bool:
    try:
        return await house.read(Digest.of(data), repo) == data
    except BlobUnknown:
        return False


async def _level(house: House) -> int:
    """One lease and a bit later: what came of a run."""
    house.clock.move(2 * LEASE)
    return (await house.collect.run()).links


async def _over(house: House) -> None:
    """The window and everything that follows from its end."""
    house.clock.move(WINDOW)
    for _ in range(6):
        await _level(house)


def _contents(house: House) -> set[str]:
    return set(house.sql("select digest from content"))


def test_what_a_tag_reaches_is_kept(place: Place) -> None:
    async def scenario(house: House) -> None:
        first, second = await house.image(name="a"), await house.image(name="b", variant="x")
        both = index(first, second)
        await house.manifest(both, "both")
        mark = await house.image(name="mark", subject=both)
        remark = await house.image(name="remark", subject=mark)
        await _over(house)
        for data in (first, second, both, mark, remark):
            assert await _there(house, data)
        assert await _blob_there(house, b"layer of remark")
        assert house.sql("select count(*) from candidate") == [0]

    _run(place, scenario)


def test_a_blob_that_no_manifest_names_goes_after_its_lease(place: Place) -> None:
    async def scenario(house: House) -> None:
        data = b"x" * LAYER_SIZE
        await house.blob(data)
        key = house.key_of(data)
        house.clock.move(2 * LEASE - 1)
        assert (await house.collect.run()).looked == 0
        house.clock.move(1)
        done = await house.collect.run()
        assert (done.links, done.contents, done.bytes) == (1, 1, LAYER_SIZE)
        assert not await _blob_there(house, data)
        assert house.doomed() == {key: house.clock.now + GRACE}
        assert (await house.collect.run()).looked == 0
        assert house.sql("select sum(bytes) from usage_delta where path = ?", REPO) == [0]

    _run(place, scenario)


def test_a_tag_that_moved_away_holds_for_the_window(place: Place) -> None:
    async def scenario(house: House) -> None:
        old = await house.image("latest", name="old")
        await house.image("latest", name="new")
        house.clock.move(WINDOW - LEASE)
        await house.collect.run()
        assert await _there(house, old)
        await _over(house)
        assert not await _there(house, old)
        assert not await _blob_there(house, b"layer of old")
        assert await _blob_there(house, b"layer of new")
        assert house.sql("select count(*) from orphan") == [0]

    _run(place, scenario)


def test_the_window_in_effect_now_counts(place: Place) -> None:
    async def scenario(house: House) -> None:
        old = await house.image("latest", name="old")
        await house.image("latest", name="new")
        house.sql("insert into setting (path, name, value) values ('team', 'window', ?)", str(3 * WINDOW))
        await _over(house)
        assert await _there(house, old)
        assert house.due(old) is not None
        house.clock.move(2 * WINDOW)
        await _over(house)
        assert not await _there(house, old)

    _run(place, scenario)


def test_what_never_had_a_root_is_held_for_the_window_from_its_push(place: Place) -> None:
    async def scenario(house: House) -> None:
        data = await house.image(name="untagged")
        house.clock.move(WINDOW - LEASE)
        await house.collect.run()
        assert await _there(house, data)
        assert await _blob_there(house, b"layer of untagged")
        await _over(house)
        assert not await _there(house, data)
        assert _contents(house) == set()

    _run(place, scenario)


def test_a_tombstone_holds_what_it_kept_for_the_window(place: Place) -> None:
    async def scenario(house: House) -> None:
        data = await house.image("gone", name="gone")
        await house.deletion.manifest(house.may_delete(), Digest.of(data))
        house.clock.move(WINDOW - LEASE)
        await house.collect.run()
        assert await _blob_there(house, b"layer of gone")
        assert house.sql("select count(*) from link where gone_at is not null") == [1]
        await _over(house)
        assert _contents(house) == set()
        assert house.sql("select sum(bytes), sum(tags) from usage_delta where path = ?", REPO) == [(0, 0)]

    _run(place, scenario)


def test_a_lease_holds(place: Place) -> None:
    async def scenario(house: House) -> None:
        data = b"x" * LAYER_SIZE
        await house.blob(data)
        for _ in range(5):
            house.clock.move(2 * LEASE - 1)
            head = await house.pulls.blob_head(house.may_pull(), Digest.of(data))
            assert head.size == LAYER_SIZE
            await house.collect.run()
            assert await _blob_there(house, data)
        house.clock.move(2 * LEASE)
        assert (await house.collect.run()).links == 1

    _run(place, scenario)


def test_each_level_has_a_lease_of_its_own(place: Place) -> None:
    async def scenario(house: House) -> None:
        child = await house.image(name="child")
        await house.manifest(index(child), "multi")
        await house.deletion.tag(house.may_delete(), Tag("multi"))
        house.clock.move(WINDOW + LEASE + 1000)
        assert (await house.collect.run()).links == 1
        # Who was told of the child a moment ago, while the index kept it, can still rely on it.
        assert await _there(house, child)
        assert house.due(child) == house.clock.now + LEASE + LEASE // 4
        await house.manifest(index(child, note="again"), "again")
        await _over(house)
        assert await _there(house, child)
        assert await _blob_there(house, b"layer of child")

    _run(place, scenario)


def test_referrers_live_and_die_with_their_subject(place: Place) -> None:
    async def scenario(house: House) -> None:
        subject = await house.image("v1", name="subject")
        mark = await house.image(name="mark", subject=subject)
        early = await house.image(name="early", subject=image(b"{}", note="never pushed"))
        await _over(house)
        assert await _there(house, mark)
        assert not await _there(house, early)
        await house.deletion.tag(house.may_delete(), Tag("v1"))
        await _over(house)
        assert _contents(house) == set()

    _run(place, scenario)


def test_tags_that_belong_to_a_digest_are_no_roots(place: Place) -> None:
    async def scenario(house: House) -> None:
        subject = await house.image("v1", name="subject")
        mark = await house.image(_sig(subject), name="mark")
        of_mark = await house.image(_sig(mark, ""), name="of mark")
        odd = await house.image("sha256-odd", name="odd")
        lonely = await house.image(_sig(b"nothing"), name="lonely")
        await _over(house)
        for data in (mark, of_mark, odd):
            assert await _there(house, data)
        assert not await _there(house, lonely)
        assert house.sql("select count(*) from tag where name = ?", _sig(b"nothing")) == [0]
        assert house.journal().count("tag.deleted") == 1
        assert house.sql("select now_id from tag_event where name = ? order by seq desc limit 1", _sig(b"nothing")) == [
            None
        ]
        await house.deletion.tag(house.may_delete(), Tag("v1"))
        await _over(house)
        await _over(house)
        assert house.sql("select name from tag") == ["sha256-odd"]
        assert {await _there(house, data) for data in (subject, mark, of_mark)} == {False}
        assert house.sql("select sum(tags) from usage_delta where path = ?", REPO) == [1]

    _run(place, scenario)


def test_an_index_whose_subject_is_its_child_does_not_keep_itself(place: Place) -> None:
    async def scenario(house: House) -> None:
        child = await house.image(name="child")
        loop = index(child, subject=child)
        await house.manifest(loop, "loop", media_type=INDEX)
        above = index(loop, note="above")
        await house.manifest(above, "above", media_type=INDEX)
        await _over(house)
        await house.deletion.tag(house.may_delete(), Tag("loop"))
        await _over(house)
        assert await _there(house, loop)
        assert await _there(house, child)
        await house.deletion.tag(house.may_delete(), Tag("above"))
        await _over(house)
        assert _contents(house) == set()
        assert house.sql("select count(*) from edge") == [0]

    _run(place, scenario)


def test_a_manifest_that_keeps_very_much_goes_in_pieces(place: Place) -> None:
    async def scenario(house: House) -> None:
        subject = await house.image("v1", name="subject")
        for number in range(30):
            config = f'{{"n":{number}}}'.encode()
            await house.blob(config)
            await house.manifest(image(config, subject=subject))
        house.clock.move(WINDOW + 3 * LEASE)
        await house.collect.run()
        await house.deletion.tag(house.may_delete(), Tag("v1"))
        await _over(house)
        assert _contents(house) == set()
        assert house.sql("select sum(bytes), sum(tags) from usage_delta where path = ?", REPO) == [(0, 0)]

    import holdfast.registry.collect.links as links

    before, links.MOST_EDGES = links.MOST_EDGES, 7
    try:
        _run(place, scenario)
    finally:
        links.MOST_EDGES = before


def test_what_another_repository_shows_stays_stored(place: Place) -> None:
    async def scenario(house: House) -> None:
        data = b"x" * LAYER_SIZE
        await house.blob(data)
        await house.mounts.blob(house.may_push("team/other"), house.may_pull(), Digest.of(data))
        config = b"{}"
        await house.blob(config, "team/other")
        await house.manifest(image(config, data), "v1", repo="team/other")
        await _over(house)
        assert not await _blob_there(house, data)
        assert await _blob_there(house, data, "team/other")
        assert house.doomed() == {}
        assert house.sql("select count(*) from orphan") == [0]

    _run(place, scenario)


def test_a_subject_without_bytes_keeps_its_row_while_something_names_it(place: Place) -> None:
    async def scenario(house: House) -> None:
        subject = await house.image("v1", name="subject", repo="team/other")
        mark = await house.image("mark", name="mark", subject=subject)
        await house.deletion.tag(house.may_delete("team/other"), Tag("v1"))
        await _over(house)
        assert not await _there(house, subject, "team/other")
        assert house.state(subject) == 2
        assert house.sql("select count(*) from body where content_id = ?", house.id_of(subject)) == [0]
        assert await house.image("v1", name="subject") == subject
        assert await house.referrers(subject) == [Digest.of(mark)]
        for tag in ("v1", "mark"):
            await house.deletion.tag(house.may_delete(), Tag(tag))
        await _over(house)
        assert _contents(house) == set()

    _run(place, scenario)


def test_purged_content_keeps_its_row(place: Place) -> None:
    async def scenario(house: House) -> None:
        data = b"x" * LAYER_SIZE
        await house.blob(data)
        house.sql("update content set state = 3")
        await _over(house)
        assert house.state(data) == 3
        assert house.sql("select count(*) from link") == [0]
        assert house.sql("select count(*) from orphan") == [0]

    _run(place, scenario)


def test_a_push_of_what_just_went_makes_it_anew(place: Place) -> None:
    async def scenario(house: House) -> None:
        for _ in range(3):
            data = await house.image("v1", name="again")
            await house.deletion.manifest(house.may_delete(), Digest.of(data))
            await _over(house)
            assert _contents(house) == set()
        data = await house.image("v1", name="again")
        assert await _there(house, data)

    _run(place, scenario)


def test_nothing_is_looked_at_twice_for_nothing(place: Place) -> None:
    async def scenario(house: House) -> None:
        for number in range(7):
            await house.image(f"v{number}", name=str(number))
            await house.deletion.tag(house.may_delete(), Tag(f"v{number}"))
        house.clock.move(WINDOW + LEASE + 1000)
        first = await house.collect.run()
        assert (first.looked, first.links) == (14, 7)
        assert (await house.collect.run()).looked == 0

    _run(place, scenario)
