"""Who may promote: reading at the source, pushing and signing at the target; what is hidden is not there."""

from __future__ import annotations

import pytest
from tests.registry.house import REPO, House, Place
from tests.registry.promotion.granted import granted
from tests.registry.promotion.test_promotion import PROD, family, promote

from holdfast.access.errors import Denied
from holdfast.oci.digest import Digest
from holdfast.registry.errors import ManifestUnknown, RepositoryUnknown

READS = "reader team/**"
WRITES = "writer prod/**"


async def nothing_changes(house: House, error: type[Exception], *grants: str, **what: object) -> str:
    """The promotion of `v1` is refused to who holds `grants`, and leaves nothing."""
    tables = ("repository", "link", "edge", "tag_event", "usage_delta", "journal", "candidate")
    before = [house.sql(f"select count(*) from {table}") for table in tables]
    reference = str(what.pop("reference", "v1"))
    with pytest.raises(error) as caught:
        await promote(house, reference, str(what.pop("tag", "v1")), permit=granted(*grants), **what)  # type: ignore[arg-type]
    assert [house.sql(f"select count(*) from {table}") for table in tables] == before
    return str(caught.value)


def test_both_ends_are_asked(place: Place) -> None:
    async def scenario(house: House) -> None:
        await family(house)
        await nothing_changes(house, RepositoryUnknown, WRITES)
        await nothing_changes(house, RepositoryUnknown, READS)
        await nothing_changes(house, Denied, READS, "reader prod/**")
        await nothing_changes(house, Denied, "auditor team/**", WRITES)  # is told of it, and may not pull
        await nothing_changes(house, Denied, READS, WRITES, "deny create-repository prod/**")
        await nothing_changes(house, Denied, READS, WRITES, "deny create-tag prod/**:v*")
        await nothing_changes(house, Denied, READS, WRITES, "deny sign prod/**")
        await nothing_changes(house, Denied, READS, WRITES, "deny pull team/**:v*")
        await promote(house, "v1", "v1", permit=granted(READS, WRITES, "deny sign prod/**"), referrers=False)

    place.run(scenario)


def test_what_is_hidden_is_answered_like_what_is_not_there(place: Place) -> None:
    async def scenario(house: House) -> None:
        made = await family(house)
        hidden = Digest.of(await house.image("secret", name="secret"))
        nowhere = Digest.of(b"nowhere")
        for one, other in ((REPO, "team/none"), ("hidden/a", "hidden/b")):
            said = {
                await nothing_changes(house, RepositoryUnknown, WRITES, source=each, reference=Digest.of(made["one"]))
                for each in (one, other)
            }
            assert len(said) == 1
        some = ("reader team/**:v*", WRITES)
        said = {
            (await nothing_changes(house, ManifestUnknown, *some, reference=each)).replace(each, "")
            for each in (hidden, nowhere)
        }
        assert len(said) == 1
        await nothing_changes(house, Denied, *some, reference="secret")
        await promote(house, Digest.of(made["one"]), "one", permit=granted(*some))  # the tag v1 leads to it

    place.run(scenario)


def test_a_tag_is_moved_by_who_may_overwrite(place: Place) -> None:
    async def scenario(house: House) -> None:
        await family(house)
        await house.image("v1", name="before", repo=PROD)
        await nothing_changes(house, Denied, READS, WRITES, "deny overwrite prod/**:v1")
        await nothing_changes(house, Denied, READS, "writer prod/**:dev-*")
        await promote(house, "v1", "dev-1", permit=granted(READS, "writer prod/**:dev-*"))
        found = await promote(house, "v1", "v1", permit=granted(READS, WRITES, "deny pull prod/**:v1"), referrers=False)
        assert found.tags[0].was is None, "what he may not pull is not told"
        assert found.added is None

    place.run(scenario)


def test_signing_is_asked_of_the_tag_that_leads_there(place: Place) -> None:
    async def scenario(house: House) -> None:
        await family(house)
        dev = "writer prod/**:dev-*"
        await house.image("dev-0", name="before", repo=PROD)
        await promote(house, "v1", "dev-1", permit=granted(READS, dev))
        await nothing_changes(house, Denied, READS, "writer prod/**", "deny sign prod/**:v*", tag="v9", target="prod/x")

    place.run(scenario)


def test_retagging_needs_reading_and_writing_in_the_one_repository(place: Place) -> None:
    async def scenario(house: House) -> None:
        await family(house)
        await nothing_changes(house, Denied, READS, target=REPO)
        await nothing_changes(house, Denied, "writer team/**:dev-*", target=REPO, tag="dev-2")
        await nothing_changes(house, Denied, "writer team/**", "deny pull team/**:v*", target=REPO, tag="dev-2")
        await promote(house, "v1", "dev-2", target=REPO, permit=granted("writer team/**"))

    place.run(scenario)
