"""Why can, or can't, X do Y: what is said, and to whom."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.access.grants.place import HOUR, ORIGIN, START, Engine, Place, living

from holdfast.access.errors import Invalid, Unknown
from holdfast.access.policy.decide import Bound
from holdfast.access.policy.explain import Explanation, Extent
from holdfast.access.policy.model import Action


async def ask(place: Place, by: str, subject: str, action: str, scope: str, **more: Any) -> Explanation:
    repository, _, tag = scope.partition(":")
    return await place.why.ask(await place.who(by), subject, action, repository, tag or None, origin=ORIGIN, **more)


@pytest.mark.parametrize("engine", Engine)
def test_allowed_by_which_grant_and_inherited_from_where(tmp_path: Path, engine: Engine) -> None:
    async def scenario(place: Place) -> None:
        await place.groups.create(await place.who(), "devs", origin=ORIGIN)
        await place.groups.add(await place.who(), "devs", "user:bob", origin=ORIGIN)
        grant = await place.give("group:devs", "writer", "team/**")
        told = await ask(place, "admin", "user:bob", "create-tag", "team/app:v1")
        assert told.allowed
        assert told.extent is Extent.ALL
        assert told.reason == f"allowed by grant {grant.id} (group:devs: writer on team/**), inherited from team"
        assert [(rule.grant.id, rule.inherited_from, rule.fails) for rule in told.rules] == [(grant.id, "team", "")]
        assert told.remedy == ""
        told = await ask(place, "admin", "group:devs", "delete-tag", "team/app:v1")
        assert (told.allowed, told.reason) == (False, "no rule gives this right")
        assert told.remedy == "holdfast grant add group:devs maintainer 'team/app:v1'"

    living(tmp_path, scenario, "bob", engine=engine)


def test_denied_by_which_rule(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        await place.give("user:bob", "writer", "team/**")
        deny = await place.deny("user:bob", "pull", "team/**:prod-*")
        told = await ask(place, "admin", "user:bob", "pull", "team/app:prod-1")
        assert (told.allowed, told.extent) == (False, Extent.NONE)
        assert told.reason == f"denied by grant {deny.id} (user:bob: deny pull on team/**:prod-*)"
        assert told.remedy == f"removing grant {deny.id}"
        at_some = await ask(place, "admin", "user:bob", "pull", "team/app")
        assert (at_some.allowed, at_some.extent) == (True, Extent.SOME)
        assert at_some.reason.endswith("but not at the tags prod-*")
        other = await ask(place, "admin", "user:bob", "pull", "team/app:dev")
        assert [rule.fails for rule in other.rules] == ["", "it is about other tags"]
        assert other.allowed

    living(tmp_path, scenario, "bob")


def test_which_condition_failed(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        office = {"networks": ["10.0.0.0/8"]}
        grant = await place.give("user:bob", "reader", "team/**", conditions=office, expires_at=START + HOUR)
        assert (await ask(place, "admin", "user:bob", "pull", "team/app:v1", address="10.1.2.3")).allowed
        outside = await ask(place, "admin", "user:bob", "pull", "team/app:v1", address="192.0.2.1")
        assert not outside.allowed
        assert outside.reason == (
            f"grant {grant.id} (user:bob: reader on team/**) does not count: the request does not come from 10.0.0.0/8"
        )
        late = await ask(place, "admin", "user:bob", "pull", "team/app:v1", address="10.1.2.3", at=START + HOUR)
        assert late.reason.endswith("the grant has expired")
        own = await ask(place, "bob", "user:bob", "pull", "team/app:v1")
        assert own.allowed  # this request comes from there

    living(tmp_path, scenario, "bob")


def test_open_to_everyone_and_from_where(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        await place.visibility.set(await place.who(), "team", True, origin=ORIGIN)
        told = await ask(place, "admin", "anonymous", "pull", "team/app:v1")
        assert (told.allowed, told.public_at, told.reason) == (True, "team", "team is open to everyone")
        own = await ask(place, "bob", "user:bob", "pull", "team/app:v1")
        assert (own.allowed, own.public_at, own.reason) == (True, None, "it is open to everyone")
        assert not (await ask(place, "admin", "anonymous", "create-tag", "team/app:v1")).allowed

    living(tmp_path, scenario, "bob")


def test_an_account_that_may_not_be_used(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        await place.give("user:bob", "owner", "team/**")
        await place.run("update account set disabled_at = :now where name = 'bob'")
        told = await ask(place, "admin", "user:bob", "pull", "team/app:v1")
        assert (told.allowed, told.reason) == (False, "user:bob is disabled")
        await place.run("update account set disabled_at = null, expires_at = :now where name = 'bob'")
        assert (await ask(place, "admin", "user:bob", "pull", "team/app:v1")).reason == "user:bob has expired"
        holders = await place.why.holders(await place.who(), "pull", "team/app", "v1", origin=ORIGIN)
        assert [each.subject.name for each in holders] == ["admin"]

    living(tmp_path, scenario, "bob")


def test_the_limits_of_the_key_that_asks(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        await place.give("user:bob", "writer", "team/**")
        caller = await place.who("bob", (Bound(frozenset({Action.PULL}), "team/app"),))
        told = await place.why.ask(caller, "user:bob", "create-tag", "team/app", "v1", origin=ORIGIN)
        assert not told.allowed
        assert "the key that you use is limited" in told.reason
        assert (await place.why.ask(caller, "user:bob", "pull", "team/app", "v1", origin=ORIGIN)).allowed

    living(tmp_path, scenario, "bob")


def test_oneself_is_told_only_the_rules_that_name_one(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        await place.deny("anonymous", "sign", "team/secret-plan/**")
        mine = await place.give("user:bob", "writer", "team/**")
        told = await ask(place, "bob", "user:bob", "sign", "team/secret-plan/x:v1")
        assert (told.allowed, told.reason) == (False, "denied by a rule for everyone")
        assert [rule.grant.id for rule in told.rules] == [mine.id]
        assert (told.decisive, told.remedy) == ((), "")
        assert "secret-plan/**" not in repr(told)
        stranger = await ask(place, "carol", "user:carol", "sign", "team/secret-plan/x:v1")
        assert stranger.reason == "this needs a right that nobody gave you: ask who manages access there"
        assert stranger.rules == ()
        full = await ask(place, "admin", "user:bob", "sign", "team/secret-plan/x:v1")
        assert len(full.rules) == 2
        assert full.reason.startswith("denied by grant")

    living(tmp_path, scenario, "bob", "carol")


def test_others_are_told_of_only_where_one_manages_or_audits(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        await place.give("user:owen", "owner", "team/**")
        await place.give("user:audra", "auditor", "team/**")
        await place.give("user:bob", "writer", "team/**")
        for name in ("owen", "audra"):
            assert (await ask(place, name, "user:bob", "pull", "team/app:v1")).allowed
            with pytest.raises(Unknown, match="no 'user:ghost'"):
                await ask(place, name, "user:ghost", "pull", "team/app:v1")
        refusals = set()
        for name, subject, scope in (
            ("bob", "user:owen", "team/app:v1"),
            ("bob", "user:ghost", "team/app:v1"),
            ("bob", "anonymous", "team/app:v1"),
            ("owen", "user:bob", "other/app:v1"),
            ("owen", "user:ghost", "other/app:v1"),
            ("", "user:bob", "team/app:v1"),
        ):
            with pytest.raises(Unknown) as refusal:
                await ask(place, name, subject, "pull", scope)
            refusals.add(str(refusal.value))
        assert len(refusals) == 1
        with pytest.raises(Unknown):
            await ask(place, "owen", "user:bob", "administer", "team/app")
        assert not (await ask(place, "bob", "user:bob", "administer", "team/app")).allowed
        assert (await ask(place, "admin", "user:admin", "administer", "")).allowed

    living(tmp_path, scenario, "owen", "audra", "bob")


@pytest.mark.parametrize(
    ("subject", "action", "scope", "field"),
    [
        ("bob", "pull", "team/app", "subject"),
        ("user:bob", "push", "team/app", "action"),
        ("user:bob", "pull", "Team", "repository"),
        ("user:bob", "pull", "team/**", "repository"),
        ("user:bob", "pull", "team/app:-", "tag"),
    ],
)
def test_what_cannot_be_asked(tmp_path: Path, subject: str, action: str, scope: str, field: str) -> None:
    async def scenario(place: Place) -> None:
        with pytest.raises(Invalid) as refusal:
            await ask(place, "admin", subject, action, scope)
        assert refusal.value.field == field

    living(tmp_path, scenario, "bob")


@pytest.mark.parametrize("engine", Engine)
def test_who_can(tmp_path: Path, engine: Engine) -> None:
    async def scenario(place: Place) -> None:
        await place.groups.create(await place.who(), "devs", origin=ORIGIN)
        for name in ("user:dora", "user:dave"):
            await place.groups.add(await place.who(), "devs", name, origin=ORIGIN)
        await place.give("group:devs", "writer", "team/**")
        await place.give("user:owen", "owner", "team/**")
        await place.give("robot:team+ci", "reader", "team/app")
        await place.deny("user:dave", "pull", "team/app")
        await place.give("user:bob", "reader", "other/**")

        async def who(by: str, action: str, **more: Any) -> list[str]:
            found = await place.why.holders(await place.who(by), action, "team/app", "v1", origin=ORIGIN, **more)
            return [each.subject.actor for each in found]

        assert await who("owen", "pull") == ["user:admin", "user:dora", "user:owen", "robot:team+ci"]
        assert await who("owen", "pull", after="dora", limit=1) == ["user:owen"]
        assert await who("admin", "delete-tag") == ["user:admin", "user:owen"]
        assert await who("admin", "administer") == ["user:admin"]
        with pytest.raises(Unknown):
            await who("dora", "pull")

    living(tmp_path, scenario, "dora", "dave", "owen", "bob", "team+ci", engine=engine)
