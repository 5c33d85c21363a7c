"""Tags that belong to a digest keep nothing: what comes back under one alone stays a candidate of the collector."""

from __future__ import annotations

from tests.registry.history.rolling import now, roll_back, tags
from tests.registry.history.test_undelete import delete, restore
from tests.registry.house import REPO, House, Place

from holdfast.oci.name import Tag

SIGNED = f"sha256-{'a' * 64}.sig"
"""It belongs to what was never here."""


def test_a_rollback_leaves_a_candidate_under_a_tag_of_a_digest(place: Place) -> None:
    async def scenario(house: House) -> None:
        signature = await house.image(SIGNED, name="signature")
        then = await now(house)
        await house.deletion.tag(house.may_delete(), Tag(SIGNED))
        house.clock.move(100)
        await roll_back(house, REPO, then)
        assert SIGNED in tags(house)
        assert house.due(signature) is not None

    place.run(scenario)


def test_a_rollback_settles_what_another_tag_keeps(place: Place) -> None:
    async def scenario(house: House) -> None:
        signature = await house.image(SIGNED, "kept", name="signature")
        then = await now(house)
        for tag in (SIGNED, "kept"):
            await house.deletion.tag(house.may_delete(), Tag(tag))
            house.clock.move(100)
        await roll_back(house, REPO, then)
        assert house.due(signature) is None

    place.run(scenario)


def test_an_undeleted_manifest_under_a_tag_of_a_digest_stays_a_candidate(place: Place) -> None:
    async def scenario(house: House) -> None:
        signature = await house.image(SIGNED, name="signature")
        await delete(house, signature)
        found = await restore(house, signature, with_tags=True)
        assert found.tags == (SIGNED,)
        assert house.due(signature) is not None

    place.run(scenario)


def test_an_undeleted_tag_of_a_digest_settles_nothing(place: Place) -> None:
    async def scenario(house: House) -> None:
        signature = await house.image(SIGNED, name="signature")
        await house.deletion.tag(house.may_delete(), Tag(SIGNED))
        house.clock.move(100)
        await restore(house, SIGNED)
        assert house.due(signature) is not None

    place.run(scenario)
