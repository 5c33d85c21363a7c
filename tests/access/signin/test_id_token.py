"""Which keys of a provider are used, and with which algorithms; the attacks are in tests/security."""

from __future__ import annotations

import base64
import hashlib
import warnings
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc import jwt
from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, OKPKey, RSAKey

from holdfast.access.signin.id_token import Expected, TokenInvalid, UnknownKey, VerifyingKey, keys_of, verify

NOW = 1_800_000_000
CLAIMS: dict[str, Any] = {
    "iss": "https://idp.example",
    "aud": "holdfast",
    "sub": "s-1",
    "nonce": "n",
    "iat": NOW,
    "exp": NOW + 300,
}
WANTED = Expected("https://idp.example", "holdfast", "n", NOW * 1_000_000, "the-access-token")
RSA = RSAKey.generate_key(2048, {"kid": "rsa"})
WEAK = rsa.generate_private_key(65537, 1024).public_key().public_numbers().n


def key_set(*keys: Any, **more: object) -> tuple[VerifyingKey, ...]:
    return keys_of({"keys": [{**key.as_dict(private=False), **more} for key in keys]})


def signed(key: Any, algorithm: str, **claims: object) -> str:
    header = {"alg": algorithm, **({"kid": key.kid} if key.kid else {})}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SecurityWarning)
        return jwt.encode(header, {**CLAIMS, **claims}, key, [algorithm])


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        *((RSA, algorithm) for algorithm in ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")),
        (ECKey.generate_key("P-256", {"kid": "p256"}), "ES256"),
        (ECKey.generate_key("P-384", {"kid": "p384"}), "ES384"),
        (ECKey.generate_key("P-521", {"kid": "p521"}), "ES512"),
        (OKPKey.generate_key("Ed25519", {"kid": "ed"}), "Ed25519"),
        (OKPKey.generate_key("Ed25519", {"kid": "ed"}), "EdDSA"),
    ],
)
def test_each_family_has_its_algorithms(key: Any, algorithm: str) -> None:
    keys = key_set(key)
    half = hashlib.new("sha512" if algorithm.startswith("Ed") else f"sha{algorithm[2:]}", b"the-access-token").digest()
    at_hash = base64.urlsafe_b64encode(half[: len(half) // 2]).decode().rstrip("=")
    assert verify(signed(key, algorithm, at_hash=at_hash), keys, WANTED)["sub"] == "s-1"
    with pytest.raises(TokenInvalid, match="at_hash"):
        verify(signed(key, algorithm, at_hash=at_hash[::-1]), keys, WANTED)


def test_a_key_is_used_as_its_provider_says() -> None:
    keys = key_set(RSA, alg="RS256")
    assert verify(signed(RSA, "RS256"), keys, WANTED)
    with pytest.raises(UnknownKey):
        verify(signed(RSA, "PS256"), keys, WANTED)


def test_what_signs_nothing_is_left_out() -> None:
    other = ECKey.generate_key("P-256", {"kid": "other"})
    document = {
        "keys": [
            {**RSA.as_dict(private=False), "use": "enc"},
            {"kty": "oct", "k": "c2VjcmV0", "kid": "mac"},
            {"kty": "RSA", "n": "!", "e": "AQAB"},
            {"kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA"},
            {"kty": "new"},
            {"kid": 7},
            None,
            "x",
            {
                "kty": "RSA",
                "e": "AQAB",
                "n": base64.urlsafe_b64encode(WEAK.to_bytes(128)).decode().rstrip("="),
                "kid": "w",
            },
            other.as_dict(private=False),
        ]
    }
    assert [key.kid for key in keys_of(document)] == ["other"]
    empty: tuple[Any, ...] = ({}, [], {"keys": {}}, {"keys": []}, {"keys": [None]}, None)
    for nothing in empty:
        with pytest.raises(ValueError, match="key"):
            keys_of(nothing)


def test_a_private_part_in_the_set_is_not_used() -> None:
    (key,) = keys_of({"keys": [RSA.as_dict(private=True)]})
    assert not key.key.is_private


def test_the_key_of_the_name_is_used_and_one_without_a_name_fits_all() -> None:
    other = RSAKey.generate_key(2048, {"kid": "other"})
    both = key_set(RSA, other)
    assert verify(signed(other, "RS256"), both, WANTED)
    nameless = jwt.encode({"alg": "RS256"}, CLAIMS, other)
    assert verify(nameless, both, WANTED)
    with pytest.raises(TokenInvalid, match="signature"):
        verify(jwt.encode({"alg": "RS256", "kid": "rsa"}, CLAIMS, other), both, WANTED)


def test_clocks_may_differ_by_a_minute() -> None:
    keys = key_set(RSA)
    for claims in ({"exp": NOW - 59}, {"iat": NOW + 60}, {"nbf": NOW + 60}, {"iat": NOW + 0.5}):
        assert verify(signed(RSA, "RS256", **claims), keys, WANTED)
    wrong: tuple[dict[str, object], ...] = (
        {"exp": NOW - 60},
        {"iat": NOW + 61},
        {"nbf": NOW + 61},
        {"exp": True},
        {"exp": -1},
        {"exp": 1e300},
    )
    for bad in wrong:
        with pytest.raises(TokenInvalid):
            verify(signed(RSA, "RS256", **bad), keys, WANTED)


def test_a_refresh_may_lack_the_nonce() -> None:
    keys = key_set(RSA)
    assert verify(signed(RSA, "RS256"), keys, WANTED._replace(nonce=None))
    with pytest.raises(TokenInvalid, match="nonce"):
        verify(signed(RSA, "RS256", nonce="other"), keys, WANTED)


@pytest.mark.parametrize(
    "text", ["", ".", "..", "a.b", "a.b.c.d", "\u00e9.a.b", "e30.e30.", "bnVsbA.e30.x", "W10.e30.x"]
)
def test_what_is_no_token_is_refused(text: str) -> None:
    with pytest.raises(TokenInvalid):
        verify(text, key_set(RSA), WANTED)
