"""Promotion: all that belongs to an image comes along, in one unit, by the rows that pushes would have written."""

from __future__ import annotations

import json

import pytest
from tests.registry.house import INDEX, LEASE, MANIFEST, REPO, WINDOW, House, Place, descriptor, image, index
from tests.registry.promotion.granted import everything, granted

from holdfast.access.model import PathPermit
from holdfast.oci.digest import Digest
from holdfast.oci.name import RepositoryName, Tag, parse_reference
from holdfast.registry.errors import (
    BlobsMissing,
    Immutable,
    ManifestUnknown,
    Purged,
    QuotaExceeded,
    RepositoryUnknown,
    TooManyParts,
)
from holdfast.registry.promotion import closure
from holdfast.registry.promotion.model import Effect, Promoted, TagChange, Wanted
from holdfast.registry.promotion.service import Promotion
from holdfast.registry.settings import RegistrySettings

PROD = "prod/app"


async def promote(
    house: House,
    reference: str,
    tag: str | None = None,
    *,
    source: str = REPO,
    target: str = PROD,
    referrers: bool = True,
    permit: PathPermit | None = None,
    dry_run: bool = False,
) -> Promoted:
    wanted = Wanted(
        RepositoryName.parse(source),
        parse_reference(reference),
        RepositoryName.parse(target),
        Tag(tag) if tag is not None else None,
        referrers,
    )
    service = Promotion(house.db, house.objects, house.settings)
    return await service.promote(permit or everything(), wanted, dry_run=dry_run)


def tag_of(data: bytes, suffix: str = ".sig") -> str:
    return "sha256-" + Digest.of(data)[7:] + suffix


def rows_of(house: House, repo: str) -> dict[str, object]:
    """Everything of a repository that a push writes, without what belongs to a moment."""
    (repo_id,) = house.sql("select id from repository where path = ?", repo)
    tables = {
        "link": "select content_id, kind, media_type, artifact_type, subject, gone_at from link",
        "edge": "select kept_id, keeper_id from edge",
        "tag": "select name, content_id, version_key from tag",
        "candidate": "select content_id, due from candidate",
    }
    found: dict[str, object] = {
        name: house.sql(f"{text} where repo_id = ? order by 1, 2", repo_id) for name, text in tables.items()
    }
    totals = "select sum(bytes), sum(repositories), sum(tags) from usage_delta where path = ?"
    found["usage"] = house.sql(totals, repo)
    return found


async def family(house: House, repo: str = REPO) -> dict[str, bytes]:
    """An index of two images; a signature of it, an attestation of a child, a note on the attestation, a cosign tag."""
    one, two = await house.image(name="one", repo=repo), await house.image(name="two", repo=repo)
    both = index(one, two)
    await house.manifest(both, "v1", repo=repo)
    found = {"one": one, "two": two, "both": both}
    for name, subject, kind in (("signature", both, INDEX), ("attestation", one, MANIFEST)):
        config = f'{{"of":"{name}"}}'.encode()
        await house.blob(config, repo)
        data = image(config, artifactType=f"application/vnd.example.{name}", subject=None)
        document = json.loads(data) | {"subject": descriptor(subject, kind)}
        found[name] = json.dumps(document).encode()
        await house.manifest(found[name], repo=repo)
    found["note"] = index(subject=found["attestation"], artifactType="application/vnd.example.note")
    await house.manifest(found["note"], repo=repo)
    found["tagged"] = await house.image(tag_of(two), name="cosign", repo=repo)
    return found


def test_all_that_belongs_to_an_image_comes_along(place: Place) -> None:
    async def scenario(house: House) -> None:
        made = await family(house)
        await house.image("else", name="else")
        objects = house.sql("select count(*) from content")
        found = await promote(house, "v1", "stable")
        assert house.sql("select count(*) from content") == objects, "no byte moves"
        assert found.digest == Digest.of(made["both"])
        assert found.tags == (
            TagChange(Tag("stable"), Effect.CREATE),
            TagChange(Tag(tag_of(made["two"])), Effect.CREATE),
        )
        assert (found.manifests, found.referrers, found.blobs) == (7, 4, 8)
        assert found.bytes == found.added
        assert (await house.get("stable", PROD)).data == made["both"]
        for data in made.values():
            assert (await house.get(Digest.of(data), PROD)).data == data
        for name in ("one", "two", "cosign"):
            assert await house.read(Digest.of(f"layer of {name}".encode()), PROD)
        assert await house.referrers(made["both"], PROD) == [Digest.of(made["signature"])]
        assert await house.referrers(made["one"], PROD) == [Digest.of(made["attestation"])]
        assert await house.referrers(made["attestation"], PROD) == [Digest.of(made["note"])]
        with pytest.raises(ManifestUnknown):
            await house.get("else", PROD)

    place.run(scenario)


