"""Who may put what: tags, signatures, and nothing that he could not read; and uploads, mounts, deletes."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

import pytest
from tests.registry.house import LEASE, REPO, Held, House, Place, image, index, pieces
from tests.registry.reach.recording import Recorded
from tests.registry.rights import rights

from holdfast.access.errors import Denied, StalePermit
from holdfast.access.model import Subject
from holdfast.access.policy.decide import Rights, TagRights
from holdfast.access.policy.model import Action
from holdfast.oci.digest import Digest
from holdfast.oci.name import Tag
from holdfast.registry.errors import BlobsMissing, BlobUnknown, InUse, ManifestUnknown
from holdfast.registry.upload.intake import Chunk
from holdfast.registry.upload.mount import Mount

DEV = Subject(7, "dev")
DEV_TAGS = rights("dev-*")
DEVELOPER = Held(pull=DEV_TAGS, create=DEV_TAGS, overwrite=DEV_TAGS, sign=DEV_TAGS, delete=DEV_TAGS)
PUSHER = Held(pull=TagRights.NONE, sign=TagRights.NONE)


def layer(name: str) -> Digest:
    return Digest.of(f"layer of {name}".encode())


def tag_of(data: bytes, suffix: str = ".sig") -> str:
    return "sha256-" + Digest.of(data)[7:] + suffix


async def refused(house: House, work: Awaitable[object]) -> None:
    """It is denied, and nothing of it is left."""
    before = house.sql("select repo_id, seq, name from tag_event order by 1, 2, 3"), house.journal()
    with pytest.raises(Denied):
        await work
    assert (house.sql("select repo_id, seq, name from tag_event order by 1, 2, 3"), house.journal()) == before


def test_a_tag_is_made_by_who_may_create_and_moved_by_who_may_overwrite(place: Place) -> None:
    async def scenario(house: House) -> None:
        one, two = await house.image("there", name="one"), await house.image(name="two")
        creates = Held(create=rights("*"), overwrite=TagRights.NONE)
        moves = Held(create=TagRights.NONE, overwrite=rights("*"))
        with house.acting(DEV, creates):
            await refused(house, house.manifest(two, "there"))
            before = house.journal()
            await house.manifest(one, "there")
            assert house.journal() == before, "the same digest is no event"
            await house.manifest(two, "new")
            await refused(house, house.manifest(one, "newer", "there", "new"))
        assert house.sql("select name from tag order by name") == ["new", "there"], "all tags or none"
        with house.acting(DEV, moves):
            await refused(house, house.manifest(one, "fresh"))
            await house.manifest(two, "new")
            await house.manifest(one, "new")
        with house.acting(DEV, Held(create=TagRights.NONE, overwrite=TagRights.NONE)):
            await refused(house, house.manifest(one, "new"))
            await house.manifest(one)
            await house.image(name="by digest")

    place.run(scenario)


def test_developers_push_and_only_operations_pull_production(place: Place) -> None:
    async def scenario(house: House) -> None:
        await house.image("prod-1", name="prod")
        with house.acting(DEV, DEVELOPER):
            await house.image("dev-1", name="dev")
            await house.image("dev-1", name="dev again")
            await refused(house, house.image("prod-1", name="dev"))
            await refused(house, house.image("prod-2", name="dev"))
            await house.get("dev-1")
            with pytest.raises(Denied):
                await house.get("prod-1")

    place.run(scenario)


def test_what_is_signed_must_be_pulled_and_signed_for(place: Place) -> None:
    async def scenario(house: House) -> None:
        dev, prod = await house.image("dev-1", name="dev"), await house.image("prod-1", name="prod")
        loose = await house.image(name="loose")
        later = image(b"later", b"later")
        with house.acting(DEV, DEVELOPER):
            await house.image(name="of dev", subject=dev)
            await house.image(tag_of(dev), name="of dev by tag")
            await house.image(tag_of(dev, ""), name="of dev by tag without suffix")
            for subject in (prod, loose, later):
                await refused(house, house.image(name="no", subject=subject))
                await refused(house, house.image(tag_of(subject), name="no"))
        with house.acting(DEV, Held(sign=DEV_TAGS)):
            for subject in (dev, loose, later):
                await house.image(name="s" + Digest.of(subject), subject=subject)
            await refused(house, house.image(name="no", subject=prod))
        with house.acting(DEV, Held(sign=TagRights.NONE)):
            await refused(house, house.image(name="no", subject=dev))
            await refused(house, house.image(tag_of(dev), name="no"))
            await refused(house, house.image("v1", tag_of(later), name="no"))
            await house.image("v1", name="unsigned")
        with house.acting(DEV, Held(create=TagRights.NONE, overwrite=TagRights.NONE)):
            await house.image(tag_of(prod), name="signing is not creating")

    place.run(scenario)


def test_a_hidden_subject_is_refused_as_one_that_is_not_there(place: Place) -> None:
    async def scenario(house: House) -> None:
        prod, nowhere = await house.image("prod-1", name="prod"), image(b"n", b"n")
        with house.acting(DEV, DEVELOPER):
            for data in (b"config", b"layer"):
                await house.blob(data)
            said = []
            for subject in (prod, nowhere):
                with pytest.raises(Denied) as refusal:
                    await house.manifest(image(b"config", b"layer", subject=subject))
                said.append((str(refusal.value), refusal.value.detail))
        assert said[0] == said[1]

    place.run(scenario)


def test_naming_what_is_hidden_is_naming_what_is_not_there(place: Place) -> None:
    """Nobody comes to read a layer by putting a manifest that names it under a tag of his own."""

    async def scenario(house: House) -> None:
        prod = await house.image("prod-1", name="prod")
        foreign: dict[str, Any] = {"layers": [_foreign(b"layer of prod")]}
        for held in (DEVELOPER, PUSHER):
            with house.acting(DEV, held):
                await house.blob(b"config of mine")
                hidden = image(b"config of mine", b"layer of prod")
                for tags in (("dev-1",), ()):
                    with pytest.raises(BlobsMissing) as missing:
                        await house.manifest(hidden, *tags)
                    assert missing.value.digests == (layer("prod"),)
                    with pytest.raises(BlobsMissing):
                        await house.manifest(index(prod), *tags)
                    with pytest.raises(BlobsMissing):
                        await house.manifest(prod, *tags)
                await house.manifest(image(b"config of mine", **foreign), "dev-foreign")
            with house.acting(DEV, DEVELOPER), pytest.raises(BlobUnknown):
                await house.pulls.blob(house.may_pull(), layer("prod"))

    place.run(scenario, sparse_indexes=True)


def test_uploading_the_bytes_of_a_manifest_gives_no_right_to_its_layers(place: Place) -> None:
    async def scenario(house: House) -> None:
        prod = await house.image("prod-1", name="prod")
        with house.acting(DEV, DEVELOPER):
            await house.blob(prod)
            await house.blob(b"config of mine")
            for wrapper in (prod, index(prod), image(b"config of mine", prod)):
                with pytest.raises(BlobsMissing):
                    await house.manifest(wrapper, "dev-1")

    place.run(scenario)


@pytest.mark.parametrize("held", [DEVELOPER, PUSHER], ids=["by tag", "without pull"])
def test_a_push_of_ones_own_goes_through(place: Place, held: Held) -> None:
    """By digest first, an index of what was put, everything once more, and under a second tag."""

    async def scenario(house: House) -> None:
        await house.image("prod-1", name="amd")
        with house.acting(DEV, held):
            for _ in range(2):
                amd, arm = await house.image(name="amd"), await house.image(name="arm")
                await house.manifest(amd)
                both = index(amd, arm)
                await house.manifest(both)
                await house.manifest(both, "dev-1")
                await house.manifest(both, "dev-2")
                await house.image("dev-3", name="amd")
        other = held if held is PUSHER else held._replace(pull=rights("other-*"))
        with house.acting(Subject(8, "another"), other), pytest.raises(BlobsMissing):
            await house.manifest(index(arm), "dev-4")

    place.run(scenario)


def test_what_a_tag_of_mine_reaches_may_be_named_again(place: Place) -> None:
    async def scenario(house: House) -> None:
        await house.image("dev-1", name="shared")
        with house.acting(DEV, DEVELOPER):
            await house.blob(b"config of mine")
            assert house.leases(b"layer of shared") == []
            await house.manifest(image(b"config of mine", b"layer of shared"), "dev-2")
            await house.manifest((await house.get("dev-1")).data, "dev-3")

    place.run(scenario, lease=LEASE)


def test_a_repository_is_made_only_by_who_may(place: Place) -> None:
    async def scenario(house: House) -> None:
        nobody = Rights("user:dev", [], {})
        held = Held(create_repository=nobody.tags(Action.CREATE_REPOSITORY, "team/new"))
        await house.image("v1", name="here")
        with house.acting(DEV, held):
            await house.image("v2", name="here")
            for work in (
                house.uploads.start(house.may_push("team/new"), "sha256"),
                house.blob(b"bytes", "team/new"),
                house.manifest(index(), "v1", repo="team/new"),
                house.mounts.blob(house.may_push("team/new"), house.may_pull(), layer("here")),
            ):
                with pytest.raises(Denied) as refusal:
                    await work
                assert refusal.value.detail["action"] == "create-repository"
        assert house.sql("select path from repository") == [REPO]
        assert house.doomed() == {}
        with house.acting(DEV, held):
            token = (await house.uploads.start(house.may_push(), "sha256")).token
            await house.uploads.append(house.may_push(), token, Chunk(pieces(b"x" * 40_000)))

    place.run(scenario)


def test_a_token_of_a_repository_that_is_gone_makes_no_other(place: Place) -> None:
    async def scenario(house: House) -> None:
        with house.acting(DEV, Held(repository_id=5)), pytest.raises(StalePermit):
            await house.blob(b"bytes", "team/new")
        assert house.sql("select path from repository") == []

    place.run(scenario)


def test_a_mount_needs_the_right_to_read_the_source(place: Place) -> None:
    """Else it is answered as for a digest that nobody knows, after the same statements."""

    async def scenario(house: House) -> None:
        await house.image("dev-1", name="dev", repo="team/source")
        await house.image("prod-1", name="prod", repo="team/source")
        recorded = Recorded(house.db)
        mounts = Mount(recorded, house.blobs, house.settings)
        with house.acting(DEV, DEVELOPER):
            source, target = house.may_pull("team/source"), house.may_push()
            assert await mounts.blob(target, source, layer("dev"))
            assert await house.read(layer("dev")), "leased to who mounted it"
            recorded.take()
            assert not await mounts.blob(target, source, Digest.of(b"nothing"))
            wanted = recorded.take()
            assert not await mounts.blob(target, source, layer("prod"))
            assert recorded.take() == wanted
        with house.acting(DEV, PUSHER._replace(push=False)):
            assert not await mounts.blob(house.may_push(), house.may_pull("team/source"), layer("dev"))
        with house.acting(DEV, Held(repository_id=77)):
            assert not await mounts.blob(target, house.may_pull("team/source"), layer("dev"))

    place.run(scenario)


def test_a_delete_needs_every_tag_that_leads_there(place: Place) -> None:
    async def scenario(house: House) -> None:
        dev = await house.image("dev-1", name="dev")
        both = await house.image("dev-2", "prod-2", name="both")
        prod = await house.image("prod-1", name="prod")
        signature = await house.image(name="signature", subject=prod)
        await house.image(tag_of(prod), name="by tag")
        moved = await house.image("prod-3", name="moved")
        await house.manifest(both, "prod-3")
        loose = await house.image(name="loose")
        with house.acting(DEV, DEVELOPER):
            await refused(house, house.deletion.tag(house.may_delete(), Tag("prod-1")))
            await refused(house, house.deletion.tag(house.may_delete(), Tag("prod-none")))
            await refused(house, house.deletion.manifest(house.may_delete(), Digest.of(both)))
            for hidden in (prod, signature, moved):
                with pytest.raises(ManifestUnknown):
                    await house.deletion.manifest(house.may_delete(), Digest.of(hidden))
            with pytest.raises(BlobUnknown):
                await house.deletion.blob(house.may_delete(), layer("prod"))
            with pytest.raises(InUse) as used:
                await house.deletion.blob(house.may_delete(), layer("dev"))
            assert used.value.detail == {}
            await house.deletion.tag(house.may_delete(), Tag("dev-2"))
            await house.deletion.manifest(house.may_delete(), Digest.of(dev))
            await house.deletion.blob(house.may_delete(), layer("dev"))
            await house.deletion.manifest(house.may_delete(), Digest.of(loose))
        with house.acting(DEV, Held(delete=rights("*", deny=["prod-*"]))):
            await refused(house, house.deletion.tag(house.may_delete(), Tag(tag_of(prod))))
            await refused(house, house.deletion.manifest(house.may_delete(), Digest.of(prod)))
            await refused(house, house.deletion.blob(house.may_delete(), layer("prod")))

    place.run(scenario)


def test_a_delete_of_what_is_hidden_is_one_of_what_is_not_there(place: Place) -> None:
    async def scenario(house: House) -> None:
        await house.image("dev-1", name="dev")
        prod = await house.image("prod-1", name="prod")
        recorded = Recorded(house.db)
        deletion = type(house.deletion)(recorded, house.objects, house.settings)
        with house.acting(DEV, DEVELOPER):
            seen = []
            for digest in (Digest.of(prod), Digest.of(b"nothing")):
                with pytest.raises(ManifestUnknown) as refusal:
                    await deletion.manifest(house.may_delete(), digest)
                seen.append((str(refusal.value), recorded.take()))
            for digest in (layer("prod"), Digest.of(b"nothing")):
                with pytest.raises(BlobUnknown) as unknown:
                    await deletion.blob(house.may_delete(), digest)
                seen.append((str(unknown.value), recorded.take()))
        assert seen[0] == seen[1]
        assert seen[2] == seen[3]

    place.run(scenario)


def _foreign(data: bytes) -> dict[str, object]:
    kind = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"
    return {"mediaType": kind, "digest": Digest.of(data), "size": len(data), "urls": ["https://elsewhere.example/l"]}
