"""Reading history: filters, pages, what may be told, and to whom is told who it was."""

from __future__ import annotations

import pytest
from tests.registry.house import REPO, Held, House, Place
from tests.registry.paths import may_manage

from holdfast.access.errors import Invalid
from holdfast.access.model import Subject
from holdfast.oci.digest import Digest
from holdfast.oci.errors import NameInvalid, TagInvalid
from holdfast.oci.name import Tag
from holdfast.registry.errors import RepositoryUnknown, TooManyChanges
from holdfast.registry.history import service
from holdfast.registry.history.model import Change, Difference, Filter, Stood, What
from holdfast.registry.history.service import History
from holdfast.registry.history.targets import Target, read_target

DORA = Subject(7, "dora")
SIGNATURE = "sha256-" + "ab" * 32 + ".sig"


async def changes(house: House, target: str, *grants: str, limit: int = 100, **wanted: object) -> list[Change]:
    found: list[Change] = []
    after = None
    while True:
        page = await History(house.db).changes(
            may_manage("", *grants),
            read_target(target),
            Filter(**wanted),  # type: ignore[arg-type]
            after,
            limit,
        )
        assert len(page.changes) <= limit
        found += page.changes
        after = page.next
        if after is None:
            return found


async def standing(house: House, path: str, at: int | None, *grants: str, limit: int = 100) -> list[Stood]:
    found: list[Stood] = []
    after = ""
    while True:
        page = await History(house.db).standing(may_manage("", *grants), path, at, after, limit)
        found += page.tags
        if page.next is None:
            return found
        after = page.next


async def differences(
    house: House, target: str, since: int, until: int | None, *grants: str, limit: int = 100
) -> list[Difference]:
    found: list[Difference] = []
    after = ("", "")
    while True:
        permit = may_manage("", *grants)
        page = await History(house.db).differences(permit, read_target(target), since, until, after=after, limit=limit)
        found += page.found
        if page.next is None:
            return found
        after = page.next


async def story(house: House) -> tuple[int, list[bytes]]:
    """Two repositories and two people; the instant in the middle, and the images."""
    one = await house.image("dev-1", "prod-1", name="one")
    house.clock.move(10)
    await house.image("v1", name="one", repo="team/lib")
    house.clock.move(10)
    middle = house.clock.now
    house.clock.move(10)
    with house.acting(DORA, Held()):
        two = await house.image("dev-1", name="two")
        house.clock.move(10)
        await house.deletion.tag(house.may_delete(), Tag("prod-1"))
    house.clock.move(10)
    return middle, [one, two]


def test_it_tells_what_happened_and_who_did_it(place: Place) -> None:
    async def scenario(house: House) -> None:
        _, (one, two) = await story(house)
        found = await changes(house, REPO)
        assert [(each.tag, each.what, each.was, each.now, each.actor) for each in found] == [
            ("prod-1", What.DELETED, Digest.of(one), None, "user:dora"),
            ("dev-1", What.MOVED, Digest.of(one), Digest.of(two), "user:dora"),
            ("prod-1", What.CREATED, None, Digest.of(one), "anonymous"),
            ("dev-1", What.CREATED, None, Digest.of(one), "anonymous"),
        ]
        assert {each.request for each in found} == {"test"}
        house.sql("delete from journal")  # archived
        assert {each.actor for each in await changes(house, REPO)} == {None}

    place.run(scenario)


def test_filters_and_pages(place: Place) -> None:
    async def scenario(house: House) -> None:
        middle, _ = await story(house)
        whole = await changes(house, "team")
        assert len(whole) == 5
        assert whole == sorted(whole, key=lambda each: each.at, reverse=True)
        for limit in (1, 2, 3, 4):
            assert await changes(house, "team", limit=limit) == whole
        filters: list[tuple[dict[str, object], object]] = [
            ({"actor": "user:dora"}, lambda each: each.actor == "user:dora"),
            ({"tags": "dev-*"}, lambda each: each.tag.startswith("dev-")),
            ({"what": What.CREATED}, lambda each: each.what is What.CREATED),
            ({"since": middle}, lambda each: each.at > middle),
            ({"until": middle}, lambda each: each.at <= middle),
            ({"actor": "user:nobody"}, lambda _each: False),
            ({"tags": "*-1", "what": What.MOVED}, lambda each: each.what is What.MOVED),
        ]
        for wanted, passes in filters:
            for limit in (1, 100):
                assert await changes(house, "team", limit=limit, **wanted) == list(filter(passes, whole))  # type: ignore[call-overload]
        assert await changes(house, f"{REPO}:dev-1") == [each for each in whole if each.tag == "dev-1"]
        assert await changes(house, f"{REPO}:none") == []
        assert await changes(house, "**") == await changes(house, "team/**") == whole

    place.run(scenario)