def test_the_rows_are_those_of_pushes(place: Place) -> None:
    async def scenario(house: House) -> None:
        made = await family(house)
        await promote(house, "v1", "v1")
        await family(house, "pushed/app")
        pushed, promoted = rows_of(house, "pushed/app"), rows_of(house, PROD)
        kept = {house.id_of(data) for name, data in made.items() if name in ("signature", "attestation", "note")}
        pushed_ids = {content_id for content_id, _ in pushed.pop("candidate")}  # type: ignore[attr-defined]
        promoted_ids = {content_id for content_id, _ in promoted.pop("candidate")}  # type: ignore[attr-defined]
        assert promoted_ids == pushed_ids - kept, "what an edge keeps needs no look of its own"
        assert promoted == pushed

    place.run(scenario)


def test_both_ends_record_it_and_order_is_kept(place: Place) -> None:
    async def scenario(house: House) -> None:
        made = await family(house)
        before = house.sql("select id, seq, last_at from repository")
        house.clock.move(5)
        await promote(house, "v1", "stable")
        after = house.sql("select id, seq, last_at from repository order by id")
        assert after[0][:2] == before[0][:2], "nothing changed at the source"
        assert after[1][1] == 1
        rows = house.sql("select repo_id, seq, at, data from journal where kind = 'image.promoted' order by repo_id")
        assert [row[0] for row in rows] == [row[0] for row in after]
        assert [row[2] for row in rows] == [row[2] for row in after]
        data = {json.dumps(json.loads(row[3]), sort_keys=True) for row in rows}
        assert len(data) == 1
        said = json.loads(data.pop())
        assert said == {
            "digest": Digest.of(made["both"]),
            "source": f"{REPO}:v1",
            "target": f"{PROD}:stable",
            "tags": ["stable", tag_of(made["two"])],
            "manifests": 7,
            "blobs": 8,
        }
        count = len(house.journal())
        again = await promote(house, "v1", "stable")
        assert {tag.effect for tag in again.tags} == {Effect.SAME}
        assert again.added == 0
        assert len(house.journal()) == count, "nothing changed, and nothing is recorded"

    place.run(scenario)


def test_a_dry_run_says_the_same_and_leaves_nothing(place: Place) -> None:
    async def scenario(house: House) -> None:
        await family(house)
        tables = ("repository", "link", "edge", "tag", "tag_event", "candidate", "usage_delta", "journal", "lease")
        before = [house.sql(f"select count(*) from {table}") for table in tables]
        preview = await promote(house, "v1", "stable", dry_run=True)
        assert [house.sql(f"select count(*) from {table}") for table in tables] == before
        assert await promote(house, "v1", "stable") == preview

    place.run(scenario)


def test_without_referrers_only_the_parts_come(place: Place) -> None:
    async def scenario(house: House) -> None:
        made = await family(house)
        found = await promote(house, "v1", "v1", referrers=False)
        assert (found.manifests, found.referrers, found.blobs) == (3, 0, 4)
        assert await house.referrers(made["both"], PROD) == []
        with pytest.raises(ManifestUnknown):
            await house.get(Digest.of(made["signature"]), PROD)
        later = await promote(house, "v1", "v1")
        assert later.manifests == 7
        assert await house.referrers(made["both"], PROD) == [Digest.of(made["signature"])]

    place.run(scenario)


def test_what_the_target_has_stays(place: Place) -> None:
    async def scenario(house: House) -> None:
        made = await family(house)
        own = await house.image(tag_of(made["two"]), name="own signature", repo=PROD)
        await house.blob(made["one"], PROD)  # the bytes of a manifest as a blob
        other = await house.image("stable", name="before", repo=PROD)
        found = await promote(house, "v1", "stable")
        assert found.tags == (
            TagChange(Tag("stable"), Effect.MOVE, Digest.of(other)),
            TagChange(Tag(tag_of(made["two"])), Effect.KEEP),
        )
        assert (await house.get(tag_of(made["two"]), PROD)).data == own
        assert (await house.get(Digest.of(made["one"]), PROD)).data == made["one"]
        assert house.due(other) == house.last_at(PROD) + WINDOW + LEASE
        with pytest.raises(ManifestUnknown):
            await house.get(Digest.of(made["tagged"]), PROD)
        assert found.manifests == 6

    place.run(scenario)


