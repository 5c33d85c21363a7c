"""Who may read what: by tag, by digest, what he uploaded himself; and that what is hidden looks like nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest
from tests.registry.house import LEASE, REPO, WINDOW, Held, House, Place, image, index
from tests.registry.reach.recording import Recorded
from tests.registry.rights import rights

from holdfast.access.errors import Denied, StalePermit
from holdfast.access.model import Subject
from holdfast.access.policy.decide import TagRights
from holdfast.oci.digest import Digest
from holdfast.oci.name import Tag
from holdfast.registry.errors import BlobUnknown, ManifestUnknown, RegistryError
from holdfast.registry.pull.service import Pull

DEV = Subject(7, "dev")
READS_DEV = Held(pull=rights("dev-*"), push=False)
NOT_PROD = Held(pull=rights("*", deny=["prod-*"]), push=False)
PUSHES_ONLY = Held(pull=TagRights.NONE)
NOBODY = Held(pull=TagRights.NONE, listing=TagRights.ALL, push=False)
ABSENT = Digest.of(b"nothing has these bytes")


async def outcome(work: Awaitable[object]) -> object:
    """What came of it: the answer, or the refusal as clients see it."""
    try:
        return await work
    except (RegistryError, Denied) as error:
        return type(error).__name__, str(error)


async def reads(house: House, digest: Digest, kind: str = "manifest") -> bool:
    """Whether GET and HEAD give it; both or none."""
    permit = house.may_pull()
    calls = (
        (house.pulls.manifest, house.pulls.manifest_head)
        if kind == "manifest"
        else (house.pulls.blob, house.pulls.blob_head)
    )
    found = []
    for call in calls:
        try:
            await call(permit, digest)
            found.append(True)
        except (ManifestUnknown, BlobUnknown):
            found.append(False)
    assert found[0] == found[1]
    return found[0]


def layer(name: str) -> Digest:
    return Digest.of(f"layer of {name}".encode())


@pytest.mark.parametrize("held", [READS_DEV, NOT_PROD], ids=["allowed", "denied"])
def test_a_tag_is_decided_by_its_name_before_any_look_up(place: Place, held: Held) -> None:
    async def scenario(house: House) -> None:
        await house.image("dev-1", name="dev")
        await house.image("prod-1", name="prod")
        recorded = Recorded(house.db)
        pulls = Pull(recorded, house.objects, house.settings)
        with house.acting(DEV, held):
            await house.get("dev-1")
            with pytest.raises(ManifestUnknown):
                await house.get("dev-2")
            for call in (pulls.manifest, pulls.manifest_head):
                answers = [await outcome(call(house.may_pull(), Tag(name))) for name in ("prod-1", "prod-2")]
                assert answers == [("Denied", "this is refused")] * 2
        assert recorded.texts == []

    place.run(scenario)


def test_by_digest_what_a_permitted_tag_reaches(place: Place) -> None:
    async def scenario(house: House) -> None:
        dev = await house.image("dev-1", name="dev")
        prod = await house.image("prod-1", name="prod")
        amd, arm = await house.image(name="amd"), await house.image(name="arm")
        both = index(amd, arm)
        await house.manifest(both, "dev-both")
        hidden = index(arm, prod)
        await house.manifest(hidden, "prod-both")
        signature = await house.image(name="signature", subject=amd)
        other = await house.image(name="other signature", subject=prod)
        attached = await house.image("sha256-" + Digest.of(arm)[7:] + ".sig", name="attached")
        lost = await house.image("sha256-" + Digest.of(prod)[7:] + ".sig", name="lost")
        untagged = await house.image(name="untagged")
        for held in (READS_DEV, NOT_PROD):
            with house.acting(DEV, held):
                for seen, name in (
                    (dev, "dev"),
                    (amd, "amd"),
                    (arm, "arm"),
                    (signature, "signature"),
                    (attached, "attached"),
                ):
                    assert await reads(house, Digest.of(seen))
                    assert await reads(house, layer(name), "blob")
                    assert await reads(house, Digest.of(seen), "blob"), "a manifest's bytes by the other route"
                assert await reads(house, Digest.of(both))
                for unseen, name in (
                    (prod, "prod"),
                    (other, "other signature"),
                    (lost, "lost"),
                    (untagged, "untagged"),
                ):
                    assert not await reads(house, Digest.of(unseen))
                    assert not await reads(house, layer(name), "blob")
                    assert not await reads(house, Digest.of(unseen), "blob")
                assert not await reads(house, Digest.of(hidden))
        assert await reads(house, Digest.of(untagged)), "whoever may pull everything does not depend on tags"

    place.run(scenario)


def test_a_tag_that_belongs_to_a_digest_is_readable_as_that_is(place: Place) -> None:
    async def scenario(house: House) -> None:
        dev, prod = await house.image("dev-1", name="dev"), await house.image("prod-1", name="prod")
        tags = {kind: "sha256-" + Digest.of(data)[7:] + ".sig" for kind, data in (("dev", dev), ("prod", prod))}
        for kind, tag in tags.items():
            await house.image(tag, name=f"signature of {kind}")
        for held in (READS_DEV, NOT_PROD):
            with house.acting(DEV, held):
                await house.get(tags["dev"])
                nowhere = "sha256-" + "0" * 64 + ".sig"
                hidden, absent = [await outcome(house.get(tag)) for tag in (tags["prod"], nowhere)]
                assert hidden == absent
                assert hidden[0] == "ManifestUnknown"  # type: ignore[index]
        with house.acting(DEV, Held(pull=rights("*", deny=["*.sig"]), push=False)), pytest.raises(Denied):
            await house.get(tags["dev"])

    place.run(scenario)


def test_a_digest_stays_readable_inside_the_window_and_not_after_it_or_when_deleted(place: Place) -> None:
    async def scenario(house: House) -> None:
        first = await house.image("dev-1", name="first")
        await house.image("dev-1", name="second")
        ended = await house.image("dev-2", name="ended")
        await house.deletion.tag(house.may_delete(), Tag("dev-2"))
        deleted = await house.image("dev-3", name="deleted")
        await house.deletion.manifest(house.may_delete(), Digest.of(deleted))
        with house.acting(DEV, READS_DEV):
            house.clock.move(WINDOW - 10)
            assert await reads(house, Digest.of(first))
            assert await reads(house, Digest.of(ended))
            assert not await reads(house, Digest.of(deleted))
            house.clock.move(20)
            assert not await reads(house, Digest.of(first))
            assert not await reads(house, Digest.of(ended))

    place.run(scenario, window=WINDOW, lease=LEASE)


@pytest.mark.parametrize("held", [READS_DEV, NOT_PROD, READS_DEV._replace(push=True)], ids=["allow", "deny", "pusher"])
def test_what_is_hidden_and_what_is_not_there_cannot_be_told_apart(place: Place, held: Held) -> None:
    """The same error in the same words, after the same statements."""

    async def scenario(house: House) -> None:
        await house.image("dev-1", name="dev")
        prod = await house.image("prod-1", name="prod")
        await house.manifest(index(prod), "prod-2")
        referrer = await house.image(name="referrer", subject=prod)
        recorded = Recorded(house.db)
        pulls = Pull(recorded, house.objects, house.settings)
        with house.acting(DEV, held):
            permit = house.may_pull()
            calls: list[tuple[Callable[..., Coroutine[Any, Any, object]], list[Digest]]] = [
                (pulls.manifest, [Digest.of(prod), Digest.of(referrer)]),
                (pulls.manifest_head, [Digest.of(prod)]),
                (pulls.blob, [Digest.of(prod), layer("prod"), layer("referrer")]),
                (pulls.blob_head, [layer("prod")]),
            ]
            for call, hidden in calls:
                wanted = await outcome(call(permit, ABSENT)), recorded.take()
                assert wanted[0][0] in ("ManifestUnknown", "BlobUnknown")  # type: ignore[index]
                for digest in hidden:
                    assert (await outcome(call(permit, digest)), recorded.take()) == wanted

    place.run(scenario)


def test_whoever_may_pull_everything_costs_one_statement(place: Place) -> None:
    async def scenario(house: House) -> None:
        data = await house.image("v1")
        recorded = Recorded(house.db)
        pulls = Pull(recorded, house.objects, house.settings)
        calls: list[tuple[Callable[..., Coroutine[Any, Any, object]], Tag | Digest]] = [
            (pulls.manifest, Tag("v1")),
            (pulls.manifest, Digest.of(data)),
            (pulls.manifest_head, Tag("v1")),
            (pulls.blob, layer("app")),
            (pulls.blob_head, layer("app")),
        ]
        for call, reference in calls:
            await call(house.may_pull(), reference)
            assert len(recorded.take()) == 1
        with house.acting(DEV, READS_DEV._replace(pull=rights("v*"))):
            await pulls.manifest(house.may_pull(), Tag("v1"))
            assert len(recorded.take()) == 1, "a tag's name decides"
            await pulls.blob(house.may_pull(), layer("app"))
            assert len(recorded.take()) == 4, "the blob, the window of its path, and a step up to its tag"

    place.run(scenario)


def test_push_without_pull(place: Place) -> None:
    """HEAD of a manifest is 404 and GET is 403, whether or not it exists; a blob is there for who uploaded it, until
    its manifest is in."""

    async def scenario(house: House) -> None:
        there = await house.image("v1", name="there")
        nowhere = image(b"{}", b"nowhere")
        with house.acting(DEV, PUSHES_ONLY):
            permit = house.may_pull()
            for reference in (Tag("v1"), Tag("v2"), Digest.of(there), Digest.of(nowhere)):
                with pytest.raises(ManifestUnknown):
                    await house.pulls.manifest_head(permit, reference)
                with pytest.raises(Denied):
                    await house.pulls.manifest(permit, reference)
            assert not await reads(house, layer("there"), "blob")
            assert await outcome(house.pulls.blob(permit, ABSENT)) == (
                "BlobUnknown",
                "this repository has no such blob that you may pull",
            )
            for data in (b"config of mine", b"layer of there"):
                digest = await house.blob(data)
                assert await reads(house, digest, "blob")
            with house.acting(Subject(8, "another"), PUSHES_ONLY):
                assert not await reads(house, layer("there"), "blob"), "somebody else's lease"
            await house.manifest(image(b"config of mine", b"layer of there"), "v3")
            assert not await reads(house, layer("there"), "blob"), "the manifest is in"
            digest = await house.blob(b"forgotten")
            house.clock.move(LEASE + 1)
            assert not await reads(house, digest, "blob"), "the lease has ended"

    place.run(scenario, lease=LEASE)


def test_push_without_pull_of_the_tag(place: Place) -> None:
    async def scenario(house: House) -> None:
        await house.image("prod-1", name="prod")
        with house.acting(DEV, READS_DEV._replace(push=True)):
            for name in ("prod-1", "prod-2"):
                with pytest.raises(ManifestUnknown):
                    await house.pulls.manifest_head(house.may_pull(), Tag(name))
                with pytest.raises(Denied):
                    await house.pulls.manifest(house.may_pull(), Tag(name))

    place.run(scenario)


def test_a_head_that_finds_nothing_leases_nothing(place: Place) -> None:
    async def scenario(house: House) -> None:
        hidden = await house.image(name="hidden")
        blob = await house.blob(b"of somebody else")
        house.clock.move(2 * LEASE - 10)
        before = house.sql("select repo_id, content_id, due from candidate order by content_id")
        leases = house.sql("select content_id, opener, due from lease order by content_id")
        with house.acting(DEV, PUSHES_ONLY):
            assert not await reads(house, blob, "blob")
            with pytest.raises(ManifestUnknown):
                await house.pulls.manifest_head(house.may_pull(), Digest.of(hidden))
        assert house.sql("select repo_id, content_id, due from candidate order by content_id") == before
        assert house.sql("select content_id, opener, due from lease order by content_id") == leases

    place.run(scenario)


def test_without_any_right_to_pull_everything_is_refused(place: Place) -> None:
    async def scenario(house: House) -> None:
        data = await house.image("v1")
        with house.acting(DEV, NOBODY):
            permit = house.may_pull()
            for work in (
                house.pulls.manifest(permit, Tag("v1")),
                house.pulls.manifest_head(permit, Digest.of(data)),
                house.pulls.blob(permit, layer("app")),
                house.pulls.blob_head(permit, ABSENT),
                house.listing.referrers(permit, Digest.of(data), None, 0),
            ):
                with pytest.raises(Denied):
                    await work

    place.run(scenario)


def test_a_token_of_another_repository_of_the_name_is_refused(place: Place) -> None:
    async def scenario(house: House) -> None:
        data = await house.image("v1")
        (was,) = house.sql("select id from repository where path = ?", REPO)
        right, wrong = Held(repository_id=was), Held(repository_id=was + 1)
        calls: list[Callable[[], Coroutine[Any, Any, object]]] = [
            lambda: house.pulls.manifest(house.may_pull(), Tag("v1")),
            lambda: house.pulls.manifest(house.may_pull(), Digest.of(data)),
            lambda: house.pulls.manifest_head(house.may_pull(), Tag("v1")),
            lambda: house.pulls.blob(house.may_pull(), layer("app")),
            lambda: house.pulls.blob_head(house.may_pull(), layer("app")),
            lambda: house.listing.tags(house.may_pull(), "", None),
            lambda: house.listing.referrers(house.may_pull(), Digest.of(data), None, 0),
            lambda: house.uploads.start(house.may_push(), "sha256"),
            lambda: house.blob(b"more"),
            lambda: house.chunked(b"more in a chunk"),
            lambda: house.manifest(data, "v2"),
            lambda: house.mounts.blob(house.may_push(), house.may_pull("team/other"), layer("app")),
        ]
        with house.acting(house.who, right):
            for call in calls[:-1]:
                await call()
        with house.acting(house.who, wrong):
            for call in calls[:-1]:
                with pytest.raises(StalePermit):
                    await call()
            for missing in (Tag("nothing"), ABSENT):
                with pytest.raises(StalePermit):
                    await house.pulls.manifest(house.may_pull(), missing)
            with pytest.raises(StalePermit):
                await house.pulls.blob(house.may_pull(), ABSENT)
            with pytest.raises(StalePermit):
                await house.deletion.tag(house.may_delete(), Tag("v2"))
            with pytest.raises(StalePermit):
                await house.deletion.manifest(house.may_delete(), Digest.of(data))
            with pytest.raises(StalePermit):
                await house.deletion.blob(house.may_delete(), ABSENT)

    place.run(scenario)
