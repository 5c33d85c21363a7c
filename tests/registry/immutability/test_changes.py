"""Immutable tags against pushes and deletes: decided in the unit that writes."""

from __future__ import annotations

import pytest
from tests.registry.house import REPO, House, Place, image
from tests.registry.test_races import ROUNDS, failed, race, sound, together

from holdfast.oci.digest import Digest
from holdfast.oci.name import Tag
from holdfast.registry.errors import Immutable
from holdfast.registry.immutability.rules import SETTING, Rule, canonical


def hold(house: House, path: str, *rules: Rule) -> None:
    """Let `rules` be those of a path."""
    house.sql("delete from setting where path = ? and name = ?", path, SETTING)
    house.sql("insert into setting (path, name, value) values (?, ?, ?)", path, SETTING, canonical(rules))


async def config(house: House, repo: str = REPO) -> bytes:
    await house.blob(b"{}", repo)
    return b"{}"


def variant(number: int) -> bytes:
    """A manifest of its own digest, over the same config."""
    return image(b"{}", annotations={"n": str(number)})


def test_a_tag_does_not_move_and_the_same_digest_is_no_move(place: Place) -> None:
    async def scenario(house: House) -> None:
        await config(house)
        hold(house, "team", Rule("v*", ("*-dev",)))
        first, second = variant(1), variant(2)
        for tag in ("v1", "v1-dev", "latest"):
            await house.manifest(first, tag)
        before = house.journal()
        await house.manifest(first, "v1")
        assert house.journal() == before, "putting what is there is no event"
        for tags in (["v1"], ["latest", "v1"]):
            with pytest.raises(Immutable, match=r"rule 'v\* except \*-dev' of team"):
                await house.manifest(second, *tags)
        assert house.journal() == before
        assert (await house.get("latest")).data == first, "a push moves all its tags, or none"
        await house.manifest(second, "v1-dev", "latest", "v2")
        assert (await house.get("v1")).data == first
        assert (await house.get("v2")).data == second

    place.run(scenario)


def test_the_nearest_path_holds(place: Place) -> None:
    async def scenario(house: House) -> None:
        await config(house)
        hold(house, "", Rule("*"))
        await house.manifest(variant(1), "v1", "latest")
        with pytest.raises(Immutable, match="of all repositories"):
            await house.manifest(variant(2), "latest")
        hold(house, "team", Rule("v*"))
        await house.manifest(variant(2), "latest")
        with pytest.raises(Immutable, match="of team"):
            await house.manifest(variant(2), "v1")
        hold(house, REPO)
        await house.manifest(variant(2), "v1")

    place.run(scenario)


def test_what_may_not_be_deleted_stays(place: Place) -> None:
    async def scenario(house: House) -> None:
        data = await house.image("v1", "latest")
        hold(house, REPO, Rule("v*", move=True))
        with pytest.raises(Immutable, match=r"cannot be deleted .* the tag can move"):
            await house.deletion.tag(house.may_delete(), Tag("v1"))
        with pytest.raises(Immutable, match="the tag 'v1'"):
            await house.deletion.manifest(house.may_delete(), Digest.of(data))
        await house.deletion.tag(house.may_delete(), Tag("latest"))
        await house.image("v1", name="other")
        await house.deletion.manifest(house.may_delete(), Digest.of(data))

    place.run(scenario)


def test_what_may_be_deleted_frees_its_name(place: Place) -> None:
    async def scenario(house: House) -> None:
        await config(house)
        hold(house, REPO, Rule("*", delete=True))
        await house.manifest(variant(1), "v1")
        with pytest.raises(Immutable, match="or delete this one first"):
            await house.manifest(variant(2), "v1")
        await house.deletion.tag(house.may_delete(), Tag("v1"))
        await house.manifest(variant(2), "v1")

    place.run(scenario)


def test_signatures_are_added_all_the_same(place: Place) -> None:
    async def scenario(house: House) -> None:
        data = await house.image("v1")
        hold(house, "", Rule("*"))
        name = Digest.of(data).replace(":", "-") + ".sig"
        for number in (1, 2):
            await house.blob(b"{}")
            await house.manifest(variant(number), name)
        await house.deletion.tag(house.may_delete(), Tag(name))

    place.run(scenario)


def test_of_two_first_pushes_the_later_is_refused() -> None:
    async def scenario(one: House, two: House) -> None:
        hold(one, "race", Rule("v*"))
        for number in range(ROUNDS):
            repo = f"race/{number}"
            await config(one, repo) if number % 2 else None
            pushes = []
            for house, data in ((one, variant(1)), (two, variant(2)), (two, variant(1)), (one, variant(2))):
                pushes.append(_push(house, data, repo))
            refused = failed(await together(*pushes), Immutable)
            assert len(refused) == 2, "both of the digest that was later"
            assert (
                len(one.sql("select name from tag t join repository r on r.id = t.repo_id where r.path = ?", repo)) == 1
            )
            assert (await one.get("v1", repo)).data in (variant(1), variant(2))
        sound(one)

    race(scenario)


async def _push(house: House, data: bytes, repo: str) -> None:
    await config(house, repo)
    await house.manifest(data, "v1", repo=repo)
