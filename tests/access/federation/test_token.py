"""What is read as a machine's token, what verifies it, and when it counts: attacks on JWTs among it."""

from __future__ import annotations

import base64
import hmac
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc.jwk import Key, RSAKey
from tests.access.federation.issuing import AUDIENCE, jwk_set, key_of, signed

from holdfast.access.federation.errors import TokenRefused
from holdfast.access.federation.token import LEEWAY, TOKEN_LIMIT, check, keys_of, public_set, read

ISS = "https://issuer.example.com"
NOW = 1_800_000_000


def part(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def bare(header: object, claims: object, signature: str = "AAAA") -> str:
    return f"{part(header)}.{part(claims)}.{signature}"


@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "ES256", "ES384", "ES512", "EdDSA"])
def test_each_family_verifies(algorithm: str) -> None:
    key = key_of(algorithm)
    presented = read(signed({"iss": ISS}, key))
    assert presented.iss == ISS
    found = presented.signed_by(keys_of(jwk_set(key, key_of("ES256", "other"))))
    assert found is not None
    assert found.kid == "one"


def test_another_key_of_the_same_name_does_not() -> None:
    presented = read(signed({"iss": ISS}, key_of("ES256", "one")))
    other = key_of("ES256", "two").as_dict(private=False) | {"kid": "one"}
    assert presented.signed_by(keys_of({"keys": [other]})) is None


def test_a_changed_token_does_not() -> None:
    key = key_of()
    header, claims, signature = signed({"iss": ISS, "sub": "a"}, key).split(".")
    keys = keys_of(jwk_set(key))
    for text in (
        f"{header}.{part({'iss': ISS, 'sub': 'b'})}.{signature}",
        f"{header}.{claims}.{signature[:-8]}AAAAAAAA",
    ):
        assert read(text).signed_by(keys) is None


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "HS256", "HS512", "RSA-OAEP", "dir", ""])
def test_no_key_goes_with_such_an_algorithm(algorithm: str) -> None:
    for signature in ("AAAA", "A" * 342):
        presented = read(bare({"alg": algorithm, "kid": "one"}, {"iss": ISS}, signature))
        assert presented.signed_by(keys_of(jwk_set(key_of()))) is None


def test_a_public_key_is_no_secret_of_a_mac() -> None:
    key = key_of()
    assert isinstance(key, RSAKey)
    signed_part = bare({"alg": "HS256", "kid": "one"}, {"iss": ISS}).rpartition(".")[0]
    for secret in (
        key.as_pem(private=False),
        key.as_der(private=False),
        json.dumps(key.as_dict(private=False)).encode(),
    ):
        mac = hmac.digest(secret, signed_part.encode(), "sha256")
        text = f"{signed_part}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"
        assert read(text).signed_by(keys_of(jwk_set(key))) is None


def test_a_key_is_used_with_its_own_family_only() -> None:
    key = key_of("RS256")
    assert isinstance(key, RSAKey)
    plain = {name: value for name, value in key.as_dict(private=False).items() if name != "alg"}
    unsaid = keys_of({"keys": [plain]})
    for algorithm, good in (("RS256", True), ("RS512", True), ("PS256", False), ("PS512", False)):
        text = signed({"iss": ISS}, RSAKey.import_key(key.as_dict(private=True) | {"alg": algorithm}))
        assert (read(text).signed_by(unsaid) is not None) is good
    assert (
        read(signed({"iss": ISS}, RSAKey.import_key(key.as_dict(private=True) | {"alg": "RS512"}))).signed_by(
            keys_of(jwk_set(key))
        )
        is None
    )


@pytest.mark.parametrize("name", ["jwk", "jku", "x5u", "x5c", "crit", "b64", "zip", "enc"])
def test_a_header_brings_no_key_and_no_demand(name: str) -> None:
    value: Any = {"jwk": key_of().as_dict(private=False), "crit": ["exp"], "b64": False}.get(name, "https://a.example/")
    with pytest.raises(TokenRefused, match=name):
        read(bare({"alg": "RS256", "kid": "one", name: value}, {"iss": ISS}))


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "..",
        "a.b.c",
        "a.b",
        "a.b.c.d",
        bare({"alg": "RS256"}, {"iss": ISS}) + ".AAAA",
        bare({"alg": "RS256"}, {"iss": ISS}).replace(".", "=.", 1),
        bare({"alg": "RS256"}, {"iss": ISS}) + "\n",
        bare({"alg": "RS256"}, {"iss": ISS}, "AA+/"),
        bare([], {"iss": ISS}),
        bare({"alg": "RS256"}, []),
        bare({"alg": "RS256"}, {}),
        bare({"alg": "RS256"}, {"iss": 5}),
        bare({"alg": "RS256"}, {"iss": ""}),
        bare({"alg": "RS256"}, {"iss": "x" * 600}),
        bare({"alg": 5}, {"iss": ISS}),
        bare({}, {"iss": ISS}),
        bare({"alg": "RS256", "kid": 7}, {"iss": ISS}),
        bare({"alg": "RS256", "kid": "x" * 600}, {"iss": ISS}),
        bare({"alg": "RS256", "typ": "logout+jwt"}, {"iss": ISS}),
        bare({"alg": "RS256", "typ": 5}, {"iss": ISS}),
        bare('{"alg":"RS256","alg":"none"}', {"iss": ISS}),
        bare({"alg": "RS256"}, '{"iss":"a","iss":"b"}'),
        bare({"alg": "RS256"}, '{"iss":"a","exp":NaN}'),
        bare({"alg": "RS256"}, '{"iss":"a","x":' + "[" * 5000 + "]" * 5000 + "}"),
        bare({"alg": "RS256"}, '{"iss":"a","x":' + "9" * 5000 + "}"),
        bare({"alg": "RS256"}, {"iss": ISS, "x": "y" * TOKEN_LIMIT}),
        "eyJ" + "\xe9.AAAA.AAAA",
    ],
)
def test_what_could_be_read_in_two_ways_is_not_read(text: str) -> None:
    with pytest.raises(TokenRefused):
        read(text)


