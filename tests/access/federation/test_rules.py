"""Rules: who may make them, for which robots, over which claims; and what a token would come to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.access.federation.house import ORIGIN, House, with_house
from tests.access.federation.issuing import github, github_pull_request, issuing, jwk_set, key_of

from holdfast.access.errors import Changed, Conflict, Denied, Invalid, StalePermit, Unknown
from holdfast.access.federation.model import IssuerDraft, Rule
from holdfast.access.federation.rules import RuleDraft
from holdfast.access.model import Identity

ISS = "https://issuer.example.com"
PINNED = jwk_set(key_of("ES256"))
CLAIMS = {"repository_id": "74"}


async def ready(house: House) -> None:
    """An issuer, two robots and their managers."""
    await house.issuers.add(await house.who("admin"), IssuerDraft("ci", ISS, jwks=PINNED), origin=ORIGIN)
    await house.robot("team", "ci", "writer")
    await house.robot("team/sub", "ci")
    await house.robot("other", "ci")
    await house.person("manager", "owner", "team/**")


async def add(house: House, who: Identity, **changed: Any) -> Rule:
    draft = RuleDraft("team", "main", "ci", "team+ci", CLAIMS)._replace(**changed)
    return await house.rules.add(who, draft, origin=ORIGIN)


def test_who_manages_a_namespace_keeps_its_rules(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        await ready(house)
        made = await add(house, await house.who("manager"), claims={"ref": "refs/tags/v*", **CLAIMS})
        assert (made.namespace, made.name, made.issuer, made.robot) == ("team", "main", "ci", "team+ci")
        assert list(made.claims.items()) == [("ref", "refs/tags/v*"), ("repository_id", "74")]
        assert (made.used_at, made.made_by) == (None, "user:manager")
        await add(house, await house.who("manager"), namespace="team/sub", robot="team/sub+ci")
        who = await house.who("manager")
        assert [each.namespace for each in await house.rules.page(who, origin=ORIGIN)] == ["team", "team/sub"]
        assert await house.rules.page(who, namespace="team", origin=ORIGIN) == [
            await house.rules.get(who, "team", "main", origin=ORIGIN)
        ]
        assert await house.rules.page(who, after=made.id, limit=1, origin=ORIGIN)
        with pytest.raises(Conflict):
            await add(house, await house.who("manager"))
        with pytest.raises(Changed):
            await house.rules.remove(await house.who("manager"), "team", "main", expected=1, origin=ORIGIN)
        await house.rules.remove(await house.who("manager"), "team", "main", origin=ORIGIN)
        assert await add(house, await house.who("manager"))  # the name is free again
        kinds = [kind for kind in await house.kinds() if kind.startswith("federation")]
        assert kinds == ["federation-rule.added"] * 2 + ["federation-rule.removed", "federation-rule.added"]

    with_house(tmp_path, scenario)


def test_a_rule_goes_with_its_robot(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        await ready(house)
        await add(house, await house.who("admin"))
        await house.robots.delete(await house.who("admin"), "team+ci", origin=ORIGIN)
        assert await house.rules.page(await house.who("admin"), origin=ORIGIN) == []
        with pytest.raises(Unknown):
            await house.rules.get(await house.who("admin"), "team", "main", origin=ORIGIN)
        await house.robot("team", "other")
        assert (await add(house, await house.who("admin"), robot="team+other")).robot == "team+other"

    with_house(tmp_path, scenario)


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "A"}, "name"),
        ({"name": "a/b"}, "name"),
        ({"issuer": "nobody"}, "issuer"),
        ({"robot": "team+nobody"}, "robot"),
        ({"robot": "team/sub+ci"}, "robot"),
        ({"robot": "other+ci"}, "robot"),
        ({"robot": "admin"}, "robot"),
        ({"claims": {}}, "claims"),
        ({"claims": {"sub": "*"}}, "claims"),
        ({"claims": {"iss": ISS}}, "claims"),
        ({"namespace": "Team"}, "namespace"),
        ({"namespace": ""}, "namespace"),
    ],
)
def test_what_cannot_be_a_rule(tmp_path: Path, changed: dict[str, Any], field: str) -> None:
    async def scenario(house: House) -> None:
        await ready(house)
        with pytest.raises(Invalid) as error:
            await add(house, await house.who("admin"), **changed)
        assert error.value.field == field

    with_house(tmp_path, scenario)


def test_a_preset_asks_for_ids(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        await ready(house)
        draft = IssuerDraft("gh", preset="github", jwks=PINNED)
        await house.issuers.add(await house.who("admin"), draft, origin=ORIGIN)
        names = {"repository": "octo-org/octo-repo", "ref": "refs/heads/main"}
        with pytest.raises(Invalid, match="repository_id"):
            await add(house, await house.who("admin"), issuer="gh", claims=names)
        assert await add(house, await house.who("admin"), issuer="gh", claims={**names, **CLAIMS})
        assert await add(house, await house.who("admin"), name="named", claims=names)  # without a preset

    with_house(tmp_path, scenario)


def test_nobody_makes_himself_more_by_a_rule(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        await ready(house)
        # A robot that holds more than its namespace's manager cannot be given away by him.
        await house.person("team+ci", "writer", "production/**")
        with pytest.raises(Denied):
            await add(house, await house.who("manager"))
        assert await add(house, await house.who("admin"))
        await house.person("writer", "writer", "team/**")
        await house.person("owner", "owner", "team/sub")
        for name in ("writer", "owner"):
            who = await house.who(name)
            with pytest.raises(Denied):
                await add(house, who, name="more")
            with pytest.raises(Unknown):
                await house.rules.remove(who, "team", "main", origin=ORIGIN)
            with pytest.raises(Unknown):
                await house.rules.get(who, "team", "main", origin=ORIGIN)
            assert await house.rules.page(who, origin=ORIGIN) == []
            assert await house.rules.page(who, namespace="team", origin=ORIGIN) == []

    with_house(tmp_path, scenario)


def test_who_lost_his_rights_meanwhile_decides_anew(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        await ready(house)
        before = await house.who("manager")
        await house.person("manager", "reader", "x/**")
        with pytest.raises(StalePermit):
            await add(house, before)

    with_house(tmp_path, scenario)


def test_what_a_token_would_come_to(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        await house.issuer(ci, preset="github")
        await house.robot("team", "ci")
        await house.robot("other", "ci")
        await house.person("manager", "owner", "team/**")
        await house.rule("team+ci", {**CLAIMS, "ref": "refs/heads/main"}, "main")
        await house.rule("team+ci", {**CLAIMS, "ref": "refs/tags/v*"}, "tags")
        await house.rule("other+ci", {"repository_id": "75"}, "hidden")
        manager = await house.who("manager")

        async def tried(token: str, name: str = "", who: Identity = manager) -> Any:
            return await house.rules.try_token(who, token, name, origin=ORIGIN)

        good = await tried(ci.token(github()))
        assert (good.robot, good.refusal, good.issuer, good.reads_only) == ("team+ci", "", "ci", False)
        assert good.claims["repository_id"] == "74"
        assert good.ends_at > house.db.now()
        assert [(rule.name, bool(rule.refusal)) for rule in good.rules] == [("main", False), ("tags", True)]
        assert "'ref' is 'refs/heads/main', not 'refs/tags/v*'" in good.rules[1].refusal
        assert (await tried(ci.token(github_pull_request()))).reads_only
        none = await tried(ci.token(github(ref="refs/heads/x")))
        assert (none.robot, none.refusal) == (None, "no rule matches it")
        other = await tried(ci.token(github(repository_id="75")))
        assert (other.robot, other.refusal) == (None, "it is a robot that you do not manage")
        assert "other" not in repr(other.rules)
        named = await tried(ci.token(github()), "other+ci")
        assert (named.robot, named.refusal) == (None, "no rule matches it for the robot that was named")
        bad = await tried(ci.token(github(aud="x")))
        assert (bad.robot, bad.issuer, bad.rules) == (None, None, ())
        assert "audience" in bad.refusal
        assert (await tried("eyJ.a.b")).refusal == "it is no signed token"
        stranger = await house.person("stranger", "writer", "team/**")
        for token in (ci.token(github()), "eyJ.a.b"):
            with pytest.raises(Denied):
                await tried(token, who=stranger)
        assert house.told == []

    with issuing() as ci:
        with_house(tmp_path, scenario)
