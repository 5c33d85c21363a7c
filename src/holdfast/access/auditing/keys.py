"""The keys that sign checkpoints of the journal: ES256, made on first use, never forgotten.

Promises: a checkpoint is a compact JWS (RFC 7515) whose payload is the checkpoint's text, so that any JOSE tool checks
it with the public key; a key counts as this installation's only when its private part opens under the installation's
keys and fits the public one, so that a row which somebody wrote into the database makes no key.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import secrets
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    derive_private_key,
    generate_private_key,
)
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256

from holdfast.access.auditing.store import ADD_AUDIT_KEY, AUDIT_KEYS, KeyRow
from holdfast.access.errors import Invalid, WrongMasterKey
from holdfast.db.port import Database, Unit
from holdfast.journal.checking import SignedText
from holdfast.journal.sealing import Signature

PURPOSE = "audit"
WRAPPING_KEY = "audit-keys"
"""The name of the installation's key that wraps the private parts."""
_SCALAR, _NONCE = 32, 12
_LONGEST = 4096


class _Key(NamedTuple):
    kid: str
    private: EllipticCurvePrivateKey

    @property
    def public(self) -> EllipticCurvePublicKey:
        return self.private.public_key()


class AuditKeys:
    """The keys of one installation. `wrapping`: the installation's key called `WRAPPING_KEY`."""

    def __init__(self, db: Database, wrapping: bytes) -> None:
        self._db = db
        self._cipher = AESGCM(wrapping)
        self._keys: list[_Key] = []

    async def sign(self, text: str) -> Signature:
        """The signature of `text` by the newest key, which is made when there is none. Raises `WrongMasterKey`."""
        if not self._keys:
            await self._read()
        if not self._keys:
            await self._db.write(self._add)
            await self._read()
        if not self._keys:
            raise WrongMasterKey("no key that signs checkpoints opens")
        key = self._keys[-1]
        r, s = decode_dss_signature(key.private.sign(_input(text, key.kid), ECDSA(SHA256())))
        return Signature(key.kid, r.to_bytes(_SCALAR, "big") + s.to_bytes(_SCALAR, "big"))

    async def signed(self, text: str, kid: str, signature: bytes) -> bool | None:
        """Whether the key called `kid` signed `text`; None: it is no key of this installation."""
        key = self._find(kid)
        if key is None:
            await self._read()
            key = self._find(kid)
        if key is None:
            return None
        if len(signature) != 2 * _SCALAR:
            return False
        r, s = int.from_bytes(signature[:_SCALAR], "big"), int.from_bytes(signature[_SCALAR:], "big")
        try:
            key.public.verify(encode_dss_signature(r, s), _input(text, kid), ECDSA(SHA256()))
        except InvalidSignature:
            return False
        return True

    async def published(self) -> list[dict[str, str]]:
        """The public parts as JWKs, for who checks checkpoints elsewhere."""
        await self._read()
        return [_jwk(key.kid, key.public) for key in self._keys]

    def _find(self, kid: str) -> _Key | None:
        return next((key for key in self._keys if key.kid == kid), None)

    async def _read(self) -> None:
        found = (self._open(row) for row in await self._db.all(AUDIT_KEYS, purpose=PURPOSE))
        self._keys = [key for key in found if key is not None]

    def _open(self, row: KeyRow) -> _Key | None:
        try:
            scalar = self._cipher.decrypt(row.wrapped[:_NONCE], row.wrapped[_NONCE:], _bound(row.kid))
            private = derive_private_key(int.from_bytes(scalar, "big"), SECP256R1())
            fits = json.loads(row.public) == _jwk(row.kid, private.public_key())
        except (InvalidTag, ValueError):
            return None
        return _Key(row.kid, private) if fits else None

    async def _add(self, unit: Unit) -> None:
        kid = secrets.token_hex(12)
        private = generate_private_key(SECP256R1())
        nonce = os.urandom(_NONCE)
        scalar = private.private_numbers().private_value.to_bytes(_SCALAR, "big")
        await unit.run(
            ADD_AUDIT_KEY,
            kid=kid,
            purpose=PURPOSE,
            public=json.dumps(_jwk(kid, private.public_key()), sort_keys=True),
            wrapped=nonce + self._cipher.encrypt(nonce, scalar, _bound(kid)),
        )


def compact(text: str, kid: str, signature: bytes) -> str:
    """A checkpoint as it is kept elsewhere: a compact JWS."""
    return f"{_input(text, kid).decode()}.{_encode(signature)}"


def parse(line: str) -> SignedText:
    """The checkpoint that a compact JWS holds. Raises `Invalid`."""
    try:
        header, payload, signature = line.strip()[: _LONGEST + 1].split(".")
        kid = json.loads(_decode(header))["kid"]
        found = SignedText(_decode(payload).decode(), kid, _decode(signature))
        same = _input(found.text, kid).decode() == f"{header}.{payload}"
    except (ValueError, KeyError, TypeError, RecursionError, AttributeError) as error:
        raise Invalid("checkpoint", "this is no checkpoint of the audit") from error
    if not same or len(line.strip()) > _LONGEST:
        raise Invalid("checkpoint", "this is no checkpoint of the audit")
    return found


def _input(text: str, kid: str) -> bytes:
    header = json.dumps({"alg": "ES256", "kid": kid, "typ": "holdfast-checkpoint"}, separators=(",", ":"))
    return f"{_encode(header.encode())}.{_encode(text.encode())}".encode()


def _jwk(kid: str, public: EllipticCurvePublicKey) -> dict[str, str]:
    numbers = public.public_numbers()
    x, y = (_encode(number.to_bytes(_SCALAR, "big")) for number in (numbers.x, numbers.y))
    return {"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": kid, "x": x, "y": y}


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from error


def _bound(kid: str) -> bytes:
    return f"signing_key\0{PURPOSE}\0{kid}".encode()
