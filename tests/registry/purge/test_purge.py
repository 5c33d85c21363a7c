"""Purge: gone at once and everywhere, refused afterwards, and nothing of it is left but the row that says so."""

from __future__ import annotations

import pytest
from tests.registry.house import REPO, House, Place, image, index
from tests.registry.paths import may_manage
from tests.registry.test_races import ROUNDS, failed, race, together

from holdfast.access.errors import Conflict, Denied, Invalid, Unknown
from holdfast.jobs.claims import claim
from holdfast.jobs.run import Run
from holdfast.oci.digest import Digest
from holdfast.oci.errors import Invalid as Malformed
from holdfast.registry.errors import BlobsMissing, BlobUnknown, ManifestUnknown, Purged, RepositoryUnknown
from holdfast.registry.model import State
from holdfast.registry.purge.harm import Named
from holdfast.registry.purge.service import KIND, Purge
from holdfast.registry.verify.inspection import Site
from holdfast.registry.verify.model import Options, Outcome
from holdfast.registry.verify.service import verify

LARGE = b"a secret that lies in an object " * 1000
WHY = "a key got into it"


def purge(house: House) -> Purge:
    return Purge(house.db, house.settings)


async def work(house: House) -> None:
    """Run every job that waits."""
    while True:
        claimed = await house.db.write(lambda unit: claim(unit, [KIND], "test", 60_000_000, 1))
        if not claimed.jobs:
            return
        await purge(house).end_all(Run(house.db, claimed.jobs[0], lambda: False))


async def is_gone(house: House, data: bytes, *tags: str, repo: str = REPO) -> None:
    """Nothing serves it."""
    digest = Digest.of(data)
    for call in (
        house.pulls.manifest(house.may_pull(repo), digest),
        house.pulls.manifest_head(house.may_pull(repo), digest),
        house.pulls.blob(house.may_pull(repo), digest),
        house.pulls.blob_head(house.may_pull(repo), digest),
        *(house.get(tag, repo) for tag in tags),
    ):
        with pytest.raises((ManifestUnknown, BlobUnknown)):
            await call


async def findings(house: House) -> list[str]:
    """The classes of what verify finds."""
    outcome = Outcome(Options(deep=True, repair=False, force=False, adopt=False))
    await verify(Site(house.db, house.objects, house.settings, "test"), outcome, lambda _: None)
    return [str(each.damage) for each in outcome.findings]


def counted(house: House) -> dict[str, int]:
    rows = house.sql("select path, cast(sum(bytes) as bigint) from usage_delta group by path")
    return {path: size for path, size in rows if size}


def held(house: House) -> dict[str, int]:
    rows = house.sql(
        "select r.path, cast(sum(c.size) as bigint) from repository r join link l on l.repo_id = r.id "
        "join content c on c.id = l.content_id where l.gone_at is null and r.gone_at is null group by r.path"
    )
    return dict(rows)


def test_an_image_goes_everywhere_at_once(place: Place) -> None:
    async def scenario(house: House) -> None:
        data = await house.image("v1", "v2")
        await house.image("v1", repo="other/copy")
        other = await house.image("v3", name="other")
        signature = image(b"{}", subject=data)
        await house.blob(b"{}")
        await house.manifest(signature)
        harm = await purge(house).look(may_manage(REPO), "v1")
        assert (harm.digest, harm.shown_in, harm.hidden) == (Digest.of(data), 2, False)
        assert harm.repositories == ("other/copy", REPO)
        assert harm.tags == (Named(REPO, "v1"), Named(REPO, "v2"), Named("other/copy", "v1"))
        assert harm.referrers == (Named(REPO, Digest.of(signature)),)
        asked = await purge(house).purge(may_manage(REPO), "v1", WHY)
        assert asked.digest == Digest.of(data)
        await is_gone(house, data, "v1", "v2")
        await is_gone(house, data, "v1", repo="other/copy")
        assert house.sql("select count(*) from body where content_id = ?", house.id_of(data)) == [0]
        await work(house)
        await is_gone(house, data, "v1", "v2")
        assert await findings(house) == []
        assert (await house.listing.tags(house.may_pull(), "", None)).names == ["v3"]
        assert (await house.listing.tags(house.may_pull("other/copy"), "", None)).names == []
        assert (await house.get("v3")).data == other
        assert house.sql("select count(*) from tag_event where was_id = ? and now_id is null", house.id_of(data)) == [3]
        assert house.sql("select 1 from edge where keeper_id = ?", house.id_of(data)) == []
        for part in (b"layer of app", signature):
            assert house.due(part) is not None, "what only it kept is looked at"
        assert counted(house) == held(house)
        assert house.state(data) == State.PURGED
        assert house.journal().count("content.purged") == 3, "one of the registry, one of each repository"

    place.run(scenario)


def test_a_layer_goes_and_its_objects_with_it(place: Place) -> None:
    async def scenario(house: House) -> None:
        layer = await house.blob(LARGE)
        key = house.key_of(LARGE)
        assert key is not None
        await house.blob(b"{}")
        data = image(b"{}", LARGE)
        await house.manifest(data, "v1")
        listed = index(data)
        await house.manifest(listed, "all", media_type="application/vnd.oci.image.index.v1+json")
        harm = await purge(house).look(may_manage(REPO), layer)
        assert harm.users == (Named(REPO, Digest.of(data)),)
        await purge(house).purge(may_manage(REPO), layer, WHY)
        assert house.doomed() == {key: house.clock.now}
        await is_gone(house, LARGE)
        await work(house)
        await house.sweep.run()
        assert await house.blobs.size(key) is None
        assert await findings(house) == []
        assert (await house.get("v1")).data == data, "what names it is told before, and stays"
        assert counted(house) == held(house)

    place.run(scenario)