def test_without_a_name_of_a_key_there_is_one_or_none() -> None:
    key = key_of()
    presented = read(signed({"iss": ISS}, key, {"kid": None}))
    assert presented.signed_by(keys_of(jwk_set(key))) is not None
    assert presented.signed_by(keys_of(jwk_set(key, key_of("RS256", "two")))) is None
    assert presented.signed_by(keys_of(jwk_set(key, key_of("ES256", "two")))) is not None


@pytest.mark.parametrize(
    "spoilt",
    [
        {"use": "enc"},
        {"key_ops": ["encrypt"]},
        {"key_ops": "verify"},
        {"alg": "HS256"},
        {"alg": "ES256"},
        {"kty": "oct"},
        {"kty": None},
        {"kid": 5},
        {"n": "AQAB"},
        {"n": None},
    ],
)
def test_a_key_that_is_none_to_verify_with_is_left_out(spoilt: dict[str, Any]) -> None:
    entry = key_of().as_dict(private=False) | spoilt
    entry = {name: value for name, value in entry.items() if value is not None}
    with pytest.raises(ValueError, match="no key"):
        keys_of({"keys": [entry, "nonsense"]})
    assert len(keys_of({"keys": [entry, key_of("ES256").as_dict(private=False)]})) == 1


def test_a_small_rsa_key_is_left_out() -> None:
    numbers = rsa.generate_private_key(65537, 1024).public_key().public_numbers()
    modulus = base64.urlsafe_b64encode(numbers.n.to_bytes(128, "big")).decode().rstrip("=")
    with pytest.raises(ValueError, match="no key"):
        keys_of({"keys": [{"kty": "RSA", "n": modulus, "e": "AQAB", "kid": "small"}]})


@pytest.mark.parametrize("document", [None, [], {}, {"keys": {}}, {"keys": []}, "keys"])
def test_what_is_no_key_set(document: Any) -> None:
    with pytest.raises(ValueError, match="key"):
        keys_of(document)


@pytest.mark.parametrize("key", [key_of("RS256"), key_of("ES256"), key_of("EdDSA")], ids=["rsa", "ec", "okp"])
def test_a_private_key_is_not_pinned(key: Key) -> None:
    document = {"keys": [key.as_dict(private=True)]}
    with pytest.raises(ValueError, match="private"):
        keys_of(document, pinned=True)
    assert '"d"' not in public_set(document)
    assert len(keys_of(json.loads(public_set(document)))) == 1


# -- what it says ------------------------------------------------------------------------------------------------------

GOOD = {"iss": ISS, "aud": AUDIENCE, "iat": NOW - 10, "nbf": NOW - 10, "exp": NOW + 290}


@pytest.mark.parametrize("audience", [AUDIENCE, [AUDIENCE], ["sts.example.com", AUDIENCE]])
def test_a_good_token_counts_until_it_ends(audience: object) -> None:
    assert check({**GOOD, "aud": audience}, AUDIENCE, NOW, 3600) == NOW + 290


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"aud": None}, "audience"),
        ({"aud": ""}, "audience"),
        ({"aud": []}, "audience"),
        ({"aud": "REGISTRY.example.com"}, "audience"),
        ({"aud": AUDIENCE + "/"}, "audience"),
        ({"aud": {AUDIENCE: 1}}, "audience"),
        ({"aud": [[AUDIENCE]]}, "audience"),
        ({"exp": None}, "never expires"),
        ({"exp": str(NOW + 290)}, "never expires"),
        ({"exp": True}, "never expires"),
        ({"exp": 2**60}, "never expires"),
        ({"exp": -1}, "never expires"),
        ({"exp": NOW - LEEWAY}, "expired"),
        ({"exp": NOW - 86_400}, "expired"),
        ({"iat": NOW + LEEWAY + 1}, "future"),
        ({"nbf": NOW + LEEWAY + 1}, "future"),
        ({"nbf": "soon"}, "future"),
        ({"iat": None}, "future"),
        ({"exp": NOW + 7200}, "lives longer"),
        ({"iat": NOW - 7200}, "lives longer"),
    ],
)
def test_what_it_must_say(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(TokenRefused, match=said):
        check({**GOOD, **changed}, AUDIENCE, NOW, 3600)


def test_a_clock_may_be_wrong_by_a_minute() -> None:
    assert check({**GOOD, "exp": NOW - LEEWAY + 1}, AUDIENCE, NOW, 3600)
    assert check({**GOOD, "iat": NOW + LEEWAY, "nbf": NOW + LEEWAY}, AUDIENCE, NOW, 3600)


def test_without_a_beginning_the_rest_of_its_life_is_bounded() -> None:
    claims = {name: value for name, value in GOOD.items() if name != "iat"}
    assert check(claims, AUDIENCE, NOW, 300)
    with pytest.raises(TokenRefused, match="lives longer"):
        check(claims, AUDIENCE, NOW, 200)


def test_no_audience_is_nobodys() -> None:
    with pytest.raises(TokenRefused):
        check({**GOOD, "aud": ""}, "", NOW, 3600)
