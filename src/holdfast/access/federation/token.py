"""Reading and verifying the tokens of machines: JWS in compact form (RFC 7515) with claims (RFC 7519, RFC 8725).

Promises (rule 14): a key is used with the one family of algorithms that is its own, so that `none`, a MAC under a
public key and keys that come inside the token are refused; nothing that could be read in two ways is read; audience,
expiry and age are what they must be. Nothing here asks anybody.
"""

from __future__ import annotations

import base64
import json
import re
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeGuard

from joserfc import jws
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from holdfast.access.federation.errors import TokenRefused

TOKEN_LIMIT = 16 << 10
LEEWAY = 60
"""Seconds that a clock may be wrong by."""
_PART = re.compile(r"[A-Za-z0-9_-]+")
_HEADER_LIMIT = 4096
_NAME_LIMIT = 512
_KEYS = 64
_RSA_BITS = 2048
# A key that does not say its algorithm: RSA signs as RFC 7518, 3.3 (PSS only where the key says so).
_RSA = ("RS256", "RS384", "RS512")
_PSS = ("PS256", "PS384", "PS512")
_CURVES = {"P-256": ("ES256",), "P-384": ("ES384",), "P-521": ("ES512",), "Ed25519": ("EdDSA", "Ed25519")}
_KINDS: Mapping[str, type[RSAKey] | type[ECKey] | type[OKPKey]] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}
_PUBLIC = {"RSA": ("kty", "n", "e"), "EC": ("kty", "crv", "x", "y"), "OKP": ("kty", "crv", "x")}
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "k"})
_SMUGGLED = frozenset({"jwk", "jku", "x5u", "x5c", "crit", "b64", "zip", "enc"})
_TYPES = frozenset({"jwt", "at+jwt"})


class VerifyingKey(NamedTuple):
    """A public key, the algorithms that it is used with, and its thumbprint (RFC 7638)."""

    kid: str | None
    algorithms: tuple[str, ...]
    key: Key
    thumbprint: str


class Presented(NamedTuple):
    """A token as it was sent: nothing of it is believed."""

    text: str
    algorithm: str
    kid: str | None
    iss: str
    claims: Mapping[str, Any]

    def fitting(self, keys: Sequence[VerifyingKey]) -> list[VerifyingKey]:
        """The keys that could have signed it: those of its name; without a name the only one there is."""
        able = [each for each in keys if self.algorithm in each.algorithms]
        if self.kid is None:
            return able if len(able) == 1 else []
        return [each for each in able if each.kid == self.kid]

    def signed_by(self, keys: Sequence[VerifyingKey]) -> VerifyingKey | None:
        """The key that signed it, None: none of these."""
        for each in self.fitting(keys):
            registry = JWSRegistry(algorithms=[self.algorithm], strict_check_header=False)
            registry.max_header_length = _HEADER_LIMIT
            try:
                with warnings.catch_warnings():  # the library would rather have EdDSA called Ed25519 (RFC 9864)
                    warnings.simplefilter("ignore", SecurityWarning)
                    jws.deserialize_compact(self.text, each.key, registry=registry)
            except (JoseError, ValueError):
                continue
            return each
        return None


def read(text: str) -> Presented:
    """What `text` says it is. Raises `TokenRefused` for what is no such token, or could be read in two ways."""
    parts = text.split(".")
    if len(text) > TOKEN_LIMIT or len(parts) != 3 or not all(map(_PART.fullmatch, parts)):
        raise TokenRefused("it is no signed token")
    header, claims = (_object(part) for part in parts[:2])
    algorithm, kid, kind = header.get("alg"), header.get("kid"), header.get("typ", "JWT")
    smuggled = _SMUGGLED & set(header)
    if smuggled:
        raise TokenRefused(f"its header has {min(smuggled)}")
    if not isinstance(algorithm, str) or not isinstance(kid, str | None) or len(kid or "") > _NAME_LIMIT:
        raise TokenRefused("its header says no algorithm, or no name of a key")
    if not isinstance(kind, str) or kind.lower().removeprefix("application/") not in _TYPES:
        raise TokenRefused("its type is another")
    iss = claims.get("iss")
    if not isinstance(iss, str) or not 0 < len(iss) <= _NAME_LIMIT:
        raise TokenRefused("it names no issuer")
    return Presented(text, algorithm, kid, iss, claims)