def test_it_is_refused_until_that_is_lifted(place: Place) -> None:
    async def scenario(house: House) -> None:
        data = await house.image("v1")
        layer = Digest.of(b"layer of app")
        await house.image("v1", repo="elsewhere")
        await purge(house).purge(may_manage(REPO), layer, WHY)
        await purge(house).purge(may_manage(REPO), Digest.of(data), WHY)
        for work_first in (False, True):
            if work_first:
                await work(house)
            refused = [
                house.blob(b"layer of app"),
                house.blob(b"layer of app", "brand/new"),
                house.chunked(b"layer of app", "brand/new"),
                house.manifest(image(b'{"name":"app"}', b"layer of app", annotations={"a": "b"}), "v2"),
                house.manifest(image(b'{"name":"app"}', subject=data), "v2"),
                house.manifest(data, "v2"),
            ]
            for call in refused:
                with pytest.raises((Purged, BlobsMissing), match=f"purged.*{WHY}|purged"):
                    await call
        assert not await house.mounts.blob(house.may_push("brand/new"), house.may_pull("elsewhere"), layer)
        await is_gone(house, b"layer of app", repo="elsewhere")
        assert [(each.digest, each.reason, each.actor) for each in await purge(house).list(may_manage(""), 99, 10)] == [
            (digest, WHY, "user:ann") for digest in (Digest.of(data), layer)
        ]
        assert await findings(house) == []
        for digest in (layer, Digest.of(data)):
            await purge(house).lift(may_manage(""), digest)
            with pytest.raises(Unknown, match="was not purged"):
                await purge(house).lift(may_manage(""), digest)
        await is_gone(house, data)  # lifting brings nothing back
        assert await house.image("v1") == data
        assert (await house.get("v1")).data == data
        assert await house.read(layer) == b"layer of app"
        assert counted(house) == held(house)

    place.run(scenario)


def test_nothing_is_lifted_before_its_end(place: Place) -> None:
    async def scenario(house: House) -> None:
        data = await house.image("v1")
        for repo in ("other/a", "other/b"):
            await house.image("v1", repo=repo)
        await purge(house).purge(may_manage(REPO), "v1", WHY)
        claimed = await house.db.write(lambda unit: claim(unit, [KIND], "test", 60_000_000, 1))
        run = Run(house.db, claimed.jobs[0], lambda: False)
        with pytest.raises(Conflict, match="not at its end"):
            await purge(house).lift(may_manage(""), Digest.of(data))
        # The rest goes in another way, and the digest is pushed again before the job looks there.
        house.sql("update link set gone_at = 1 where content_id = ?", house.id_of(data))
        await purge(house).lift(may_manage(""), Digest.of(data))
        assert await house.image("v2", repo="other/b") == data
        await purge(house).end_all(run)
        assert (await house.get("v2", "other/b")).data == data

    place.run(scenario)


def test_rights_and_words(place: Place) -> None:
    async def scenario(house: House) -> None:
        await house.image("v1")
        await house.image("v1", repo="hidden/app")
        for call in (
            purge(house).purge(may_manage(REPO, "owner **"), "v1", WHY),
            purge(house).look(may_manage(REPO, "operator **", "owner team/**"), "v1"),
            purge(house).lift(may_manage("", "owner **"), Digest.of(b"x")),
            purge(house).list(may_manage("", "owner **"), 9, 9),
        ):
            with pytest.raises(Denied):
                await call
        everyone = may_manage(REPO)
        for reason in ("", " ", "a\nb", "x" * 513):
            with pytest.raises(Invalid):
                await purge(house).purge(everyone, "v1", reason)
        for reference, error in (("v9", ManifestUnknown), (Digest.of(b"x"), BlobUnknown), ("a/b", Malformed)):
            with pytest.raises(error):
                await purge(house).look(everyone, reference)
        with pytest.raises(RepositoryUnknown):
            await purge(house).look(
                may_manage("hidden/app", "administrator **", "deny:list hidden/**", "deny:pull hidden/**"), "v1"
            )
        some = may_manage(REPO, "administrator **", "deny:list hidden/**", "deny:pull hidden/**")
        harm = await purge(house).look(some, "v1")
        assert (harm.repositories, harm.shown_in, harm.hidden) == ((REPO,), 2, True)
        assert harm.tags == (Named(REPO, "v1"),)

    place.run(scenario)


def test_purges_meet_pushes() -> None:
    async def scenario(one: House, two: House) -> None:
        for number in range(ROUNDS):
            layer = f"layer of r{number}".encode()
            await one.image("v1", name=f"r{number}")
            results = await together(
                two.image("v2", name=f"r{number}", repo="race/two"),
                purge(one).purge(may_manage(REPO), "v1", WHY),
                one.image("v3", name=f"r{number}"),
                purge(two).purge(may_manage(REPO), Digest.of(layer), WHY),
                two.mounts.blob(two.may_push("race/three"), two.may_pull(REPO), Digest.of(layer)),
                one.blob(layer, "race/four"),
            )
            failed(results, Purged, BlobsMissing)
            await work(one)
            assert one.state(layer) == State.PURGED
            assert one.sql("select 1 from link where content_id = ? and gone_at is null", one.id_of(layer)) == []
        assert one.sql("select 1 from body b join content c on c.id = b.content_id where c.state = 3") == []
        assert one.sql("select 1 from tag t join content c on c.id = t.content_id where c.state = 3") == []
        assert counted(one) == held(one)

    race(scenario)
