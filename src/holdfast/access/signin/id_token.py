"""Verifying an ID token (OpenID Connect Core 1.0, 3.1.3.7) and the keys that it may be signed with.

Promises (rules 14 and 20): one family of algorithms per key, by the key's own type, so that `none`, a MAC under a
public key, and keys that come inside the token are refused; issuer, audience, authorised party, expiry, nonce and the
hash of the access token are what they must be; nothing is believed before the signature is.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from joserfc import jws
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

TOKEN_LIMIT = 64 << 10
LEEWAY = 60
_KEYS = 64
_RSA_BITS = 2048
_SUBJECT_LIMIT = 255
_RSA = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
_CURVES = {"P-256": ("ES256",), "P-384": ("ES384",), "P-521": ("ES512",), "Ed25519": ("EdDSA", "Ed25519")}
_KINDS: Mapping[str, type[RSAKey] | type[ECKey] | type[OKPKey]] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}
_SMUGGLED = frozenset({"jwk", "jku", "x5u", "x5c", "crit", "b64", "zip", "enc"})
_HALF = {"256": hashlib.sha256, "384": hashlib.sha384, "512": hashlib.sha512}


class TokenInvalid(Exception):
    """The ID token is not believed; the text says why, for the log."""


class UnknownKey(TokenInvalid):
    """Signed by a key that is not among those known: the provider may have made a new one."""


class VerifyingKey(NamedTuple):
    """A public key of the provider and the algorithms that it may be used with."""

    kid: str | None
    algorithms: tuple[str, ...]
    key: Key


class Expected(NamedTuple):
    """What the token must say. `nonce` None: the one of a refresh, which may have none. `now`: microseconds."""

    issuer: str
    client_id: str
    nonce: str | None
    now: int
    access_token: str | None = None


def keys_of(document: Any) -> tuple[VerifyingKey, ...]:
    """The usable keys of a JWK set (RFC 7517); others are left out, as it says. Raises ValueError for none."""
    entries = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise ValueError("the key set has no list of keys")  # noqa: TRY004 - what is wrong is the document
    found = tuple(key for entry in entries[:_KEYS] if (key := _key(entry)) is not None)
    if not found:
        raise ValueError("the key set has no key that an ID token may be signed with")
    return found


def _key(entry: Any) -> VerifyingKey | None:
    if not isinstance(entry, dict) or entry.get("use", "sig") != "sig":
        return None
    kind, kid, only = _KINDS.get(str(entry.get("kty"))), entry.get("kid"), entry.get("alg")
    if kind is None or not (kid is None or isinstance(kid, str)) or (kind is RSAKey and not _is_long(entry.get("n"))):
        return None
    names = ("kty", "n", "e") if kind is RSAKey else ("kty", "crv", "x", "y") if kind is ECKey else ("kty", "crv", "x")
    try:
        key = kind.import_key({name: entry[name] for name in names})  # public parts alone
    except (JoseError, KeyError, TypeError, ValueError):
        return None
    algorithms = _RSA if kind is RSAKey else _CURVES.get(str(entry.get("crv")), ())
    if only is not None:
        algorithms = tuple(name for name in algorithms if name == only)
    return VerifyingKey(kid, algorithms, key) if algorithms else None


def _is_long(modulus: object) -> bool:
    """Whether an RSA key is long enough, by its modulus."""
    try:
        number = base64.urlsafe_b64decode(str(modulus) + "=" * (-len(str(modulus)) % 4))
    except (ValueError, binascii.Error):
        return False
    return int.from_bytes(number).bit_length() >= _RSA_BITS


def verify(token: str, keys: Sequence[VerifyingKey], expected: Expected) -> dict[str, Any]:
    """The claims of `token`. Raises `UnknownKey`, `TokenInvalid`."""
    header = _header(token)
    algorithm = header["alg"]
    kid = header.get("kid")
    fitting = [
        each for each in keys if algorithm in each.algorithms and (kid is None or each.kid is None or each.kid == kid)
    ]
    if not fitting:
        raise UnknownKey(f"no key of the provider is called {str(kid)[:64]!r} and signs with {str(algorithm)[:16]!r}")
    claims = next((found for each in fitting if (found := _payload(token, each, algorithm)) is not None), None)
    if claims is None:
        raise TokenInvalid("the signature is wrong")
    _check(claims, expected, algorithm)
    return claims


def _header(token: str) -> dict[str, Any]:
    if len(token) > TOKEN_LIMIT:
        raise TokenInvalid("it is too long")
    parts = token.split(".")
    try:
        header = json.loads(base64.urlsafe_b64decode(parts[0] + "=" * (-len(parts[0]) % 4)))
    except (ValueError, binascii.Error, RecursionError) as error:
        raise TokenInvalid("its header cannot be read") from error
    if len(parts) != 3 or not isinstance(header, dict) or not isinstance(header.get("alg"), str):
        raise TokenInvalid("it is no signed token")
    if smuggled := _SMUGGLED & set(header):
        raise TokenInvalid(f"its header has {sorted(smuggled)[0]}")
    return header


def _payload(token: str, key: VerifyingKey, algorithm: str) -> dict[str, Any] | None:
    registry = JWSRegistry(algorithms=[algorithm], strict_check_header=False)
    registry.max_header_length = 4096
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SecurityWarning)  # EdDSA, which most still call Ed25519
            found = jws.deserialize_compact(token, key.key, registry=registry)
        claims = json.loads(found.payload)
    except (JoseError, ValueError, RecursionError):
        return None
    if not isinstance(claims, dict):
        raise TokenInvalid("its claims are no object")
    return claims


def _check(claims: Mapping[str, Any], expected: Expected, algorithm: str) -> None:
    """Every claim that has to be right. Raises `TokenInvalid`."""
    now = expected.now // 1_000_000
    audience = claims.get("aud")
    audiences = [audience] if isinstance(audience, str) else audience
    party, subject, expires = claims.get("azp"), claims.get("sub"), claims.get("exp")
    if claims.get("iss") != expected.issuer:
        raise TokenInvalid("it is of another issuer")
    if not isinstance(audiences, list) or expected.client_id not in audiences:
        raise TokenInvalid("it is for somebody else (aud)")
    if (len(audiences) > 1 and party is None) or (party is not None and party != expected.client_id):
        raise TokenInvalid("it is for somebody else (azp)")
    if expires is None or not _is_time(expires) or now >= expires + LEEWAY:
        raise TokenInvalid("it has expired, or never does")
    if any(name in claims and not (_is_time(claims[name]) and claims[name] <= now + LEEWAY) for name in ("iat", "nbf")):
        raise TokenInvalid("it is of the future: are the clocks right?")
    if not isinstance(subject, str) or not 0 < len(subject) <= _SUBJECT_LIMIT or not subject.isprintable():
        raise TokenInvalid("it names nobody (sub)")
    nonce = claims.get("nonce")
    if expected.nonce is not None and not (
        isinstance(nonce, str) and hmac.compare_digest(nonce.encode(), expected.nonce.encode())
    ):
        raise TokenInvalid("it is not of this sign-in (nonce)")
    access_token = expected.access_token
    if "at_hash" in claims and access_token and not _hash_matches(claims["at_hash"], access_token, algorithm):
        raise TokenInvalid("it does not belong to its access token (at_hash)")


def _is_time(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 2**40


def _hash_matches(claimed: object, access_token: str, algorithm: str) -> bool:
    # Core 3.1.3.6: the left half of the hash of the algorithm; Ed25519 hashes by SHA-512.
    digest = _HALF.get(algorithm[2:], hashlib.sha512)(access_token.encode()).digest()
    half = base64.urlsafe_b64encode(digest[: len(digest) // 2]).decode().rstrip("=")
    return isinstance(claimed, str) and hmac.compare_digest(claimed.rstrip("=").encode(), half.encode())
