"""Order and time of a repository (data model, rules 1 and 2): seq, a clock that goes back, and the chain of a tag."""

from __future__ import annotations

import asyncio
import json
from typing import NamedTuple

from tests.registry.house import START, WINDOW, House, Place

from holdfast.oci.digest import Digest
from holdfast.oci.name import Tag


class Event(NamedTuple):
    """A row of a tag's history."""

    seq: int
    name: str
    was: str | None
    now: str | None
    at: int


def events(house: House) -> list[Event]:
    rows = house.sql(
        """
        select e.seq, e.name, w.digest, n.digest, e.at from tag_event e
        left join content w on w.id = e.was_id left join content n on n.id = e.now_id order by e.seq, e.name
        """
    )
    return [Event(*row) for row in rows]


def moment(house: House) -> tuple[int, int]:
    (found,) = house.sql("select seq, last_at from repository")
    return int(found[0]), int(found[1])


def test_a_tag_is_the_last_of_its_events(place: Place) -> None:
    async def scenario(house: House) -> None:
        one, two = await house.image("v1", name="one"), await house.image("v1", "latest", name="two")
        await house.deletion.tag(house.may_delete(), Tag("v1"))
        await house.manifest(one, "v1")
        await house.deletion.manifest(house.may_delete(), Digest.of(two))
        first, second = Digest.of(one), Digest.of(two)
        found = events(house)
        assert [(each.name, each.was, each.now) for each in found] == [
            ("v1", None, first),
            ("latest", None, second),
            ("v1", first, second),
            ("v1", second, None),
            ("v1", None, first),
            ("latest", second, None),
        ]
        times = [each.at for each in found]
        assert times == sorted(times)
        assert [each.seq for each in found] == [1, 2, 2, 3, 4, 5]
        rows = house.sql("select t.name, c.digest, t.seq from tag t join content c on c.id = t.content_id")
        assert rows == [("v1", first, 4)]

    place.run(scenario)


def test_a_tag_knows_what_it_was(place: Place) -> None:
    async def scenario(house: House) -> None:
        one = await house.image("v1", name="one")
        assert house.sql("select was_id from tag") == [None]
        two = await house.image("v1", name="two")
        assert house.sql("select was_id from tag") == [house.id_of(one)]
        await house.manifest(two, "v1")
        assert house.sql("select was_id from tag") == [house.id_of(one)]

    place.run(scenario)


def test_the_digest_that_a_tag_has_already_is_no_event(place: Place) -> None:
    async def scenario(house: House) -> None:
        data = await house.image("v1")
        before, recorded = events(house), house.journal()
        for _ in range(3):
            pushed = await house.manifest(data, "v1")
            assert pushed.digest == Digest.of(data)
        assert events(house) == before
        assert house.journal() == recorded
        await house.manifest(data, "v1", "v2")
        assert [each.name for each in events(house)] == ["v1", "v2"]
        assert house.journal() == [*recorded, "tag.moved"]

    place.run(scenario)


def test_time_never_goes_back_and_seq_never_stands_still(place: Place) -> None:
    async def scenario(house: House) -> None:
        moments = []
        data = await house.image("v0")
        for number, step in enumerate((0, 0, -WINDOW, 5, -1, 2 * WINDOW, 0), 1):
            house.clock.move(step)
            await house.manifest(data, f"v{number}")
            moments.append(moment(house))
        assert [seq for seq, _ in moments] == list(range(2, 9))
        times = [at for _, at in moments]
        assert times == sorted(set(times))
        assert times[-1] >= START + WINDOW
        assert [each.at for each in events(house)] == sorted({each.at for each in events(house)})

    place.run(scenario)


def test_repositories_keep_their_own_time(place: Place) -> None:
    async def scenario(house: House) -> None:
        await asyncio.gather(*(house.image("v1", name=str(n), repo=f"r{n % 3}") for n in range(9)))
        for path in ("r0", "r1", "r2"):
            rows = house.sql(
                "select e.seq from tag_event e join repository r on r.id = e.repo_id where r.path = ? order by e.seq",
                path,
            )
            assert rows == [1, 2, 3]

    place.run(scenario)


def test_blobs_take_no_place_in_history(place: Place) -> None:
    async def scenario(house: House) -> None:
        await house.blob(b"one")
        await house.chunked(b"two")
        await house.deletion.blob(house.may_delete(), Digest.of(b"one"))
        assert moment(house)[0] == 0
        assert house.journal() == ["blob.deleted"]

    place.run(scenario)


def test_what_happened_is_recorded_with_who_and_where(place: Place) -> None:
    async def scenario(house: House) -> None:
        data = await house.image("v1", "latest")
        await house.manifest(data, "v2")
        await house.deletion.tag(house.may_delete(), Tag("v2"))
        await house.deletion.manifest(house.may_delete(), Digest.of(data))
        await house.deletion.blob(house.may_delete(), Digest.of(b"layer of app"))
        rows = house.sql("select kind, seq, actor, request, data from journal order by id")
        digest = Digest.of(data)
        assert [(kind, seq, json.loads(data)) for kind, seq, _, _, data in rows] == [
            ("manifest.pushed", 1, {"digest": digest, "tags": ["v1", "latest"]}),
            ("tag.moved", 2, {"digest": digest, "tags": ["v2"]}),
            ("tag.deleted", 3, {"tag": "v2"}),
            ("manifest.deleted", 4, {"digest": digest, "tags": ["latest", "v1"]}),
            ("blob.deleted", 4, {"digest": Digest.of(b"layer of app")}),
        ]
        assert {(actor, request) for _, _, actor, request, _ in rows} == {("anonymous", "test")}
        assert house.sql("select distinct pos from journal") == [None], "the feed's position is the sealer's"

    place.run(scenario)


def test_what_a_namespace_holds_is_counted(place: Place) -> None:
    async def scenario(house: House) -> None:
        data = await house.image("v1", "v2")
        size = len(data) + len(b'{"name":"app"}') + len(b"layer of app")
        total = "select sum(bytes), sum(repositories), sum(tags) from usage_delta"
        assert house.sql(total) == [(size, 1, 2)]
        await house.manifest(data, "v1")
        await house.blob(b"layer of app")
        assert house.sql(total) == [(size, 1, 2)]
        await house.image("v1", repo="other")
        assert house.sql(total) == [(2 * size, 2, 3)], "as if nobody else existed"
        await house.deletion.tag(house.may_delete(), Tag("v2"))
        await house.deletion.manifest(house.may_delete(), Digest.of(data))
        assert house.sql(total) == [(2 * size - len(data), 2, 1)]
        await house.manifest(data, "v1")
        assert house.sql(total) == [(2 * size, 2, 2)]

    place.run(scenario)
