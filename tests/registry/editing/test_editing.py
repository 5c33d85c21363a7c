"""Edits: new manifests and indexes of what is stored."""

from __future__ import annotations

import json

import pytest
from tests.registry.house import CONFIG, INDEX, MANIFEST, REPO, House, Place, descriptor, image, index
from tests.registry.promotion.granted import everything, granted

from holdfast.access.errors import Changed, Conflict, Denied, Invalid
from holdfast.access.model import PathPermit
from holdfast.oci import mediatype
from holdfast.oci.digest import Digest
from holdfast.oci.name import RepositoryName, Tag, parse_reference
from holdfast.registry.editing.service import Annotate, Edited, Editing, MakeIndex
from holdfast.registry.errors import ManifestUnknown, RepositoryUnknown
from holdfast.registry.push.service import ManifestPut

NAME = RepositoryName(REPO)


def editing(house: House) -> Editing:
    return Editing(house.db, house.objects, house.settings)


async def annotate(
    house: House,
    reference: str,
    put: dict[str, str],
    remove: tuple[str, ...] = (),
    *,
    tag: str | None = None,
    permit: PathPermit | None = None,
) -> Edited:
    wanted = Annotate(NAME, parse_reference(reference), put, remove, Tag(tag) if tag is not None else None)
    return await editing(house).annotate(permit or everything(), wanted)


async def platform_image(house: House, architecture: str, *tags: str, **more: object) -> bytes:
    """An image for linux on `architecture`, and a configuration that says so."""
    config = json.dumps({"os": "linux", "architecture": architecture, **more}).encode()
    layer = f"layer for {architecture} {more}".encode()
    for data in (config, layer):
        await house.blob(data)
    manifest = image(config, layer)
    await house.manifest(manifest, *tags)
    return manifest


