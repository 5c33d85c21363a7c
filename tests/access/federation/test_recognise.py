"""Which robot a token is, and that what it rests on holds at the next look."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.access.federation.house import ORIGIN, House, with_house
from tests.access.federation.issuing import (
    AUDIENCE,
    github,
    github_pull_request,
    issuing,
    jwk_set,
    key_of,
    kubernetes,
    signed,
)

from holdfast.access.errors import Unauthenticated
from holdfast.access.federation.model import IssuerChange
from holdfast.access.federation.presets import REVIEW
from holdfast.access.identities import Identities
from holdfast.access.model import CredentialKind
from holdfast.access.policy.model import Action

OURS = {"repository_id": "74"}
ACCOUNT = "kubernetes.io/serviceaccount/uid"


async def refused(house: House, token: str, name: str = "<token>") -> str:
    """Why a token is refused, as the audit says it."""
    with pytest.raises(Unauthenticated) as error:
        await house.recognise(token, name)
    assert str(error.value) == ""
    assert house.told[-1][:2] == ("unknown", False)
    return house.told[-1][2]


def test_a_push_is_the_robot(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        await house.issuer(ci, preset="github")
        robot = await house.robot("team", "ci", "writer")
        rule = await house.rule(robot, {**OURS, "ref": "refs/heads/main"})
        token = ci.token(github())
        for name in ("<token>", "", "octocat", "oauth2accesstoken", "team+ci", "robot$team+ci"):
            found = await house.recognise(token, name)
            assert found.credential.kind is CredentialKind.FEDERATION
            assert found.credential.id == rule.id
            assert found.credential.claims["ref"] == "refs/heads/main"
            assert found.credential.claims[REVIEW] == "false"
            assert found.bounds is None
            assert found.until > house.db.now() + 300_000_000
        who = await Identities(house.db).of(found)
        assert who.subject.actor == "robot:team+ci"
        assert who.rights.allows(Action.CREATE_TAG, "team/app", "v1")
        assert house.told == [("robot:team+ci", True, "federation")]
        assert (await house.rules.get(await house.who("admin"), "team", "rule", origin=ORIGIN)).used_at

    with issuing() as ci:
        with_house(tmp_path, scenario)


def test_a_pull_request_reads_and_never_pushes(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        await house.issuer(ci, preset="github")
        robot = await house.robot("team", "ci", "writer")
        await house.rule(robot, OURS)
        found = await house.recognise(ci.token(github_pull_request()), robot)
        assert found.credential.claims[REVIEW] == "true"
        # Also once it was exchanged: then only the credential is left of it.
        for each in (found, found._replace(bounds=None)):
            who = await Identities(house.db).of(each)
            assert who.rights.allows(Action.PULL, "team/app", "v1")
            for action in (Action.CREATE_TAG, Action.OVERWRITE, Action.SIGN, Action.CREATE_REPOSITORY):
                assert not who.rights.allows(action, "team/app", "v1")

    with issuing() as ci:
        with_house(tmp_path, scenario)


def test_what_no_rule_matches_is_nobody(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        await house.issuer(ci, preset="github")
        robot = await house.robot("team", "ci")
        await house.rule(robot, {**OURS, "ref": "refs/tags/v*"})
        assert "no rule" in await refused(house, ci.token(github()))
        assert "no rule" in await refused(house, ci.token(github(repository_id="75", ref="refs/tags/v1")))
        assert "no rule" in await refused(house, ci.token(github(ref="refs/tags/v1")), "team+other")
        assert await house.recognise(ci.token(github(ref="refs/tags/v1.2")))

    with issuing() as ci:
        with_house(tmp_path, scenario)


def test_the_user_name_picks_among_several_robots(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        await house.issuer(ci, preset="github")
        first, second = await house.robot("team", "ci"), await house.robot("team/sub", "ci")
        one = await house.rule(first, OURS)
        await house.rule(first, {**OURS, "ref": "refs/heads/*"}, "again")
        token = ci.token(github())
        assert (await house.recognise(token)).credential.id == one.id  # two rules, one robot
        two = await house.rule(second, OURS)
        assert "several robots" in await refused(house, token)
        assert "several robots" in await refused(house, token, "octocat")
        assert (await house.recognise(token, first)).credential.id == one.id
        assert (await house.recognise(token, second)).credential.id == two.id

    with issuing() as ci:
        with_house(tmp_path, scenario)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"aud": "sts.example.com"}, "audience"),
        ({"aud": None}, "audience"),
        ({"iss": "https://evil.example.com"}, "nobody registered"),
        ({"exp": 1_600_000_000}, "expired"),
        ({"exp": None}, "never expires"),
        ({"exp": 4_000_000_000}, "lives longer"),
        ({"nbf": 4_000_000_000}, "future"),
        ({"big": {f"c{i}": "x" for i in range(200)}}, "claims"),
        ({f"claim{i}": "x" * 500 for i in range(5)}, "characters"),
    ],
)
def test_a_token_that_is_not_for_us(tmp_path: Path, changed: dict[str, object], said: str) -> None:
    async def scenario(house: House) -> None:
        await house.issuer(ci)
        await house.rule(await house.robot("team", "ci"), OURS)
        assert said in await refused(house, ci.token({**github(), **changed}))

    with issuing() as ci:
        with_house(tmp_path, scenario)


def test_a_forged_one(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        await house.issuer(ci)
        await house.rule(await house.robot("team", "ci"), OURS)
        token = ci.token(github())
        assert "keys" in await refused(house, ci.token(github(), key=key_of("RS256", "two"), header={"kid": "one"}))
        assert "keys" in await refused(house, ci.token(github(), key=key_of("ES256", "one")))
        assert "keys" in await refused(house, token[:-6] + "AAAAAA")
        assert "no signed token" in await refused(house, "eyJhbGciOiJSUzI1NiJ9.e30.AAAA!")
        assert await house.recognise(token)

    with issuing() as ci:
        with_house(tmp_path, scenario)


def test_a_removed_rule_a_removed_issuer_and_a_disabled_robot_hold_at_once(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        await house.issuer(ci)
        robot = await house.robot("team", "ci")
        await house.rule(robot, OURS)
        token = ci.token(github())
        assert await house.recognise(token)
        await house.rules.remove(await house.who("admin"), "team", "rule", origin=ORIGIN)
        assert "no rule" in await refused(house, token)
        await house.rule(robot, OURS)
        found = await house.recognise(token)
        await house.robots.disable(await house.who("admin"), robot, origin=ORIGIN)
        with pytest.raises(Unauthenticated):
            await Identities(house.db).of(await house.recognise(token))
        await house.robots.enable(await house.who("admin"), robot, origin=ORIGIN)
        assert await Identities(house.db).of(await house.recognise(token))
        await house.issuers.remove(await house.who("admin"), "ci", origin=ORIGIN)
        assert "nobody registered" in await refused(house, token)
        with pytest.raises(Unauthenticated):
            await Identities(house.db).of(found)
        await house.issuer(ci)  # the name is free again, its rules are gone
        assert "no rule" in await refused(house, token)
        await house.rule(robot, OURS)
        await house.robots.delete(await house.who("admin"), robot, origin=ORIGIN)
        assert "no rule" in await refused(house, token)

    with issuing() as ci:
        with_house(tmp_path, scenario)


def test_a_change_of_the_audience_holds_at_once(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        await house.issuer(ci)
        await house.rule(await house.robot("team", "ci"), OURS)
        token = ci.token(github())
        assert await house.recognise(token)
        change = IssuerChange(audience="other.example.com")
        await house.issuers.change(await house.who("admin"), "ci", change, origin=ORIGIN)
        assert "audience" in await refused(house, token)

    with issuing() as ci:
        with_house(tmp_path, scenario)


def test_it_ends_when_the_token_does(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        await house.issuer(ci)
        await house.rule(await house.robot("team", "ci"), OURS)
        token = ci.token(github())
        found = await house.recognise(token)
        house.later(359)
        assert await house.recognise(token) == found
        house.later(2)
        assert "expired" in await refused(house, token)
        assert found.until <= house.db.now()

    with issuing() as ci:
        with_house(tmp_path, scenario)


# -- several issuers of one name ---------------------------------------------------------------------------------------


def test_clusters_of_one_iss_are_told_apart_by_their_keys(tmp_path: Path) -> None:
    iss = "https://kubernetes.default.svc.cluster.local"
    one, two = key_of("ES256", "one"), key_of("ES256", "two")
    same_name = key_of("RS256", "one")

    async def scenario(house: House) -> None:
        ci.iss = iss
        for name, key in (("north", one), ("south", two), ("west", same_name)):
            await house.issuer(ci, name, preset="kubernetes", jwks=jwk_set(key))
        robots = {name: await house.robot(name, "pull") for name in ("north", "south", "west")}
        claims = {ACCOUNT: "14ee3fa4-a7e2-420f-9f9a-dbc4507c3798"}
        for name, robot in robots.items():
            await house.rule(robot, claims, issuer=name)
        for name, key in (("north", one), ("south", two), ("west", same_name)):
            who = await Identities(house.db).of(await house.recognise(ci.token(kubernetes(), key=key)))
            assert who.subject.name == f"{name}+pull"
        assert "keys" in await refused(house, ci.token(kubernetes(), key=key_of("ES256", "three")))
        assert ci.asked == []

    with issuing() as ci:
        with_house(tmp_path, scenario)


def test_two_key_sets_that_verify_are_refused(tmp_path: Path) -> None:
    """Registration refuses a shared key; an issuer may begin to share one later."""

    async def scenario(house: House) -> None:
        await house.issuer(first, "one")
        second.iss, address = first.iss, second.iss
        second.jwks_uri = address + "/keys"
        await house.issuer(second, "two", discovery=address + "/.well-known/openid-configuration")
        await house.rule(await house.robot("team", "ci"), OURS, issuer="one")
        token = first.token(github())
        assert await house.recognise(token)
        second.keys = [*second.keys, first.keys[0]]
        house.later(3700)
        token = signed({**github(), **times(house)}, first.keys[0])
        assert "two registered issuers" in await refused(house, token)

    def times(house: House) -> dict[str, object]:
        now = house.db.now() // 1_000_000
        return {"iss": first.iss, "aud": AUDIENCE, "iat": now, "exp": now + 60}

    with issuing() as first, issuing(key_of("RS256", "two")) as second:
        with_house(tmp_path, scenario)


# -- keys --------------------------------------------------------------------------------------------------------------


def test_a_new_key_is_asked_for_once_a_minute(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        await house.issuer(ci)
        await house.rule(await house.robot("team", "ci"), OURS)
        asked = len(ci.asked)
        assert await house.recognise(ci.token(github()))
        assert len(ci.asked) == asked
        stranger = key_of("ES256", "stranger")
        for _ in range(5):
            await refused(house, ci.token(github(), key=stranger))
        assert len(ci.asked) == asked + 2  # configuration and keys, once
        ci.keys = [key_of("ES256", "new"), *ci.keys]
        token = ci.token(github())
        await refused(house, token)
        house.later(61)
        assert await house.recognise(token)
        assert len(ci.asked) == asked + 4

    with issuing() as ci:
        with_house(tmp_path, scenario)


def test_an_issuer_that_is_away_goes_on_counting_for_a_while(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        await house.issuer(ci)
        await house.rule(await house.robot("team", "ci"), OURS)
        ci.away = True
        house.fresh()  # the keys are in the database
        for seconds, good in ((3700, True), (80_000, True), (10_000, False)):
            house.later(seconds)
            token = ci.token({**github(), **moved(house)})
            if good:
                assert await house.recognise(token)
            else:
                assert "keys" in await refused(house, token)
        ci.away = False
        house.later(61)
        assert await house.recognise(ci.token({**github(), **moved(house)}))

    def moved(house: House) -> dict[str, object]:
        now = house.db.now() // 1_000_000
        return {"iat": now, "nbf": now, "exp": now + 300}

    with issuing() as ci:
        with_house(tmp_path, scenario)


def test_a_key_that_was_taken_back_ends_what_rests_on_it(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        await house.issuer(ci)
        rule = await house.rule(await house.robot("team", "ci"), OURS)
        now = house.db.now() // 1_000_000
        token = ci.token(github(exp=now + 80_000))
        assert await house.recognise(token)
        ci.keys = [key_of("RS256", "new")]
        house.later(3000)
        assert await house.recognise(token)
        house.later(700)
        assert "keys" in await refused(house, token)
        after = await house.rules.get(await house.who("admin"), "team", "rule", origin=ORIGIN)
        assert after.changed > rule.changed  # what rests on the rule is decided anew, here and elsewhere

    with issuing() as ci:
        with_house(tmp_path, scenario)


def test_pinned_keys_ask_nobody(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        await house.issuer(ci, jwks=jwk_set(*ci.keys))
        await house.rule(await house.robot("team", "ci"), OURS)
        assert await house.recognise(ci.token(github()))
        new = key_of("ES256", "new")
        await refused(house, ci.token(github(), key=new))
        change = IssuerChange(jwks=jwk_set(new))
        old = ci.token(github())
        await house.issuers.change(await house.who("admin"), "ci", change, origin=ORIGIN)
        assert await house.recognise(ci.token(github(), key=new))
        await refused(house, old)
        assert ci.asked == []

    with issuing() as ci:
        with_house(tmp_path, scenario)


def test_nothing_of_a_token_is_kept(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        await house.issuer(ci)
        await house.rule(await house.robot("team", "ci"), OURS)
        token = ci.token(github())
        await house.recognise(token)
        assert token not in repr(vars(house.federation))
        assert token.rpartition(".")[2] not in json.dumps(house.told)

    with issuing() as ci:
        with_house(tmp_path, scenario)
