"""Forged, altered and foreign access tokens: one is refused like the other, whatever is wrong with it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from joserfc import jws
from joserfc.jwk import ECKey, OctKey, RSAKey
from tests.access.house import DAY, HERE, SECOND
from tests.access.tokens.place import Desk, at_desk, basic, bearer, opened

from holdfast.access.errors import Unauthenticated


def part(value: object) -> str:
    """A part of a token."""
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Forge:
    """What an attacker has: a good token of his own, the published keys, and keys of his own making."""

    def __init__(self, token: str, published: dict[str, Any], own: ECKey) -> None:
        self.token = token
        self.header, self.claims, self.signature = opened(token)
        self.published = published
        self.own = own

    def unsigned(self, algorithm: str) -> str:
        return f"{part({**self.header, 'alg': algorithm})}.{part(self.claims)}."

    def by_own_key(self, **header: object) -> str:
        given = {**self.header, **header}
        return self.signed({name: value for name, value in given.items() if value is not None}, self.claims)

    def signed(self, header: dict[str, Any], claims: dict[str, Any]) -> str:
        text = f"{part(header)}.{part(claims)}"
        key = self.own.get_op_key("sign")
        r, s = utils.decode_dss_signature(key.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{text}.{part(r.to_bytes(32) + s.to_bytes(32))}"

    def hmac_with(self, key: bytes) -> str:
        text = f"{part({**self.header, 'alg': 'HS256'})}.{part(self.claims)}"
        return f"{text}.{part(hmac.digest(key, text.encode(), hashlib.sha256))}"

    def altered(self, **claims: object) -> str:
        return f"{self.token.split('.')[0]}.{part({**self.claims, **claims})}.{self.signature}"


def own_public(forge: Forge) -> dict[str, Any]:
    return dict(forge.own.as_dict(private=False))


FORGERIES: dict[str, Callable[[Forge], str]] = {
    "alg none": lambda forge: forge.unsigned("none"),
    "alg None": lambda forge: forge.unsigned("None"),
    "alg nOnE, with a signature": lambda forge: forge.unsigned("nOnE") + forge.signature,
    "no signature": lambda forge: ".".join(forge.token.split(".")[:2]) + ".",
    "two parts": lambda forge: ".".join(forge.token.split(".")[:2]),
    "five parts": lambda forge: forge.token + ".a.b",
    "HS256 with the published JWK": lambda forge: forge.hmac_with(json.dumps(forge.published).encode()),
    "HS256 with the published PEM": lambda forge: forge.hmac_with(
        ECKey.import_key(forge.published).as_pem(private=False)
    ),
    "HS256 with x": lambda forge: forge.hmac_with(base64.urlsafe_b64decode(forge.published["x"] + "==")),
    "HS256 with nothing": lambda forge: forge.hmac_with(b""),
    "another key, our kid": lambda forge: forge.by_own_key(),
    "another key by jwk": lambda forge: forge.by_own_key(jwk=own_public(forge)),
    "another key by jwk, no kid": lambda forge: forge.by_own_key(jwk=own_public(forge), kid=None),
    "another key by jku": lambda forge: forge.by_own_key(jku="https://attacker.example/jwks.json"),
    "another key by x5u": lambda forge: forge.by_own_key(x5u="https://attacker.example/chain.pem"),
    "another key by x5c": lambda forge: forge.by_own_key(x5c=["MIIB"]),
    "our token, a jku beside": lambda forge: (
        f"{part({**forge.header, 'jku': 'https://attacker.example'})}.{'.'.join(forge.token.split('.')[1:])}"
    ),
    "crit": lambda forge: forge.by_own_key(crit=["exp"]),
    "crit with b64": lambda forge: forge.by_own_key(crit=["b64"], b64=False),
    "zip": lambda forge: forge.by_own_key(zip="DEF"),
    "cty": lambda forge: forge.by_own_key(cty="JWT"),
    "no kid": lambda forge: forge.by_own_key(kid=None),
    "an unknown kid": lambda forge: forge.by_own_key(kid="nobody"),
    "a kid that is a path": lambda forge: forge.by_own_key(kid="../../../dev/null"),
    "a kid that is SQL": lambda forge: forge.by_own_key(kid="' or 1=1 --"),
    "a kid that is no text": lambda forge: forge.by_own_key(kid=["a"]),
    "an alg that is no text": lambda forge: forge.by_own_key(alg=["ES256"]),
    "another alg": lambda forge: forge.by_own_key(alg="ES384"),
    "RS256": lambda forge: forge.by_own_key(alg="RS256"),
    "another typ": lambda forge: forge.by_own_key(typ="at+jwt"),
    "a header that is a list": lambda forge: part([1]) + forge.token[forge.token.index(".") :],
    "a header that is deep": lambda forge: part(b"[" * 20000) + forge.token[forge.token.index(".") :],
    "another subject": lambda forge: forge.altered(sub="admin"),
    "a longer life": lambda forge: forge.altered(exp=forge.claims["exp"] + 3600),
    "more access": lambda forge: forge.altered(access=[{"type": "repository", "name": "a", "actions": ["*"]}]),
    "a signature of zeros": lambda forge: ".".join(forge.token.split(".")[:2]) + "." + part(bytes(64)),
    "a signature of ones": lambda forge: ".".join(forge.token.split(".")[:2]) + "." + part(b"\xff" * 64),
    "a cut signature": lambda forge: forge.token[:-4],
    "a signature in DER": lambda forge: (
        ".".join(forge.token.split(".")[:2]) + "." + part(b"0\x06\x02\x01\x01\x02\x01\x01")
    ),
    "spaces inside": lambda forge: forge.token.replace(".", ". ", 1),
    "no token": lambda forge: "",
    "dots": lambda forge: "..",
    "too long": lambda forge: forge.altered(more="x" * 20000),
    "other letters": lambda forge: forge.token.replace(".", ".é", 1),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forged_token_is_refused(tmp_path: Path, name: str) -> None:
    async def scenario(desk: Desk) -> None:
        who = await desk.by(basic("admin", "correct-horse-battery"))
        token = (await desk.token(who, "repository:team/app:pull")).token
        own = ECKey.generate_key("P-256", private=True)
        forged = FORGERIES[name](Forge(token, dict((await desk.keys.published())[0]), own))
        assert forged != token
        for node in desk.nodes:
            with pytest.raises(Unauthenticated):
                await node.access.authenticate(bearer(forged), HERE)
            assert node.access.remembered(bearer(forged)) is None
        assert (await desk.by(bearer(token))).subject.name == "admin"

    at_desk(tmp_path, scenario)


# What only the registry itself could sign by mistake, or another installation with the same key.
WRONG_CLAIMS: dict[str, dict[str, Any]] = {
    "another issuer": {"iss": "somebody"},
    "no issuer": {"iss": None},
    "another audience": {"aud": "another.example.com"},
    "audiences in a list": {"aud": ["registry.example.com"]},
    "no audience": {"aud": None},
    "no end": {"exp": None},
    "no beginning": {"nbf": None},
    "an end that is text": {"exp": "never"},
    "an end that is a fraction": {"exp": 1e30},
    "ended": {"nbf": -400, "exp": -100},
    "not begun": {"nbf": 100, "exp": 300},
    "too long a life": {"exp": 3600},
    "a life backwards": {"nbf": 10, "exp": 5},
    "no sealed claim": {"hf": None},
    "another sealed claim": {"hf": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"},
    "a sealed claim that is none": {"hf": "é"},
}


@pytest.mark.parametrize("name", WRONG_CLAIMS)
def test_a_token_whose_claims_are_wrong_is_refused_though_it_is_signed(tmp_path: Path, name: str) -> None:
    async def scenario(desk: Desk) -> None:
        who = await desk.by(basic("admin", "correct-horse-battery"))
        header, claims, _ = opened((await desk.token(who)).token)
        changes = WRONG_CLAIMS[name]
        now = desk.house.clock() // SECOND
        for claim, value in changes.items():
            if value is None:
                del claims[claim]
            else:
                claims[claim] = now + value if claim in ("nbf", "exp") and isinstance(value, int) else value
        key = (await desk.keys.signing()).key
        signed = jws.serialize_compact(header, json.dumps(claims).encode(), key, algorithms=["ES256"])
        with pytest.raises(Unauthenticated):
            await desk.by(bearer(signed))

    at_desk(tmp_path, scenario)


@pytest.mark.parametrize(("seconds", "good"), [(-59, True), (-61, False), (359, True), (360, False)])
def test_clocks_may_differ_by_a_minute(tmp_path: Path, seconds: int, good: bool) -> None:
    async def scenario(desk: Desk) -> None:
        header = await desk.bearer(await desk.by(basic("admin", "correct-horse-battery")))
        desk.house.clock.at += seconds * SECOND
        for node in desk.nodes:
            if good:
                assert (await node.by(header)).subject.name == "admin"
            else:
                with pytest.raises(Unauthenticated):
                    await node.by(header)

    at_desk(tmp_path, scenario)


def test_a_remembered_token_ends_in_time(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        header = await desk.bearer(await desk.by(basic("admin", "correct-horse-battery")))
        await desk.by(header)
        assert desk.access.remembered(header) is not None
        desk.house.clock.at += 361 * SECOND
        assert desk.access.remembered(header) is None
        with pytest.raises(Unauthenticated):
            await desk.by(header)

    at_desk(tmp_path, scenario)


def test_keys_of_other_families_sign_nothing(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        header, claims, _ = opened((await desk.token(await desk.by(basic("admin", "correct-horse-battery")))).token)
        for key, algorithm in ((OctKey.generate_key(256), "HS256"), (RSAKey.generate_key(2048), "RS256")):
            signed = jws.serialize_compact(
                {**header, "alg": algorithm}, json.dumps(claims).encode(), key, algorithms=[algorithm]
            )
            with pytest.raises(Unauthenticated):
                await desk.by(bearer(signed))

    at_desk(tmp_path, scenario)


def test_our_own_token_is_no_password(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        token = (await desk.token(await desk.by(basic("admin", "correct-horse-battery")), "registry:catalog:*")).token
        with pytest.raises(Unauthenticated):
            await desk.by(basic("admin", token))
        assert desk.machines.asked == ["admin"], "a token goes to the issuers of machines, and nowhere else"

    at_desk(tmp_path, scenario)


def test_a_token_of_a_key_that_has_ended_is_refused(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        header = await desk.bearer(await desk.by(basic("admin", "correct-horse-battery")))
        await desk.by(header)
        await desk.other.keys.replace_at_once(actor="system", origin=HERE)
        for node in desk.nodes:
            with pytest.raises(Unauthenticated):
                await node.by(header)
            fresh = await node.bearer(await node.by(basic("admin", "correct-horse-battery")))
            for each in desk.nodes:
                assert (await each.by(fresh)).subject.name == "admin"
        desk.house.clock.at += DAY
        with pytest.raises(Unauthenticated):
            await desk.by(header)

    at_desk(tmp_path, scenario)