def test_pages_end_where_much_is_looked_at(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """However few changes pass the filter, a page costs a bounded look, and the pages together are the whole."""
    monkeypatch.setattr(service, "_PIECE", 2)
    monkeypatch.setattr(service, "_LOOKED_AT", 4)
    monkeypatch.setattr(service, "_WALKED", 2)

    async def scenario(house: House) -> None:
        for n in range(5):
            await house.image("a", "b", f"c{n}", name=f"image {n}")
            house.clock.move(10)
            await house.image("a", "z", name=f"image {n}", repo="team/lib")
            house.clock.move(10)
        whole = await changes(house, "team", limit=1000)
        assert len(whole) == 5 + 5 + 5 + 5 + 5
        assert sorted(whole, key=lambda each: each.at, reverse=True) == whole
        for limit in (1, 3):
            for tags in ("c*", "z", "a", "nothing"):
                wanted = [each for each in whole if each.tag[0] == tags[0]]
                assert await changes(house, "team", limit=limit, tags=tags) == wanted
        assert [each.tag for each in await standing(house, REPO, None, limit=1)] == [
            "a",
            "b",
            *(f"c{n}" for n in range(5)),
        ]

    place.run(scenario)


def test_an_instant_and_what_differs(place: Place) -> None:
    async def scenario(house: House) -> None:
        middle, (one, two) = await story(house)
        assert [(each.tag, each.digest, each.live) for each in await standing(house, REPO, middle)] == [
            ("dev-1", Digest.of(one), True),
            ("prod-1", Digest.of(one), True),
        ]
        assert [(each.tag, each.digest) for each in await standing(house, REPO, None)] == [("dev-1", Digest.of(two))]
        assert await standing(house, REPO, 1) == []
        house.clock.move(10)
        await house.deletion.manifest(house.may_delete(), Digest.of(one))
        assert [each.live for each in await standing(house, REPO, middle)] == [False, False]
        found = await differences(house, "team", middle, None)
        assert [(each.repository, each.tag, each.what) for each in found] == [
            (REPO, "dev-1", What.MOVED),
            (REPO, "prod-1", What.DELETED),
        ]
        assert await differences(house, "team", middle, None, limit=1) == found
        assert len(await differences(house, "team", 1, middle)) == 3
        assert [each.what for each in await differences(house, f"{REPO}:prod-1", 1, middle)] == [What.CREATED]
        assert await differences(house, f"{REPO}:prod-1", 1, None) == [], "it came and went"
        with pytest.raises(Invalid):
            await differences(house, REPO, middle, 1)

    place.run(scenario)


def test_differences_are_bounded(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "MOST_DIFFERENCES", 3)

    async def scenario(house: House) -> None:
        await house.image("a", "b", "c")
        assert len(await differences(house, REPO, 1, None)) == 3
        await house.image("d")
        with pytest.raises(TooManyChanges):
            await differences(house, REPO, 1, None)

    place.run(scenario)


def test_nothing_is_told_that_may_not_be(place: Place) -> None:
    async def scenario(house: House) -> None:
        middle, (_, two) = await story(house)
        await house.manifest(two, SIGNATURE)
        some = "reader team/app:dev-*"
        assert {each.tag for each in await changes(house, "team", some)} == {"dev-1"}
        assert {each.tag for each in await standing(house, REPO, middle, some)} == {"dev-1"}
        assert {each.tag for each in await differences(house, "**", 1, None, some)} == {"dev-1"}
        assert {each.tag for each in await changes(house, REPO, "reader **")} == {"dev-1", "prod-1", SIGNATURE}
        for target in ("team/lib", "team/lib:v1", "other", "team/nothing"):
            with pytest.raises(RepositoryUnknown):
                await changes(house, target, some)
            with pytest.raises(RepositoryUnknown):
                await differences(house, target, 1, None, some)
        with pytest.raises(RepositoryUnknown):
            await standing(house, "team/lib", None, some)
        with pytest.raises(RepositoryUnknown):
            await changes(house, "**", "reader nowhere/**")

    place.run(scenario)


@pytest.mark.parametrize(
    ("grants", "told"),
    [
        (("reader **",), False),
        (("writer **",), True),
        (("reader **", "auditor **"), True),
        (("writer **:dev-*",), True),
    ],
)
def test_who_it_was_is_told_to_some(place: Place, grants: tuple[str, ...], told: bool) -> None:
    async def scenario(house: House) -> None:
        await story(house)
        found = await changes(house, f"{REPO}:dev-1", *grants)
        assert [each.actor for each in found] == (["user:dora", "anonymous"] if told else [None, None])
        assert len(await changes(house, f"{REPO}:dev-1", *grants, actor="user:dora")) == int(told)

    place.run(scenario)


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("shop/web:v1", Target("shop/web", "v1")),
        ("shop/web", Target("shop/web")),
        ("shop/**", Target("shop", None, True)),
        ("**", Target("", None, True)),
        ("", Target("", None, True)),
    ],
)
def test_targets_are_read(text: str, target: Target) -> None:
    assert read_target(text) == target
    assert read_target(str(target)) == target


@pytest.mark.parametrize("text", ["Shop", "a//b", "/", "a:", "a:b:c", "*/a", "a/*", "a@sha256:x", "a/**:v1", "a:-"])
def test_what_is_no_target_is_refused(text: str) -> None:
    with pytest.raises((NameInvalid, TagInvalid)):
        read_target(text)
