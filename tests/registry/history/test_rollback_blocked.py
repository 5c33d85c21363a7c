"""What blocks a rollback: rights at each tag, immutability, what is not stored, quotas; and what takes no part."""

from __future__ import annotations

import msgspec
import pytest
from tests.registry.history.rolling import ALL, effects, now, preview, roll_back, story, tags
from tests.registry.house import REPO, SETTINGS, WINDOW, House, Place
from tests.registry.paths import may_manage

from holdfast.access.errors import StalePermit
from holdfast.oci.digest import Digest
from holdfast.oci.name import Tag
from holdfast.registry.errors import QuotaExceeded, RepositoryUnknown, RollbackBlocked
from holdfast.registry.history.model import Filter
from holdfast.registry.history.rollback.model import Effect
from holdfast.registry.history.service import History
from holdfast.registry.history.targets import Target
from holdfast.registry.history.undelete.service import Undelete
from holdfast.registry.immutability.rules import Rule, canonical


@pytest.mark.parametrize(
    ("grants", "allowed"),
    [
        (("reader **",), set()),
        (("writer **",), {"dead-1", "moved-1", "moved-2"}),
        (("maintainer **",), {"dead-1", "moved-1", "moved-2", "born-1"}),
        (("reader **", "writer **:moved-*"), {"moved-1", "moved-2"}),
        (("writer **", "deny:overwrite **:moved-2"), {"dead-1", "moved-1"}),
        (("writer **", "deny:create-tag **"), {"moved-1", "moved-2"}),
        (("maintainer **", "deny:delete-tag **:born-*"), {"dead-1", "moved-1", "moved-2"}),
    ],
)
def test_every_tag_is_asked_of_the_rights(place: Place, grants: tuple[str, ...], allowed: set[str]) -> None:
    async def scenario(house: House) -> None:
        then, _ = await story(house)
        before = tags(house)
        permit = may_manage("", *grants)
        found = await preview(house, REPO, then, permit, exact=True)
        blocked = {item.tag for item in found.items if item.effect is Effect.BLOCKED}
        assert blocked == {"dead-1", "moved-1", "moved-2", "born-1"} - allowed
        assert all(item.why for item in found.items if item.tag in blocked)
        if blocked:
            with pytest.raises(RollbackBlocked):
                await roll_back(house, REPO, then, permit, exact=True)
            assert tags(house) == before
        done = await roll_back(house, REPO, then, permit, exact=True, skip_blocked=True)
        assert {item.tag for item in done.blocked} == blocked
        after = tags(house)
        assert {tag for tag in {*before, *after} if before.get(tag) != after.get(tag)} == allowed

    place.run(scenario)


def test_what_is_hidden_takes_no_part(place: Place) -> None:
    async def scenario(house: House) -> None:
        await house.image("dev-1", "prod-1", name="first")
        await house.image("v1", name="first", repo="team/hidden")
        await house.image("v1", name="first", repo="other/app")
        then = await now(house)
        await house.image("dev-1", "prod-1", name="second")
        await house.image("v1", name="second", repo="team/hidden")
        permit = may_manage("", "maintainer team/app:dev-*")
        for target in (REPO, "team", "**"):
            found = await preview(house, target, then, permit)
            assert [(item.repository, item.tag) for item in found.items] == [(REPO, "dev-1")]
        for target in ("team/hidden", "other", "other/app", "nowhere", "team/hidden:v1"):
            with pytest.raises(RepositoryUnknown):
                await preview(house, target, then, permit)
            with pytest.raises(RepositoryUnknown):
                await roll_back(house, target, then, permit)
        before = tags(house), tags(house, "team/hidden")
        await roll_back(house, "**", then, permit)
        assert tags(house)["prod-1"] == before[0]["prod-1"]
        assert tags(house)["dev-1"] != before[0]["dev-1"]
        assert tags(house, "team/hidden") == before[1]

    place.run(scenario)