def test_annotations_make_a_new_manifest_beside_the_old_one(place: Place) -> None:
    async def scenario(house: House) -> None:
        data = await house.image("v1", annotations={"a": "1", "b": "2"})
        made = await annotate(house, "v1", {"é": "ü", "b": "3"}, ("a",))
        stored = await house.get("v1")
        assert (stored.digest, stored.media_type, stored.size) == (made.digest, MANIFEST, made.size)
        assert made.was == Digest.of(data)
        before, after = json.loads(data), json.loads(stored.data)
        assert after.pop("annotations") == {"b": "3", "é": "ü"}
        before.pop("annotations")
        assert after == before
        assert (
            stored.data
            == json.dumps(json.loads(stored.data), sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        )
        assert (await house.get(Digest.of(data))).data == data, "the old digest stays"
        cleared = await annotate(house, "v1", {}, ("b", "é"))
        assert "annotations" not in json.loads((await house.get(cleared.digest)).data)

    place.run(scenario)


def test_what_stays_the_same_keeps_its_digest(place: Place) -> None:
    async def scenario(house: House) -> None:
        data = await house.image("v1", annotations={"a": "1"})
        made = await annotate(house, "v1", {"a": "1"}, ("gone",), tag="v2")
        assert made.digest == Digest.of(data)
        assert (await house.get("v2")).data == data

    place.run(scenario)


def test_another_tag_leaves_the_first_and_a_digest_has_none(place: Place) -> None:
    async def scenario(house: House) -> None:
        data = await house.image("v1")
        made = await annotate(house, "v1", {"a": "1"}, tag="v2")
        assert (await house.get("v1")).data == data
        assert (await house.get("v2")).digest == made.digest
        by_digest = await annotate(house, Digest.of(data), {"a": "2"})
        assert by_digest.tag is None
        assert (await house.get(by_digest.digest)).digest == by_digest.digest
        both = index(data)
        await house.manifest(both, "all")
        assert (await annotate(house, "all", {"a": "1"})).was == Digest.of(both)

    place.run(scenario)


def test_a_tag_that_moved_meanwhile_is_not_moved_back(place: Place) -> None:
    async def scenario(house: House) -> None:
        one, two = await house.image("v1", name="one"), await house.image(name="two")
        put = ManifestPut(two, "", None, (Tag("v1"), Tag("new")), Digest.of(b"else"))
        with pytest.raises(Changed):
            await house.pushes.manifest(house.may_push(), put)
        assert house.sql("select name from tag") == ["v1"]
        await house.pushes.manifest(house.may_push(), put._replace(expected=Digest.of(one)))
        await house.pushes.manifest(house.may_push(), put._replace(expected=Digest.of(one)))
        assert (await house.get("v1")).data == two

    place.run(scenario)


def test_docker_s_manifests_have_no_annotations(place: Place) -> None:
    async def scenario(house: House) -> None:
        await house.image("v1", mediaType=mediatype.DOCKER_MANIFEST)
        with pytest.raises(Invalid):
            await annotate(house, "v1", {"a": "1"})

    place.run(scenario)


def test_rights_are_those_of_the_pull_and_of_the_push(place: Place) -> None:
    async def scenario(house: House) -> None:
        data = await house.image("v1")
        for error, grants in (
            (RepositoryUnknown, ()),
            (Denied, ("reader team/**",)),
            (Denied, ("writer team/**:dev-*",)),
            (Denied, ("writer team/**", "deny pull team/**")),
            (Denied, ("writer team/**", "deny overwrite team/**:v1")),
        ):
            with pytest.raises(error):
                await annotate(house, "v1", {"a": "1"}, permit=granted(*grants))
        with pytest.raises(ManifestUnknown):
            await annotate(house, "nothing", {"a": "1"})
        assert (await house.get("v1")).data == data
        await annotate(house, "v1", {"a": "1"}, permit=granted("writer team/**:v*"))

    place.run(scenario)


def test_an_index_takes_platforms_from_the_configurations(place: Place) -> None:
    async def scenario(house: House) -> None:
        amd = await platform_image(house, "amd64", "v1-amd64")
        arm = await platform_image(house, "arm64", variant="v8", **{"os.version": "6.1", "os.features": ["x"]})
        plain = await house.image(name="plain")
        parts = (Tag("v1-amd64"), Digest.of(arm), Digest.of(plain), Tag("v1-amd64"))
        made = await editing(house).index(everything(), MakeIndex(NAME, Tag("v1"), parts, {"a": "1"}))
        assert made.platforms == ("linux/amd64", "linux/arm64/v8")
        stored = await house.get("v1")
        assert stored.media_type == INDEX
        assert json.loads(stored.data) == {
            "schemaVersion": 2,
            "mediaType": INDEX,
            "annotations": {"a": "1"},
            "manifests": [
                descriptor(amd, MANIFEST, platform={"os": "linux", "architecture": "amd64"}),
                descriptor(
                    arm,
                    MANIFEST,
                    platform={
                        "os": "linux",
                        "architecture": "arm64",
                        "variant": "v8",
                        "os.version": "6.1",
                        "os.features": ["x"],
                    },
                ),
                descriptor(plain, MANIFEST),
            ],
        }
        nested = await editing(house).index(everything(), MakeIndex(NAME, Tag("v2"), (Tag("v1"), Digest.of(amd)), {}))
        assert nested.platforms == made.platforms, "the parts of an index are taken"

    place.run(scenario)


def test_an_index_has_one_part_for_a_platform(place: Place) -> None:
    async def scenario(house: House) -> None:
        await platform_image(house, "amd64", "one")
        await platform_image(house, "amd64", "two", author="another")
        wanted = MakeIndex(NAME, Tag("v1"), (Tag("one"), Tag("two")), {})
        with pytest.raises(Conflict):
            await editing(house).index(everything(), wanted)
        for parts in ((), (Tag("one"),) * 501):
            with pytest.raises(Invalid):
                await editing(house).index(everything(), wanted._replace(parts=parts))
        with pytest.raises(ManifestUnknown):
            await editing(house).index(everything(), wanted._replace(parts=(Tag("three"),)))

    place.run(scenario)


def test_a_configuration_that_cannot_be_read_tells_no_platform(place: Place) -> None:
    async def scenario(house: House) -> None:
        for number, config in enumerate((b"[]", b"{", b'{"os":1}', b'{"os":"unknown","architecture":"unknown"}')):
            await house.blob(config)
            await house.manifest(image(config, annotations={"n": str(number)}), f"v{number}")
        wanted = MakeIndex(NAME, Tag("all"), tuple(Tag(f"v{number}") for number in range(4)), {})
        assert (await editing(house).index(everything(), wanted)).platforms == ()
        stored = json.loads((await house.get("all")).data)
        assert [sorted(part) for part in stored["manifests"]] == [["digest", "mediaType", "size"]] * 4
        assert CONFIG not in str(stored)

    place.run(scenario)
