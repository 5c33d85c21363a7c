"""Details of artifacts, and two compared: what is told, to whom, and within which bounds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from tests.registry.house import CONFIG, INDEX, LAYER, MANIFEST, REPO, House, Place, descriptor, image, index
from tests.registry.promotion.granted import everything, granted
from tests.registry.promotion.test_promotion import tag_of

from holdfast.access.errors import Conflict, Denied, Invalid
from holdfast.access.model import PathPermit
from holdfast.oci.digest import Digest
from holdfast.oci.image_config import ImageConfig
from holdfast.oci.name import RepositoryName, parse_reference
from holdfast.registry.details import graph, service
from holdfast.registry.details.model import ArtifactKind, Comparison, Details, Difference, ReferrerKind, Side
from holdfast.registry.details.service import Artifacts, Named
from holdfast.registry.errors import ManifestUnknown, RepositoryUnknown

HISTORY = [
    {"created": "2026-01-01T00:00:00Z", "created_by": "/bin/sh -c #(nop) ADD file:base in / "},
    {"created_by": '/bin/sh -c #(nop)  CMD ["sh"]', "empty_layer": True},
    {"created_by": "ENV A=1", "empty_layer": True, "comment": "buildkit.dockerfile.v0"},
    {"created_by": "RUN /bin/sh -c make # buildkit", "created": "2026-01-02T00:00:00Z"},
    {"created_by": 'ENTRYPOINT ["/app"]', "empty_layer": True},
]


async def built(
    house: House,
    *tags: str,
    layers: tuple[bytes, ...] = (b"base", b"made"),
    architecture: str = "amd64",
    config: Mapping[str, object] | None = None,
    history: object = HISTORY,
    repo: str = REPO,
    **more: Any,
) -> bytes:
    """An image with a configuration and a history."""
    document = {"os": "linux", "architecture": architecture, "config": dict(config or {}), "history": history}
    data = json.dumps(document).encode()
    for blob in (data, *layers):
        await house.blob(blob, repo)
    manifest = image(data, *layers, **more)
    await house.manifest(manifest, *tags, repo=repo)
    return manifest


async def show(
    house: House, reference: str, *, platform: str | None = None, permit: PathPermit | None = None, repo: str = REPO
) -> Details:
    named = Named(RepositoryName.parse(repo), parse_reference(reference))
    return await Artifacts(house.db, house.objects, house.settings).show(permit or everything(), named, platform)


async def compare(
    house: House, a: str, b: str, *, platform: str | None = None, permit: PathPermit | None = None
) -> Comparison:
    one, other = (Named(RepositoryName.parse(REPO), parse_reference(each)) for each in (a, b))
    artifacts = Artifacts(house.db, house.objects, house.settings)
    return await artifacts.compare(permit or everything(), one, other, platform)


def test_an_image_is_told_with_the_lines_that_made_its_layers(place: Place) -> None:
    async def scenario(house: House) -> None:
        config = {"Env": ["A=1"], "Labels": {"team": "x"}, "User": "app", "ExposedPorts": {"80/tcp": {}}, "Cmd": ["a"]}
        data = await built(house, "v1", "latest", config=config, annotations={"note": "<svg onload=x>"})
        found = await show(house, "v1")
        assert (found.digest, found.media_type, found.kind) == (Digest.of(data), MANIFEST, ArtifactKind.IMAGE)
        assert found.artifact_type == CONFIG
        assert found.annotations == {"note": "<svg onload=x>"}
        assert (found.tags, found.more_tags) == (("latest", "v1"), False)
        assert found.pushed_at == house.last_at()
        shown = found.image
        assert shown is not None
        assert shown.platform == "linux/amd64"
        assert shown.config is not None
        assert shown.config.env == ("A=1",)
        assert (shown.config.user, shown.config.ports, shown.config.labels) == ("app", ("80/tcp",), {"team": "x"})
        assert [(each.command, each.empty, each.size, each.media_type) for each in shown.layers] == [
            ("ADD file:base in /", (), 4, LAYER),
            ("RUN make", ('CMD ["sh"]', "ENV A=1"), 4, LAYER),
        ]
        assert shown.layers[1].created == "2026-01-02T00:00:00Z"
        assert shown.after == ('ENTRYPOINT ["/app"]',)
        assert found.total == found.size + 8 + json.loads(data)["config"]["size"]
        assert found.shared == 0

    place.run(scenario)


def test_what_other_images_of_the_repository_use_is_shared(place: Place) -> None:
    async def scenario(house: House) -> None:
        await built(house, "v1")
        await built(house, "v2", layers=(b"base", b"other"), config={"User": "x"})
        await built(house, "v1", repo="other/app")
        found = await show(house, "v1")
        assert found.image is not None
        assert [layer.shared for layer in found.image.layers] == [True, False]
        assert found.shared == 4
        some = await show(house, "v1", permit=granted("reader team/**:v*"))
        assert some.shared is None
        assert some.image is not None
        assert [layer.shared for layer in some.image.layers] == [None, None], "what it cannot see is not told"
        assert (await show(house, "v1", repo="other/app")).shared == 0

    place.run(scenario)


def test_an_index_is_one_thing(place: Place) -> None:
    async def scenario(house: House) -> None:
        amd = await built(house, layers=(b"base", b"amd"))
        arm = await built(house, layers=(b"base", b"arms"), architecture="arm64")
        proof = image(b"{}", b"proof")
        for blob in (b"{}", b"proof"):
            await house.blob(blob)
        await house.manifest(proof)
        unknown = {"os": "unknown", "architecture": "unknown"}
        attests = {"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": Digest.of(arm)}
        entries = [
            descriptor(arm, MANIFEST, platform={"os": "linux", "architecture": "arm64", "variant": "v8"}),
            descriptor(amd, MANIFEST, platform={"os": "linux", "architecture": "amd64"}),
            descriptor(proof, MANIFEST, platform=unknown, annotations=attests),
        ]
        data = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}).encode()
        await house.manifest(data, "v1")
        found = await show(house, "v1")
        assert found.kind is ArtifactKind.INDEX
        assert [(part.platform, part.attests) for part in found.parts] == [
            ("linux/arm64/v8", None),
            ("linux/amd64", None),
            ("unknown/unknown", "linux/arm64/v8"),
        ]
        assert found.parts[2].size == len(proof) + 2 + 5
        assert found.total == sum(part.size or 0 for part in found.parts) + len(data) - len(b"base")
        assert found.image is not None
        assert (found.image.platform, found.image.digest) == ("linux/amd64", Digest.of(amd))
        other = (await show(house, "v1", platform="linux/arm64/v8")).image
        assert other is not None
        assert other.digest == Digest.of(arm)
        with pytest.raises(Invalid, match="linux/arm64/v8"):
            await show(house, "v1", platform="plan9/mips")

    place.run(scenario)


def test_referrers_are_a_tree_by_kind(place: Place) -> None:
    async def scenario(house: House) -> None:
        child = await built(house)
        top = index(child)
        await house.manifest(top, "v1")
        subject = {"subject": descriptor(top, INDEX)}
        made = {
            "application/vnd.cncf.notary.signature": ReferrerKind.SIGNATURE,
            "application/spdx+json": ReferrerKind.SBOM,
            "application/vnd.in-toto+json": ReferrerKind.ATTESTATION,
            "application/vnd.example.note": ReferrerKind.OTHER,
        }
        for artifact_type in made:
            data = json.loads(index(artifactType=artifact_type, annotations={"of": artifact_type})) | subject
            await house.manifest(json.dumps(data).encode())
        on_child = index(subject=child, artifactType="application/vnd.example.child")
        await house.manifest(on_child)
        deep = index(subject=on_child, artifactType="application/vnd.example.deep")
        await house.manifest(deep)
        await house.image(tag_of(child, ".sbom"), name="cosign")
        found = await show(house, "v1")
        kinds = [(each.kind, each.artifact_type) for each in found.referrers if each.subject == Digest.of(top)]
        assert kinds == [(kind, artifact_type) for artifact_type, kind in made.items()]
        assert all(each.annotations == {"of": each.artifact_type} for each in found.referrers if each.annotations)
        tree = {(each.subject, each.digest) for each in found.referrers}
        assert {(Digest.of(child), Digest.of(on_child)), (Digest.of(on_child), Digest.of(deep))} <= tree
        (tagged,) = [each for each in found.referrers if each.tag]
        assert (tagged.kind, tagged.subject, tagged.tag) == (
            ReferrerKind.SBOM,
            Digest.of(child),
            tag_of(child, ".sbom"),
        )
        assert not found.more_referrers
        hidden = await show(house, "v1", permit=granted("reader team/**", "deny pull team/**:sha256-*"))
        assert len(hidden.referrers) == len(found.referrers) - 1

    place.run(scenario)


def test_lists_are_bounded_and_say_so(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(house: House) -> None:
        data = await built(house, *(f"v{number}" for number in range(8)))
        for number in range(8):
            await house.manifest(index(subject=data, annotations={"n": str(number)}))
        monkeypatch.setattr(graph, "MOST_REFERRERS", 5)
        monkeypatch.setattr(service, "MOST_TAGS", 3)
        found = await show(house, "v1")
        assert (len(found.referrers), found.more_referrers) == (5, True)
        assert (found.tags, found.more_tags) == (("v0", "v1", "v2"), True)
        monkeypatch.setattr(graph, "MOST_NODES", 2)
        assert (await show(house, "v1")).total is None

    place.run(scenario)


def test_rights_are_those_of_a_pull(place: Place) -> None:
    async def scenario(house: House) -> None:
        data = await built(house, "v1", "secret")
        hidden = await built(house, "hidden", layers=(b"hidden",))
        with pytest.raises(RepositoryUnknown):
            await show(house, "v1", permit=granted("reader other/**"))
        with pytest.raises(RepositoryUnknown):
            await show(house, "v1", repo="team/none", permit=granted("reader other/**"))
        with pytest.raises(Denied):
            await show(house, "v1", permit=granted("auditor team/**"))
        some = granted("reader team/**:v*")
        with pytest.raises(Denied):
            await show(house, "hidden", permit=some)
        for digest in (Digest.of(hidden), Digest.of(b"nowhere")):
            with pytest.raises(ManifestUnknown):
                await show(house, digest, permit=some)
        assert (await show(house, Digest.of(data), permit=some)).tags == ("v1",), "no tag is named that may not be"
        with pytest.raises(ManifestUnknown):
            await show(house, "none")

    place.run(scenario)


def test_what_cannot_be_read_is_left_out(place: Place) -> None:
    async def scenario(house: House) -> None:
        for number, config in enumerate((b"[]", b'{"config":[],"history":{}}', b'{"history":[1,{"created_by":2}]}')):
            await house.blob(config)
            await house.blob(b"layer")
            await house.manifest(image(config, b"layer"), f"v{number}")
            found = await show(house, f"v{number}")
            assert found.image is not None
            assert [layer.command for layer in found.image.layers] == [""]
            told = found.image.config
            assert told is None or told == ImageConfig(history=told.history if number else ())
        chart = json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": descriptor(b"{}", "application/vnd.cncf.helm.config.v1+json"),
                "layers": [],
            }
        ).encode()
        await house.blob(b"{}")
        await house.manifest(chart, "chart")
        found = await show(house, "chart")
        assert (found.kind, found.artifact_type) == (
            ArtifactKind.ARTIFACT,
            "application/vnd.cncf.helm.config.v1+json",
        )

    place.run(scenario)


def test_two_images_side_by_side(place: Place) -> None:
    async def scenario(house: House) -> None:
        one = {"Env": ["A=1", "B=2", "C="], "User": "a", "Labels": {"x": "1"}}
        two = {"Env": ["A=1", "B=3"], "Cmd": ["run"], "Labels": {"x": "1", "y": "2"}}
        await built(house, "v1", layers=(b"base", b"old", b"same"), config=one, annotations={"k": "1"})
        await built(house, "v2", layers=(b"base", b"fresh", b"more", b"same"), config=two, history=None)
        found = await compare(house, "v1", "v2")
        sides = [(each.side, each.layer.digest) for each in found.layers]
        assert sides == [
            (Side.BOTH, Digest.of(b"base")),
            (Side.A, Digest.of(b"old")),
            (Side.B, Digest.of(b"fresh")),
            (Side.B, Digest.of(b"more")),
            (Side.BOTH, Digest.of(b"same")),
        ]
        assert (found.a.size, found.b.size) == (11, 17)
        assert found.differences == (
            Difference("user", "a", None),
            Difference("env B", "2", "3"),
            Difference("env C", "", None),
            Difference("annotation k", "1", None),
            Difference("command", None, '["run"]'),
            Difference("label y", None, "2"),
        )
        same = await compare(house, "v1", "v1")
        assert {each.side for each in same.layers} == {Side.BOTH}
        assert same.differences == ()

    place.run(scenario)


def test_indexes_are_compared_for_a_platform_that_both_have(place: Place) -> None:
    async def scenario(house: House) -> None:
        amd, arm = await built(house, "amd"), await built(house, architecture="arm64")
        platforms = {name: {"os": "linux", "architecture": name} for name in ("amd64", "arm64")}

        async def over(tag: str, *parts: tuple[bytes, str]) -> None:
            entries = [descriptor(data, MANIFEST, platform=platforms[name]) for data, name in parts]
            await house.manifest(
                json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}).encode(), tag
            )

        await over("both", (arm, "arm64"), (amd, "amd64"))
        await over("arm", (arm, "arm64"))
        assert (await compare(house, "both", "arm")).a.platform == "linux/arm64"
        assert (await compare(house, "both", "amd")).a.image == Digest.of(amd)
        assert (await compare(house, "both", "both", platform="linux/arm64")).b.image == Digest.of(arm)
        with pytest.raises(Conflict, match="no platform in common"):
            await compare(house, "arm", "amd")
        with pytest.raises(Invalid):
            await compare(house, "arm", "both", platform="linux/amd64")
        with pytest.raises(Denied):
            await compare(house, "both", "amd", permit=granted("reader team/**:b*"))

    place.run(scenario)
