"""Deleting repositories and namespaces, and bringing them back."""

from __future__ import annotations

import msgspec
import pytest
from tests.registry.house import REPO, WINDOW, House, Place, pieces
from tests.registry.immutability.test_changes import hold
from tests.registry.paths import may_manage
from tests.registry.purge.test_purge import findings
from tests.registry.test_races import ROUNDS, failed, race, together

from holdfast.access.errors import Conflict, Denied, StalePermit, Unknown
from holdfast.access.model import PullPermit
from holdfast.jobs.claims import claim
from holdfast.jobs.model import JobState
from holdfast.jobs.run import Run, Task
from holdfast.jobs.service import Jobs
from holdfast.oci.digest import Digest
from holdfast.registry.collect.repositories import empty
from holdfast.registry.errors import BlobsMissing, BlobUnknown, Immutable, ManifestUnknown, RepositoryUnknown
from holdfast.registry.immutability.rules import Rule
from holdfast.registry.namespaces import removing
from holdfast.registry.namespaces.removal import DELETE, RESTORE, Removal
from holdfast.registry.namespaces.repositories import Filter, Repositories
from holdfast.registry.namespaces.saying import Saying
from holdfast.registry.namespaces.service import Namespaces
from holdfast.registry.upload.intake import Chunk


def removal(house: House) -> Removal:
    return Removal(house.db, house.settings)


def usage(house: House) -> list[tuple[str, int, int, int]]:
    """What is counted for each path that has something."""
    rows = house.sql(
        "select path, cast(sum(bytes) as bigint), cast(sum(repositories) as bigint), cast(sum(tags) as bigint) "
        "from usage_delta group by path order by path"
    )
    return [tuple(row) for row in rows if any(row[1:])]


async def work(house: House) -> None:
    """Run every job that waits."""
    tasks: dict[str, Task] = {
        DELETE: removing.delete_all,
        RESTORE: lambda run: removing.restore_all(run, house.settings.window),
    }
    while True:
        claimed = await house.db.write(lambda unit: claim(unit, list(tasks), "test", 60_000_000, 1))
        if not claimed.jobs:
            return
        run = Run(house.db, claimed.jobs[0], lambda: False)
        await tasks[run.job.kind](run)
        assert (await Jobs(house.db).show(run.job.id)).state is JobState.DONE


def test_what_is_deleted_is_gone_at_once_and_comes_back_whole(place: Place) -> None:
    async def scenario(house: House) -> None:
        data = await house.image("v1", "v2")
        await Repositories(house.db).say(may_manage(REPO), Saying("# App", {"tier": "1"}))
        before = usage(house)
        going = await removal(house).look(may_manage(REPO), whole=False)
        ended = await removal(house).repository(may_manage(REPO))
        assert (ended.tags, ended.bytes) == (going.tags, going.bytes) == (2, before[0][1])
        assert going.window == WINDOW
        for call in (
            house.get("v1"),
            house.get(Digest.of(data)),
            house.read(Digest.of(b"layer of app")),
            house.listing.tags(house.may_pull(), "", None),
            removal(house).repository(may_manage(REPO)),
            Repositories(house.db).show(may_manage(REPO)),
        ):
            with pytest.raises((ManifestUnknown, BlobUnknown, RepositoryUnknown)):
                await call
        assert usage(house) == []
        assert await findings(house) == []
        assert (await house.listing.catalog(house.may_list(), "", None)).names == []
        (gone,) = await removal(house).gone(may_manage(""), "", 10)
        assert (gone.name, gone.until - gone.gone_at, gone.free) == (REPO, WINDOW, True)
        await removal(house).restore(may_manage(REPO))
        assert usage(house) == before
        assert (await house.get("v2")).data == data
        found = await Repositories(house.db).show(may_manage(REPO))
        assert (found.facts.description, found.facts.labels, found.tags) == ("# App", (("tier", "1"),), 2)
        assert await removal(house).gone(may_manage(""), "", 10) == []
        assert house.journal()[-2:] == ["repository.deleted", "repository.restored"]
        assert await findings(house) == []

    place.run(scenario)


