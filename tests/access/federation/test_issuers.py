"""Registering issuers: by administrators, checked when it is saved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.access.federation.house import ORIGIN, House, with_house
from tests.access.federation.issuing import AUDIENCE, issuing, jwk_set, key_of

from holdfast.access.errors import Changed, Conflict, Denied, Invalid, Unknown
from holdfast.access.federation.model import IssuerChange, IssuerDraft

ISS = "https://kubernetes.default.svc.cluster.local"
PINNED = jwk_set(key_of("ES256"))


def test_an_issuer_is_asked_for_its_keys_when_it_is_registered(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        admin = await house.who("admin")
        made = await house.issuers.add(admin, IssuerDraft("ci", ci.iss), origin=ORIGIN)
        assert (made.audience, made.preset, made.pinned, made.keys, made.rules) == (AUDIENCE, None, False, ("one",), 0)
        assert made.keys_at
        assert made.made_by == "user:admin"
        assert ci.asked == ["/.well-known/openid-configuration", "/keys"]
        assert await house.issuers.get(await house.who("admin"), "ci", origin=ORIGIN) == made
        assert await house.issuers.page(await house.who("admin"), origin=ORIGIN) == [made]
        assert await house.kinds() == ["issuer.added"]

    with issuing() as ci:
        with_house(tmp_path, scenario)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        ({"away": True}, "status 503"),
        ({"claimed_iss": "https://other.example.com"}, "not that of"),
        ({"redirect": "http://127.0.0.1:1/"}, "redirect"),
        ({"jwks_uri": "http://10.0.0.1/keys"}, "10.0.0.1"),
        ({"jwks_uri": "file:///etc/passwd"}, "URL"),
        ({"jwks_uri": 5}, "no key set"),
        ({"keys": []}, "no key"),
    ],
)
def test_what_cannot_be_fetched_is_told_at_once(tmp_path: Path, spoil: dict[str, Any], said: str) -> None:
    async def scenario(house: House) -> None:
        for name, value in spoil.items():
            setattr(ci, name, value)
        with pytest.raises(Invalid, match=said) as error:
            await house.issuer(ci)
        assert error.value.field == "iss"
        assert await house.kinds() == []

    with issuing() as ci:
        with_house(tmp_path, scenario)


@pytest.mark.parametrize(
    "draft",
    [
        IssuerDraft("", ISS, jwks=PINNED),
        IssuerDraft("CI", ISS, jwks=PINNED),
        IssuerDraft("a/b", ISS, jwks=PINNED),
        IssuerDraft("x" * 65, ISS, jwks=PINNED),
        IssuerDraft("ci", "", jwks=PINNED),
        IssuerDraft("ci", "a b", jwks=PINNED),
        IssuerDraft("ci", "x" * 600, jwks=PINNED),
        IssuerDraft("ci", ISS, "", jwks=PINNED),
        IssuerDraft("ci", ISS, "two words", jwks=PINNED),
        IssuerDraft("ci", ISS, preset="jenkins", jwks=PINNED),
        IssuerDraft("ci", "https://gitlab.com", preset="github", jwks=PINNED),
        IssuerDraft("ci", ISS, discovery="https://a.example/", jwks=PINNED),
        IssuerDraft("ci", ISS, jwks={}),
        IssuerDraft("ci", ISS, jwks={"keys": [key_of("ES256").as_dict(private=True)]}),
        IssuerDraft("ci", "http://127.0.0.1:1"),
        IssuerDraft("ci", "https://10.0.0.1"),
        IssuerDraft("ci", "https://169.254.169.254"),
        IssuerDraft("ci", "no-url"),
        IssuerDraft("ci", ISS, discovery="http://169.254.169.254/latest"),
    ],
)
def test_what_cannot_be_an_issuer(tmp_path: Path, draft: IssuerDraft) -> None:
    async def scenario(house: House) -> None:
        with pytest.raises(Invalid):
            await house.issuers.add(await house.who("admin"), draft, origin=ORIGIN)

    with_house(tmp_path, scenario)


def test_an_issuer_that_is_known_gets_its_preset(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        admin = await house.who("admin")
        known = IssuerDraft("gh", "https://token.actions.githubusercontent.com", jwks=PINNED)
        assert (await house.issuers.add(admin, known, origin=ORIGIN)).preset == "github"
        named = IssuerDraft("gl", preset="gitlab", jwks=PINNED)
        made = await house.issuers.add(await house.who("admin"), named, origin=ORIGIN)
        assert (made.iss, made.preset, made.pinned) == ("https://gitlab.com", "gitlab", True)

    with_house(tmp_path, scenario)


def test_one_iss_with_other_keys_is_another_issuer(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        async def add(name: str, *kids: str) -> None:
            keys = jwk_set(*(key_of("ES256", kid) for kid in kids))
            await house.issuers.add(await house.who("admin"), IssuerDraft(name, ISS, jwks=keys), origin=ORIGIN)

        await add("north", "one")
        await add("south", "two")
        with pytest.raises(Conflict, match="'north'"):
            await add("west", "three", "one")
        with pytest.raises(Conflict, match="already"):
            await add("south", "four")
        change = IssuerChange(jwks=jwk_set(key_of("ES256", "one")))
        with pytest.raises(Conflict, match="'north'"):
            await house.issuers.change(await house.who("admin"), "south", change, origin=ORIGIN)

    with_house(tmp_path, scenario)


def test_changes_are_of_the_version_that_was_looked_at(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        admin = await house.who("admin")
        made = await house.issuers.add(admin, IssuerDraft("k", ISS, jwks=PINNED), origin=ORIGIN)
        change = IssuerChange(audience="other")
        after = await house.issuers.change(await house.who("admin"), "k", change, expected=made.changed, origin=ORIGIN)
        assert (after.audience, after.keys) == ("other", made.keys)
        with pytest.raises(Changed):
            await house.issuers.change(await house.who("admin"), "k", change, expected=made.changed, origin=ORIGIN)
        with pytest.raises(Invalid):
            await house.issuers.change(await house.who("admin"), "k", IssuerChange(audience=""), origin=ORIGIN)
        with pytest.raises(Unknown):
            await house.issuers.change(await house.who("admin"), "other", change, origin=ORIGIN)
        with pytest.raises(Unknown):
            await house.issuers.remove(await house.who("admin"), "other", origin=ORIGIN)
        await house.issuers.remove(await house.who("admin"), "k", origin=ORIGIN)
        assert await house.issuers.page(await house.who("admin"), origin=ORIGIN) == []
        assert await house.kinds() == ["issuer.added", "issuer.changed", "issuer.removed"]

    with_house(tmp_path, scenario)


def test_only_administrators_keep_issuers_and_managers_see_them(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        await house.issuers.add(await house.who("admin"), IssuerDraft("k", ISS, jwks=PINNED), origin=ORIGIN)
        manager = await house.person("manager", "owner", "team/**")
        stranger = await house.person("stranger", "writer", "team/**")
        assert [each.name for each in await house.issuers.page(manager, origin=ORIGIN)] == ["k"]
        assert (await house.issuers.get(manager, "k", origin=ORIGIN)).iss == ISS
        for who in (manager, stranger):
            with pytest.raises(Denied):
                await house.issuers.add(who, IssuerDraft("x", ISS, jwks=PINNED), origin=ORIGIN)
            with pytest.raises(Denied):
                await house.issuers.change(who, "k", IssuerChange(audience="x"), origin=ORIGIN)
            with pytest.raises(Denied):
                await house.issuers.remove(who, "k", origin=ORIGIN)
        for name in ("k", "other"):
            with pytest.raises(Denied):
                await house.issuers.get(stranger, name, origin=ORIGIN)
        with pytest.raises(Denied):
            await house.issuers.page(stranger, origin=ORIGIN)

    with_house(tmp_path, scenario)