def test_immutable_tags_block_it(place: Place) -> None:
    async def scenario(house: House) -> None:
        then, stood = await story(house)
        before = tags(house)
        rules = canonical([Rule("moved-1", delete=True), Rule("born-*", move=True)])
        house.sql("insert into setting (path, name, value) values ('team', 'immutable', ?)", rules)
        found = await effects(house, REPO, then, exact=True)
        assert {tag for tag, effect in found.items() if effect is Effect.BLOCKED} == {"moved-1", "born-1"}
        with pytest.raises(RollbackBlocked, match="immutable"):
            await roll_back(house, REPO, then, exact=True)
        assert tags(house) == before
        await roll_back(house, REPO, then, exact=True, skip_blocked=True)
        assert tags(house) == {**stood, "moved-1": before["moved-1"], "born-1": before["born-1"]}

    place.run(scenario)


@pytest.mark.parametrize("how", ["collected", "unlinked", "purged", "damaged", "window", "part", "blob"])
def test_what_is_not_stored_any_more_blocks_it(place: Place, how: str) -> None:
    async def scenario(house: House) -> None:
        data = await house.image("v1", name="first")
        then = await now(house)
        await house.deletion.manifest(house.may_delete(), Digest.of(data))
        house.clock.move(100)
        await house.image("v1", name="second")
        id_ = house.id_of(data)
        if how in ("collected", "unlinked"):
            house.sql("delete from edge where keeper_id = ?", id_)
            house.sql("delete from link where content_id = ?", id_)
        if how == "collected":
            house.sql("delete from body where content_id = ?", id_)
            house.sql("delete from content where id = ?", id_)
        elif how == "purged":
            house.sql("update content set state = 3 where id = ?", id_)
            house.sql("insert into purged (content_id, reason, actor, at) values (?, 'leaked', 'user:root', 1)", id_)
        elif how == "damaged":
            house.sql("update content set state = 1 where id = ?", id_)
        elif how == "window":
            house.clock.move(WINDOW)
        elif how == "part":
            house.sql("update content set state = 3 where digest = ?", Digest.of(b"layer of first"))
        elif how == "blob":
            house.sql("update link set kind = 0 where content_id = ?", id_)
        found = await preview(house, REPO, then)
        (item,) = found.items
        assert item.effect is Effect.BLOCKED
        words = {"purged": "leaked", "part": str(Digest.of(b"layer of first")), "window": "window", "blob": "manifest"}
        assert words.get(how, how if how != "unlinked" else "collected") in item.why
        with pytest.raises(RollbackBlocked):
            await roll_back(house, REPO, then)
        assert (await roll_back(house, REPO, then, skip_blocked=True)).repositories == 0

    place.run(scenario)


def test_a_quota_is_asked(place: Place) -> None:
    async def scenario(house: House) -> None:
        then, _ = await story(house)
        before = tags(house)
        house.sql("insert into setting (path, name, value) values ('team', 'quota-tags', '4')")
        with pytest.raises(QuotaExceeded):
            await roll_back(house, REPO, then)
        assert tags(house) == before
        await roll_back(house, REPO, then, exact=True)

    place.run(scenario)


def test_rights_that_changed_meanwhile_write_nothing(place: Place) -> None:
    """A permit of before a change of rights is decided anew by whoever made it."""

    async def scenario(house: House) -> None:
        then, _ = await story(house)
        before = tags(house)
        stale = msgspec.structs.replace(ALL, version=0)
        for act in (preview, roll_back):
            with pytest.raises(StalePermit):
                await act(house, REPO, then, stale)
        undelete = Undelete(house.db, SETTINGS)
        with pytest.raises(StalePermit):
            await undelete.restore(stale, REPO, Tag("dead-1"))
        with pytest.raises(StalePermit):
            await undelete.deleted(stale, REPO, None, 10)
        with pytest.raises(StalePermit):
            await History(house.db).changes(stale, Target(REPO), Filter(), None, 10)
        assert tags(house) == before
        assert "rollback.applied" not in house.journal()

    place.run(scenario)