def check(claims: Mapping[str, Any], audience: str, now: int, longest: int) -> int:
    """Look at audience and times; gives when the token ends, in seconds. `now`, `longest` (its whole life): seconds.

    Raises `TokenRefused`.
    """
    found = claims.get("aud")
    audiences = [found] if isinstance(found, str) else found
    if not isinstance(audiences, list) or not audience or audience not in audiences:
        raise TokenRefused(f"it is for another audience than {audience!r}")
    expires = claims.get("exp")
    if not _is_time(expires):
        raise TokenRefused("it never expires (exp)")
    if now >= expires + LEEWAY:
        raise TokenRefused("it has expired (exp)")
    for name in ("iat", "nbf"):
        if name in claims and not (_is_time(claims[name]) and claims[name] <= now + LEEWAY):
            raise TokenRefused(f"it is of the future ({name}): are the clocks right?")
    if expires - float(claims.get("iat", now)) > longest:
        raise TokenRefused(f"it lives longer than {longest} seconds, which is more than federation.token_life allows")
    return int(expires)


def keys_of(document: Any, *, pinned: bool = False) -> tuple[VerifyingKey, ...]:
    """The usable keys of a JWK set (RFC 7517, 5); others are left out. Raises ValueError for none.

    `pinned`: somebody gave the set to be kept, and is told of what cannot be meant.
    """
    entries = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise ValueError('a key set is a JSON object with a list "keys"')  # noqa: TRY004 - what is wrong is the text
    if pinned and any(isinstance(entry, dict) and _PRIVATE & set(entry) for entry in entries):
        raise ValueError("the key set holds a private key: give the public ones")
    found = tuple(key for entry in entries[:_KEYS] if (key := _key(entry)) is not None)
    if not found:
        raise ValueError("the key set has no key that a token may be signed with")
    return found


def public_set(document: Any) -> str:
    """What is kept of a JWK set: the public parts of at most 64 keys, as JSON."""
    kept = [
        {name: entry[name] for name in (*_PUBLIC[entry["kty"]], "kid", "alg", "use") if name in entry}
        for entry in document["keys"][:_KEYS]
        if _key(entry) is not None
    ]
    return json.dumps({"keys": kept}, sort_keys=True, separators=(",", ":"))


def _key(entry: Any) -> VerifyingKey | None:
    """A key of a set, None: it is none to verify with."""
    if not isinstance(entry, dict) or entry.get("use", "sig") != "sig":
        return None
    operations = entry.get("key_ops", ["verify"])
    kind, kid, only = entry.get("kty"), entry.get("kid"), entry.get("alg")
    if not isinstance(operations, list) or "verify" not in operations or not isinstance(kid, str | None):
        return None
    if not isinstance(kind, str) or kind not in _KINDS:
        return None
    try:
        if kind == "RSA" and len(base64.urlsafe_b64decode(entry["n"] + "==")) * 8 < _RSA_BITS:
            return None
        key = _KINDS[kind].import_key({name: entry[name] for name in _PUBLIC[kind]})
        thumbprint = key.thumbprint()
    except (JoseError, KeyError, TypeError, ValueError):
        return None
    if isinstance(key, RSAKey):
        if key.raw_value.key_size < _RSA_BITS:
            return None
        algorithms: tuple[str, ...] = _RSA if only is None else tuple(each for each in (*_RSA, *_PSS) if each == only)
    else:
        algorithms = _CURVES.get(str(entry.get("crv")), ())
        if only is not None and only not in algorithms:
            return None
    return VerifyingKey(kid, algorithms, key, thumbprint) if algorithms else None


def _object(part: str) -> dict[str, Any]:
    """The JSON object of one part. Raises `TokenRefused`."""
    try:
        text = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)).decode()
        found = json.loads(text, object_pairs_hook=_once, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise TokenRefused("it is no signed token") from error
    if not isinstance(found, dict):
        raise TokenRefused("it is no signed token")
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found


def _refuse(word: str) -> Any:
    raise ValueError(word)


def _is_time(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 2**40
