"""Giving and taking grants: what may be made, by whom, and what is seen of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.access.grants.place import HOUR, ORIGIN, START, Engine, Place, living

from holdfast.access.errors import Conflict, Denied, Invalid, StalePermit, Unknown
from holdfast.access.grants.model import NewGrant
from holdfast.access.policy.decide import Bound
from holdfast.access.policy.model import Action
from holdfast.access.standing import check_permit

MANY = """
    insert into access_grant (effect, subject_kind, subject_id, role, repository, home, made_at, made_by)
    values (0, 1, :id, 'reader', :repository, :repository, :now, 'test')
"""


@pytest.mark.parametrize("engine", Engine)
def test_developers_push_and_only_operations_pulls_production(tmp_path: Path, engine: Engine) -> None:
    async def scenario(place: Place) -> None:
        await place.groups.create(await place.who(), "developers", origin=ORIGIN)
        await place.groups.add(await place.who(), "developers", "user:dora", origin=ORIGIN)
        await place.give("group:developers", "writer", "shop/**")
        denied = await place.deny("group:developers", "pull", "shop/**:prod-*")
        assert "about names" in denied.notice
        await place.give("user:oscar", "reader", "shop/**:prod-*")
        assert await place.may("dora", Action.CREATE_TAG, "shop/app", "prod-1")
        assert await place.may("dora", Action.PULL, "shop/app", "dev-1")
        assert not await place.may("dora", Action.PULL, "shop/app", "prod-1")
        assert await place.may("oscar", Action.PULL, "shop/app", "prod-1")
        assert not await place.may("oscar", Action.PULL, "shop/app", "dev-1")

    living(tmp_path, scenario, "dora", "oscar", engine=engine)


@pytest.mark.parametrize("engine", Engine)
def test_a_change_holds_at_the_next_request(tmp_path: Path, engine: Engine) -> None:
    async def scenario(place: Place) -> None:
        before = await place.who("alice")
        nobody = await place.who("")
        other = await place.who("bob")
        grant = await place.give("user:alice", "reader", "team/**")
        with pytest.raises(StalePermit):
            await check_permit(place.db, before)
        await check_permit(place.db, other)
        held = await place.who("alice")
        await place.grants.remove(await place.who(), grant.id, origin=ORIGIN)
        with pytest.raises(StalePermit):
            await check_permit(place.db, held)
        await check_permit(place.db, nobody)
        await place.give("anonymous", "reader", "team/**")
        for stale in (nobody, other):
            with pytest.raises(StalePermit):
                await check_permit(place.db, stale)

    living(tmp_path, scenario, "alice", "bob", engine=engine)


def test_a_grant_is_kept_as_it_was_asked_for(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        conditions = {
            "networks": ["10.0.0.0/8", "2001:db8::/32"],
            "times": [{"days": ["mon", "fri"], "start": "08:00", "end": "18:30", "zone": "Europe/Berlin"}],
            "claims": {"ref": "refs/heads/*"},
        }
        made = await place.give(
            "robot:team+ci",
            "writer",
            "team/**:v*",
            conditions=conditions,
            expires_at=START + HOUR,
            note="for the release",
        )
        kept = await place.grants.get(await place.who(), made.id, origin=ORIGIN)
        assert kept == made
        assert (kept.grant.grantee.name, kept.grant.scope) == ("robot:team+ci", "team/**:v*")
        assert (kept.made_by, kept.made_over, kept.made_at) == ("user:admin", "", START)
        assert await place.last() == (
            "user:admin",
            "grant.added",
            {
                "grant": made.id,
                "subject": "robot:team+ci",
                "scope": "team/**:v*",
                "role": "writer",
                "conditions": conditions,
                "expires_at": START + HOUR,
            },
        )
        with pytest.raises(Conflict):
            await place.give("robot:team+ci", "writer", "team/**:v*", conditions=conditions, expires_at=START + HOUR)
        await place.give("robot:team+ci", "writer", "team/**:v*")

    living(tmp_path, scenario, "team+ci")


@pytest.mark.parametrize(
    ("field", "new"),
    [
        ("subject", NewGrant("alice", "team/**", "reader")),
        ("subject", NewGrant("user:", "team/**", "reader")),
        ("subject", NewGrant("user:team+ci", "team/**", "reader")),
        ("subject", NewGrant("robot:ci", "team/**", "reader")),
        ("subject", NewGrant("everyone", "team/**", "reader")),
        ("scope", NewGrant("user:alice", "Team", "reader")),
        ("scope", NewGrant("user:alice", "", "reader")),
        ("scope", NewGrant("user:alice", "team/**:", "reader")),
        ("role", NewGrant("user:alice", "team/**")),
        ("role", NewGrant("user:alice", "team/**", "reader", ("pull",))),
        ("role", NewGrant("user:alice", "team/**", "nothing")),
        ("role", NewGrant("user:alice", "team/**", "administrator")),
        ("role", NewGrant("user:alice", "**:v*", "administrator")),
        ("role", NewGrant("user:alice", "team/**:v*", "auditor")),
        ("deny", NewGrant("user:alice", "team/**", None, ("push",))),
        ("deny", NewGrant("user:alice", "team/**", None, ("administer",))),
        ("deny", NewGrant("user:alice", "team/**:v*", None, ("list",))),
        ("note", NewGrant("user:alice", "team/**", "reader", note="a\nb")),
        ("expires_at", NewGrant("user:alice", "team/**", "reader", expires_at=START)),
        ("expires_at", NewGrant("user:alice", "team/**", "reader", expires_at=-1)),
        ("networks", NewGrant("user:alice", "team/**", "reader", conditions={"networks": ["10.0.0.1/8"]})),
        ("networks", NewGrant("user:alice", "team/**", "reader", conditions={"networks": "10.0.0.0/8"})),
        ("conditions", NewGrant("user:alice", "team/**", "reader", conditions={"network": ["10.0.0.0/8"]})),
        ("times.days", NewGrant("user:alice", "team/**", "reader", conditions={"times": [{"days": ["monday"]}]})),
        ("times.start", NewGrant("user:alice", "team/**", "reader", conditions={"times": [{"start": "8"}]})),
        ("times.zone", NewGrant("user:alice", "team/**", "reader", conditions={"times": [{"zone": "../x"}]})),
        ("times.zone", NewGrant("user:alice", "team/**", "reader", conditions={"times": [{"zone": "Mars/X"}]})),
        ("times.not_after", NewGrant("user:alice", "team/**", "reader", conditions={"times": [{"not_after": "x"}]})),
        ("claims", NewGrant("user:alice", "team/**", "reader", conditions={"claims": {"a": 1}})),
    ],
    ids=repr,
)
def test_what_can_be_no_grant_is_refused(tmp_path: Path, field: str, new: NewGrant) -> None:
    async def scenario(place: Place) -> None:
        with pytest.raises(Invalid) as refusal:
            await place.grants.add(await place.who(), new, origin=ORIGIN)
        assert refusal.value.field == field
        assert await place.kinds() == []

    living(tmp_path, scenario, "alice")


def test_a_subject_that_is_not_there(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        await place.run("update account set gone_at = :now where name = 'gone'")
        for subject in ("user:ghost", "group:ghost", "robot:team+ghost", "user:gone"):
            with pytest.raises(Unknown):
                await place.give(subject, "reader", "team/**")
            with pytest.raises(Denied):  # who may not grant here learns nothing of it
                await place.give(subject, "reader", "team/**", by="alice")
        with pytest.raises(Denied):
            await place.give("user:alice", "no-such-role", "team/**", by="alice")

    living(tmp_path, scenario, "alice", "gone")


OWNS = [("user:owen", "owner", "team/**")]
TRIED: list[tuple[str, list[tuple[str, str, str]], tuple[str, str], dict[str, Any], bool]] = [
    ("an owner grants on his path", OWNS, ("owner", "team/**"), {}, True),
    ("and below it", OWNS, ("writer", "team/app/**"), {}, True),
    ("and at tags", OWNS, ("reader", "team/*:v*"), {}, True),
    ("but not above it", OWNS, ("reader", "**"), {}, False),
    ("nor beside it", OWNS, ("reader", "other/**"), {}, False),
    ("nor what only begins like it", OWNS, ("reader", "team*"), {}, False),
    ("nor what reaches beyond it", OWNS, ("reader", "*/app"), {}, False),
    ("nor an administrator's role", [*OWNS], ("administrator", "**"), {}, False),
    ("a writer grants nothing", [("user:owen", "writer", "team/**")], ("reader", "team/**"), {}, False),
    (
        "an owner of tags grants nothing",
        [("user:owen", "owner", "team/**:*")],
        ("reader", "team/**:v*"),
        {},
        False,
    ),
    (
        "two paths are not what lies between them",
        [("user:owen", "owner", "team/a/**"), ("user:owen", "owner", "team/b/**")],
        ("reader", "team/**"),
        {},
        False,
    ),
    (
        "but together they can be the whole of it",
        [("user:owen", "owner", "team"), ("user:owen", "owner", "team/*/**")],
        ("reader", "team/**"),
        {},
        True,
    ),
]


@pytest.mark.parametrize(("_what", "given", "asked", "more", "good"), TRIED, ids=[row[0] for row in TRIED])
def test_who_may_grant_what(
    tmp_path: Path,
    _what: str,
    given: list[tuple[str, str, str]],
    asked: tuple[str, str],
    more: dict[str, Any],
    good: bool,
) -> None:
    async def scenario(place: Place) -> None:
        for grant in given:
            await place.give(*grant)
        if good:
            made = await place.give("user:bob", *asked, by="owen", **more)
            assert made.made_by == "user:owen"
        else:
            with pytest.raises(Denied):
                await place.give("user:bob", *asked, by="owen", **more)

    living(tmp_path, scenario, "owen", "bob")


def test_what_is_held_on_a_condition_is_not_passed_on(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        office = {"networks": ["10.0.0.0/8"]}
        await place.give("user:owen", "owner", "team/**", conditions=office)
        with pytest.raises(Denied, match="without conditions"):
            await place.give("user:bob", "reader", "team/**", by="owen", conditions=office)
        await place.deny("user:bob", "pull", "team/**", by="owen")  # managing is not passing on
        elsewhere = ORIGIN._replace(address="192.0.2.1")
        with pytest.raises(Denied):
            await place.grants.add(
                await place.who("owen"), NewGrant("user:bob", "team/**", None, ("list",)), origin=elsewhere
            )

    living(tmp_path, scenario, "owen", "bob")


def test_nothing_outlasts_what_its_maker_holds(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        await place.give("user:owen", "owner", "team/**", expires_at=START + HOUR)
        for expires_at in (0, START + HOUR + 1):
            with pytest.raises(Denied, match="for as long"):
                await place.give("user:bob", "reader", "team/**", by="owen", expires_at=expires_at)
        await place.give("user:bob", "reader", "team/**", by="owen", expires_at=START + HOUR)
        place.now += HOUR
        with pytest.raises(Denied):
            await place.give("user:bob", "writer", "team/**", by="owen", expires_at=START + HOUR + HOUR)

    living(tmp_path, scenario, "owen", "bob")


def test_what_a_deny_meets_is_not_passed_on(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        await place.give("user:owen", "owner", "team/**")
        await place.deny("user:owen", "pull", "team/secret/**:prod-*")
        for scope in ("team/**", "team/secret/app", "team/*/app", "team/secret/**:p*"):
            with pytest.raises(Denied, match="pull"):
                await place.give("user:bob", "reader", scope, by="owen")
        await place.give("user:bob", "reader", "team/secret/**:dev-*", by="owen")
        await place.give("user:bob", "reader", "team/open/**", by="owen")

    living(tmp_path, scenario, "owen", "bob")


def test_a_key_passes_on_no_more_than_its_limits(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        await place.give("user:owen", "owner", "team/**")
        reading = (Bound(frozenset({Action.PULL, Action.LIST, Action.MANAGE_ACCESS}), "team/app/**"),)
        caller = await place.who("owen", reading)
        with pytest.raises(Denied):
            await place.grants.add(caller, NewGrant("user:bob", "team/app/**", "writer"), origin=ORIGIN)
        with pytest.raises(Denied):
            await place.grants.add(caller, NewGrant("user:bob", "team/**", "reader"), origin=ORIGIN)
        await place.grants.add(caller, NewGrant("user:bob", "team/app/x", "reader"), origin=ORIGIN)
        bounded = await place.who("admin", (Bound(frozenset(Action), "team/**"),))
        with pytest.raises(Denied):
            await place.grants.add(bounded, NewGrant("user:bob", "**", "administrator"), origin=ORIGIN)

    living(tmp_path, scenario, "owen", "bob")


def test_a_deny_from_above_stays(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        await place.give("user:owen", "owner", "team/**")
        await place.give("user:olga", "owner", "team/**")
        await place.give("user:lead", "owner", "team/app/**")
        from_above = await place.deny("user:bob", "pull", "team/app/**")
        from_owner = await place.deny("user:bob", "list", "team/app/**", by="owen")
        on_me = await place.deny("user:olga", "sign", "team/app/**", by="owen")
        for name in ("owen", "lead"):
            with pytest.raises(Denied):
                await place.grants.remove(await place.who(name), from_above.id, origin=ORIGIN)
        with pytest.raises(Denied):
            await place.grants.remove(await place.who("lead"), from_owner.id, origin=ORIGIN)
        with pytest.raises(Denied):
            await place.grants.remove(await place.who("olga"), on_me.id, origin=ORIGIN)
        await place.grants.remove(await place.who("olga"), from_owner.id, origin=ORIGIN)
        await place.grants.remove(await place.who("owen"), on_me.id, origin=ORIGIN)
        await place.grants.remove(await place.who(), from_above.id, origin=ORIGIN)

    living(tmp_path, scenario, "owen", "olga", "lead", "bob")


def test_an_administrator_cannot_be_locked_out_from_below(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        await place.give("user:owen", "owner", "team/**")
        deny = await place.deny("user:admin", "manage-access", "team/**", by="owen")
        await place.give("user:bob", "reader", "team/**")
        await place.grants.remove(await place.who(), deny.id, origin=ORIGIN)
        with pytest.raises(Denied):
            await place.deny("user:admin", "administer", "**", by="owen")

    living(tmp_path, scenario, "owen", "bob")


def test_the_last_administrator_stays(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        admin = await place.who()
        first = (await place.grants.page(admin, origin=ORIGIN))[0]
        with pytest.raises(Conflict):
            await place.grants.remove(admin, first.id, origin=ORIGIN)
        for subject in ("user:admin", "anonymous"):
            with pytest.raises(Conflict):
                await place.deny(subject, "administer", "**")
        for more in ({"conditions": {"networks": ["10.0.0.0/8"]}}, {"expires_at": START + HOUR}):
            await place.give("user:alice", "administrator", "**", **more)
        await place.give("robot:team+ci", "administrator", "**")
        with pytest.raises(Conflict):
            await place.grants.remove(await place.who(), first.id, origin=ORIGIN)
        await place.give("user:alice", "administrator", "**")
        await place.grants.remove(await place.who(), first.id, origin=ORIGIN)
        assert not (await place.who()).rights.system(Action.ADMINISTER)

    living(tmp_path, scenario, "alice", "team+ci")


def test_who_sees_which_grants(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        await place.groups.create(await place.who(), "devs", origin=ORIGIN)
        await place.groups.add(await place.who(), "devs", "user:dora", origin=ORIGIN)
        made = {
            "owen": await place.give("user:owen", "owner", "team/**"),
            "audra": await place.give("user:audra", "auditor", "other/**"),
            "devs": await place.give("group:devs", "writer", "team/app/**"),
            "bob": await place.give("user:bob", "reader", "other/x"),
            "all": await place.give("anonymous", "reader", "other/open"),
            "wide": await place.give("user:bob", "reader", "t*"),
        }

        async def seen(name: str, **filters: Any) -> set[str]:
            page = await place.grants.page(await place.who(name), **filters, origin=ORIGIN)
            ids = {kept.id: who for who, kept in made.items()}
            for kept in page:
                assert await place.grants.get(await place.who(name), kept.id, origin=ORIGIN) == kept
            for kept in made.values():
                if not filters and kept.id not in {each.id for each in page}:
                    with pytest.raises(Unknown):
                        await place.grants.get(await place.who(name), kept.id, origin=ORIGIN)
                    with pytest.raises(Unknown):
                        await place.grants.remove(await place.who(name), kept.id, origin=ORIGIN)
            return {ids[kept.id] for kept in page if kept.id in ids}

        assert await seen("admin") == set(made)
        assert await seen("owen") == {"owen", "devs"}
        assert await seen("audra") == {"audra", "bob", "all"}
        assert await seen("dora") == {"devs"}
        assert await seen("bob") == {"bob", "wide"}
        assert await seen("") == set()
        assert await seen("admin", path="team/app") == {"owen", "devs", "wide"} - {"wide"}
        assert await seen("admin", path="other") == {"audra", "bob", "all"}
        assert await seen("admin", path="te") == {"wide"}
        assert await seen("admin", subject="user:bob") == {"bob", "wide"}
        assert await seen("dora", subject="user:bob") == set()
        with pytest.raises(Denied):
            await place.grants.remove(await place.who("dora"), made["devs"].id, origin=ORIGIN)

    living(tmp_path, scenario, "owen", "audra", "dora", "bob")


def test_pages_hold_every_grant_once(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        made = [(await place.give("user:bob", "reader", f"team/a{n}")).id for n in range(12)]
        found: list[int] = []
        after = 0
        while page := await place.grants.page(await place.who("bob"), after=after, limit=5, origin=ORIGIN):
            assert len(page) <= 5
            found += [kept.id for kept in page]
            after = page[-1].id
        assert found == made

    living(tmp_path, scenario, "bob")


def test_pages_of_who_sees_some_paths(tmp_path: Path) -> None:
    """Grants on two paths, one's own, and those in between that are nobody's business."""

    async def scenario(place: Place) -> None:
        await place.give("user:owen", "owner", "team-a/**")
        await place.give("user:owen", "auditor", "team-b/x/**")
        await place.give("user:owen", "reader", "far/away")
        for n in range(15):
            for path in ("team-a", "team-b/x", "team-b/y", "team-c"):
                await place.give("user:bob", "reader", f"{path}/r{n}")
        expected = [
            kept.id
            for kept in await place.grants.page(await place.who(), limit=1000, origin=ORIGIN)
            if kept.grant.grantee.name == "user:owen" or kept.grant.scope.startswith(("team-a/", "team-b/x/"))
        ]
        found: list[int] = []
        after = 0
        while page := await place.grants.page(await place.who("owen"), after=after, limit=4, origin=ORIGIN):
            found += [kept.id for kept in page]
            after = page[-1].id
        assert found == expected
        assert len(found) == 33

    living(tmp_path, scenario, "owen", "bob")


def test_a_list_does_not_tell_whether_a_subject_is_there(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        await place.give("user:owen", "owner", "team/**")
        for name in ("owen", "bob", ""):
            who = await place.who(name)
            for subject in ("user:alice", "user:ghost", "group:ghost", "robot:team+ghost"):
                assert await place.grants.page(who, subject=subject, origin=ORIGIN) == []
        with pytest.raises(Unknown):
            await place.grants.page(await place.who(), subject="user:ghost", origin=ORIGIN)
        with pytest.raises(Invalid):
            await place.grants.page(await place.who("bob"), subject="ghost", origin=ORIGIN)
        with pytest.raises(Invalid):
            await place.grants.page(await place.who("bob"), path="Team", origin=ORIGIN)

    living(tmp_path, scenario, "owen", "bob", "alice")


def test_long_lists_are_whole(tmp_path: Path) -> None:
    """More grants on each of two paths than are read at once, and others' among them."""

    async def scenario(place: Place) -> None:
        for path in ("a", "b"):
            await place.give("user:owen", "owner", f"{path}/**")
        for n in range(600):
            for path in ("a", "c", "b"):
                await place.run(MANY, id=place.ids["bob"], repository=f"{path}/r{n}")
        for name, total in (("owen", 1202), ("bob", 1800), ("admin", 1803)):
            found: list[int] = []
            while page := await place.grants.page(
                await place.who(name), after=found[-1] if found else 0, limit=450, origin=ORIGIN
            ):
                found += [kept.id for kept in page]
            assert len(found) == total
            assert sorted(set(found)) == found
        below = await place.grants.page(await place.who("owen"), path="b", limit=1000, origin=ORIGIN)
        assert len(below) == 601

    living(tmp_path, scenario, "owen", "bob")