def test_the_media_type_first_stored_in_the_target_stays(place: Place) -> None:
    async def scenario(house: House) -> None:
        config = b"{}"
        data = json.dumps({"schemaVersion": 2, "config": descriptor(config, "a/b"), "layers": []}).encode()
        for repo, media_type in ((REPO, MANIFEST), (PROD, "application/vnd.example.manifest.v1+json")):
            await house.blob(config, repo)
            await house.manifest(data, "v1", repo=repo, media_type=media_type)
        await promote(house, "v1", "v1")
        assert (await house.get("v1", PROD)).media_type == "application/vnd.example.manifest.v1+json"
        await house.deletion.manifest(house.may_delete(PROD), Digest.of(data))
        await promote(house, "v1", "v1")
        assert (await house.get("v1", PROD)).media_type == "application/vnd.example.manifest.v1+json"
        assert house.sql("select sum(bytes), sum(tags) from usage_delta where path = ?", PROD) == [(len(data) + 2, 1)]

    place.run(scenario)


def test_by_its_digest_alone_it_is_held_for_the_window(place: Place) -> None:
    async def scenario(house: House) -> None:
        data = await house.image("v1")
        await promote(house, Digest.of(data))
        assert (await house.get(Digest.of(data), PROD)).data == data
        assert house.due(data) == house.last_at(PROD) + WINDOW + LEASE
        assert house.sql("select count(*) from tag") == [1]
        await promote(house, Digest.of(data), "now")
        assert house.due(data) is None

    place.run(scenario)


def test_a_tag_is_put_on_another_digest_in_the_same_repository(place: Place) -> None:
    async def scenario(house: House) -> None:
        one, two = await house.image("v1", name="one"), await house.image("v2", name="two")
        before = rows_of(house, REPO)["link"]
        found = await promote(house, "v1", "v2", target=REPO)
        assert found.tags == (TagChange(Tag("v2"), Effect.MOVE, Digest.of(two)),)
        assert (await house.get("v2")).data == one
        assert rows_of(house, REPO)["link"] == before
        assert house.journal().count("image.promoted") == 1
        assert house.sql("select was_id, now_id from tag_event order by seq desc limit 1") == [
            (house.id_of(two), house.id_of(one))
        ]
        untagged = await house.image(name="three")
        assert house.due(untagged) is not None
        await promote(house, Digest.of(untagged), "v3", target=REPO)
        assert house.due(untagged) is None

    place.run(scenario)


def test_a_signature_alone_joins_the_subject_that_is_there(place: Place) -> None:
    async def scenario(house: House) -> None:
        made = await family(house)
        await promote(house, Digest.of(made["signature"]))
        assert await house.referrers(made["both"], PROD) == [Digest.of(made["signature"])]
        waiting = rows_of(house, PROD)["edge"]
        assert (house.id_of(made["signature"]), house.id_of(made["both"])) not in waiting  # type: ignore[operator]
        await promote(house, "v1", "v1", referrers=False)
        joined = rows_of(house, PROD)["edge"]
        assert (house.id_of(made["signature"]), house.id_of(made["both"])) in joined  # type: ignore[operator]
        await promote(house, Digest.of(made["note"]))
        await promote(house, Digest.of(made["attestation"]), referrers=False)
        both = rows_of(house, PROD)["edge"]
        assert (house.id_of(made["note"]), house.id_of(made["attestation"])) in both  # type: ignore[operator]
        assert (house.id_of(made["attestation"]), house.id_of(made["one"])) in both  # type: ignore[operator]

    place.run(scenario)


def test_cycles_and_diamonds_are_met_once(place: Place) -> None:
    """An index whose subject is its own child, and two indexes over the same children."""

    async def scenario(house: House) -> None:
        child = await house.image(name="child")
        around = index(child, subject=child)
        await house.manifest(around)
        top = json.loads(index(child)) | {"manifests": [descriptor(each, INDEX) for each in (around,)]}
        top["manifests"].append(descriptor(child, MANIFEST))
        data = json.dumps(top).encode()
        await house.manifest(data, "v1")
        found = await promote(house, "v1", "v1")
        assert (found.manifests, found.blobs) == (3, 2)
        assert await house.referrers(child, PROD) == [Digest.of(around)]
        alone = await promote(house, Digest.of(child), "child", target="prod/other")
        assert alone.manifests == 2, "what refers to it lists it"

    place.run(scenario)