def test_a_push_makes_another_repository_of_the_name(place: Place) -> None:
    async def scenario(house: House) -> None:
        first = await house.image("v1")
        (old,) = house.sql("select id from repository")
        await removal(house).repository(may_manage(REPO))
        second = await house.image("v1", name="other")
        with pytest.raises(ManifestUnknown):
            await house.get(Digest.of(first))
        with pytest.raises(StalePermit):
            await house.pulls.manifest(_of(house, old), Digest.of(second))
        with pytest.raises(Conflict, match="another repository"):
            await removal(house).restore(may_manage(REPO))
        await removal(house).repository(may_manage(REPO))
        with pytest.raises(RepositoryUnknown):
            await removal(house).restore(may_manage(REPO), 4711)
        await removal(house).restore(may_manage(REPO), old)
        assert (await house.get("v1")).data == first

    place.run(scenario)


def _of(house: House, repository_id: int) -> PullPermit:
    return msgspec.structs.replace(house.may_pull(), repository_id=repository_id)


def test_the_window_ends(place: Place) -> None:
    async def scenario(house: House) -> None:
        await house.image("v1")
        await Repositories(house.db).say(may_manage(REPO), Saying("# App", {"tier": "1"}))
        await removal(house).repository(may_manage(REPO))
        house.clock.move(WINDOW + 100)
        assert await removal(house).gone(may_manage(""), "", 10) == []
        with pytest.raises(RepositoryUnknown, match="can be restored"):
            await removal(house).restore(may_manage(REPO))
        (id,) = house.sql("select id from repository")
        while await house.db.write(lambda unit: empty(unit, house.settings, id)):
            pass
        for table in ("repository", "namespace", "label", "tag", "link", "edge"):
            assert house.sql(f"select count(*) from {table}") == [0], table

    place.run(scenario)


def test_tags_that_may_not_be_deleted_keep_their_repository(place: Place) -> None:
    async def scenario(house: House) -> None:
        await house.image("v1", "latest")
        hold(house, "team", Rule("v*"))
        going = await removal(house).look(may_manage(REPO), whole=False)
        assert going.held_back is not None
        assert "the tag 'v1' is immutable" in going.held_back
        before = usage(house)
        with pytest.raises(Immutable):
            await removal(house).repository(may_manage(REPO, "owner **"))
        with pytest.raises(Immutable):
            await removal(house).namespace(may_manage("team"))
        with pytest.raises(Denied):
            await removal(house).repository(may_manage(REPO, "owner **"), force=True)
        assert usage(house) == before
        await removal(house).repository(may_manage(REPO), force=True)
        assert house.sql("select data from journal where kind = 'repository.deleted'")[0].count('"forced":true') == 1

    place.run(scenario)


def test_rights_decide_and_the_hidden_is_absent(place: Place) -> None:
    async def scenario(house: House) -> None:
        await house.image("v1")
        for grants, error in (
            (["writer team/**"], Denied),
            (["owner other/**"], RepositoryUnknown),
            (["owner team/**", "deny:delete-repository team/app"], Denied),
        ):
            for call in (
                removal(house).repository(may_manage(REPO, *grants)),
                removal(house).look(may_manage(REPO, *grants), whole=False),
                removal(house).restore(may_manage(REPO, *grants)),
            ):
                with pytest.raises(error):
                    await call
        with pytest.raises(Denied):
            await removal(house).namespace(may_manage("team", "owner team/app"))
        for path in ("team", "nowhere"):
            with pytest.raises(Unknown, match=f"there is no '{path}' in your sight"):
                await removal(house).namespace(may_manage(path, "owner other/**"))
        with pytest.raises(Unknown):
            await removal(house).namespace(may_manage("nowhere"))
        await removal(house).repository(may_manage(REPO, "owner team/**"))
        assert await removal(house).gone(may_manage("", "writer team/**"), "", 10) == []
        assert len(await removal(house).gone(may_manage("", "owner team/*"), "", 10)) == 1

    place.run(scenario)