def test_what_is_deleted_or_damaged_is_not_promoted(place: Place) -> None:
    async def scenario(house: House) -> None:
        made = await family(house)
        await house.deletion.manifest(house.may_delete(), Digest.of(made["signature"]))
        found = await promote(house, "v1", "v1")
        assert found.manifests == 6
        house.sql("update content set state = 1 where id = ?", house.id_of(b"layer of one"))
        with pytest.raises(BlobsMissing) as caught:
            await promote(house, "v1", "v1", target="prod/two")
        assert caught.value.digests == (Digest.of(b"layer of one"),)
        with pytest.raises(ManifestUnknown):
            await promote(house, "nothing", "v1")
        with pytest.raises(RepositoryUnknown):
            await promote(house, "v1", "v1", source="team/none")
        assert house.sql("select path from repository order by path") == [PROD, REPO]

    place.run(scenario)


def test_a_child_that_is_awaited_needs_a_target_that_awaits(place: Place) -> None:
    async def scenario(house: House) -> None:
        here, later = await house.image(name="here"), image(b"{}", b"later")
        await house.manifest(index(here, later), "v1")
        strict = Promotion(house.db, house.objects, place_settings(sparse=False))
        wanted = Wanted(RepositoryName(REPO), Tag("v1"), RepositoryName(PROD), Tag("v1"))
        with pytest.raises(BlobsMissing):
            await strict.promote(everything(), wanted)
        await promote(house, "v1", "v1")
        for data in (b"{}", b"later"):
            await house.blob(data, PROD)
        await house.manifest(later, repo=PROD)
        assert (house.id_of(later), house.id_of(index(here, later))) in rows_of(house, PROD)["edge"]  # type: ignore[operator]

    def place_settings(*, sparse: bool) -> RegistrySettings:
        from dataclasses import replace

        from tests.registry.house import SETTINGS

        return replace(SETTINGS, sparse_indexes=sparse)

    place.run(scenario, sparse_indexes=True)


def test_too_much_is_refused_with_the_count(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(house: House) -> None:
        await family(house)
        monkeypatch.setattr(closure, "MOST_NODES", 14)
        with pytest.raises(TooManyParts) as caught:
            await promote(house, "v1", "v1")
        assert caught.value.detail["counted"] == 16
        monkeypatch.setattr(closure, "MOST_NODES", 16)
        monkeypatch.setattr(closure, "MOST_EDGES", 5)
        with pytest.raises(TooManyParts):
            await promote(house, "v1", "v1")
        assert house.sql("select path from repository") == [REPO], "nothing is left"

    place.run(scenario)


def test_an_immutable_tag_stays(place: Place) -> None:
    async def scenario(house: House) -> None:
        await house.image("v1", name="one")
        await house.image("v1", name="two", repo=PROD)
        rules = '[{"tags":"v*","except":[],"move":false,"delete":false}]'
        house.sql("insert into setting (path, name, value) values ('prod', 'immutable', ?)", rules)
        with pytest.raises(Immutable):
            await promote(house, "v1", "v1")
        await promote(house, "v1", "v2")
        await promote(house, "v1", "v2")

    place.run(scenario)


def test_quotas_count_what_is_promoted(place: Place) -> None:
    async def scenario(house: House) -> None:
        await family(house)
        size = (await promote(house, "v1", "v1", dry_run=True)).bytes
        for name, short, enough in (
            ("quota-bytes", size - 1, size),
            ("quota-tags", 1, 2),
            ("quota-repositories", 0, 1),
        ):
            put = "insert into setting (path, name, value) values ('prod', ?, ?)"
            house.sql(put, name, str(short))
            with pytest.raises(QuotaExceeded):
                await promote(house, "v1", "v1")
            assert house.sql("select path from repository") == [REPO]
            house.sql("update setting set value = ? where name = ?", str(enough), name)
        await promote(house, "v1", "v1")
        await promote(house, "v1", "v1")

    place.run(scenario)


def test_what_was_purged_is_refused_by_its_name(place: Place) -> None:
    async def scenario(house: House) -> None:
        made = await family(house)
        one = house.id_of(made["one"])
        house.sql("update content set state = 3 where id = ?", one)
        house.sql("insert into purged (content_id, reason, actor, at) values (?, 'a secret', 'user:x', 1)", one)
        with pytest.raises(Purged, match="a secret"):
            await promote(house, "v1", "v1")

    place.run(scenario)


def test_everything_may_be_promoted_by_who_reads_there_and_writes_here(place: Place) -> None:
    async def scenario(house: House) -> None:
        made = await family(house)
        await promote(house, "v1", "v1", permit=granted("reader team/**", "writer prod/**"))
        assert (await house.get("v1", PROD)).data == made["both"]

    place.run(scenario)