def test_a_namespace_goes_and_comes_back_by_jobs(place: Place) -> None:
    async def scenario(house: House) -> None:
        names = [f"team/{number:02}" for number in range(45)] + ["team", "team/deep/app"]
        for name in names:
            await house.blob(b"{}", name)
        await house.image("v1", repo="team-b")
        await Namespaces(house.db).create(may_manage("team/empty"), Saying("nothing yet"))
        hold(house, "team/07", Rule("*"))
        await house.image("v1", repo="team/07")
        going = await removal(house).look(may_manage("team"), whole=True)
        assert going.repositories == len(names)
        with pytest.raises(Immutable, match="of team/07"):
            await removal(house).namespace(may_manage("team"))
        hold(house, "team/07")
        job = await removal(house).namespace(may_manage("team"))
        with pytest.raises(Conflict):
            await removal(house).namespace(may_manage("team"))
        hold(house, "team/07", Rule("*"))
        house.clock.move(1)
        await house.blob(b"{}", "team/new")
        await work(house)
        done = await Jobs(house.db).show(job)
        assert done.result is not None
        assert (done.result["repositories"], done.result["kept"]) == (len(names) - 1, ["team/07"])
        left = [each.name for each in await Repositories(house.db).list(may_manage(""), Filter(), "", 100)]
        assert left == ["team-b", "team/07", "team/new"]
        assert [each.path for each in await Namespaces(house.db).list(may_manage("team"), "", 10)] == []
        await house.blob(b"{}", "team/01")
        await removal(house).restore_namespace(may_manage("team"))
        await work(house)
        left = [each.name for each in await Repositories(house.db).list(may_manage("team"), Filter(), "", 100)]
        assert left == sorted([*names, "team/new"])
        (job,) = house.sql("select max(id) from job")
        restored = await Jobs(house.db).show(job)
        assert restored.result is not None
        assert restored.result["kept"] == ["team/01"]
        assert (await Namespaces(house.db).show(may_manage("team/empty"))).facts.description == "nothing yet"

    place.run(scenario)


def test_deletes_meet_pushes() -> None:
    async def scenario(one: House, two: House) -> None:
        for number in range(ROUNDS):
            repo = f"race/{number % 3}"
            await one.blob(b"{}", repo)
            results = await together(
                one.image("v1", name=f"a{number}", repo=repo),
                removal(two).repository(may_manage(repo)),
                two.image("v1", name=f"b{number}", repo=repo),
                one.blob(b"more" * number, repo),
                removal(one).repository(may_manage(repo)),
            )
            failed(results, BlobsMissing, RepositoryUnknown)
        used = "select r.path, cast(sum(c.size) as bigint) from repository r join link l on l.repo_id = r.id "
        used += "join content c on c.id = l.content_id where l.gone_at is null and r.gone_at is null group by r.path"
        counted = {path: size for path, size, _, _ in usage(one) if size}
        assert counted == {path: size for path, size in one.sql(used) if size}
        live = one.sql("select count(*) from repository where gone_at is null")
        assert one.sql("select cast(sum(repositories) as bigint) from usage_delta") == live

    race(scenario)


def test_one_of_two_takes_the_name() -> None:
    async def scenario(one: House, two: House) -> None:
        for number in range(ROUNDS):
            repo = f"race/{number}"
            data = await one.image("v1", repo=repo)
            await removal(one).repository(may_manage(repo))
            results = await together(
                removal(one).restore(may_manage(repo)),
                two.blob(b"{}", repo),
                removal(two).restore(may_manage(repo)),
            )
            failed(results, Conflict, RepositoryUnknown)
            rows = one.sql("select 1 from repository where path = ? and gone_at is null", repo)
            assert len(rows) == 1
            if not all(isinstance(each, BaseException) for each in (results[0], results[2])):
                assert (await one.get("v1", repo)).data == data

    race(scenario)


def test_an_upload_under_way_does_not_reach_what_was_deleted(place: Place) -> None:
    async def scenario(house: House) -> None:
        await house.image("v1")
        permit = house.may_push()
        token = (await house.uploads.start(permit, "sha256")).token
        await house.uploads.append(permit, token, Chunk(pieces(b"some bytes")))
        (old,) = house.sql("select id from repository")
        await removal(house).repository(may_manage(REPO))
        await house.uploads.finish(permit, token, Digest.of(b"some bytes"), Chunk(pieces(b"")))
        assert await house.read(Digest.of(b"some bytes")) == b"some bytes", "it comes to the one that has the name now"
        links = "select count(*) from link l join content c on c.id = l.content_id where l.repo_id = ? and c.digest = ?"
        assert house.sql(links, old, Digest.of(b"some bytes")) == [0]

    place.run(scenario)
