"""Access tokens: signed statements of who asked, by which credential, and for what at most.

A token proves a subject, a credential and a ceiling, never the right itself: whoever verifies it decides from the
grants of that moment (ADR 0014). `access` in it shows what was granted when it was made, for people and for others who
read it; this registry reads the sealed claim `hf` beside it, which tells nobody the numbers of accounts and
repositories. Sources: distribution, "Token Authentication Implementation"; RFC 7519; RFC 8725.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from joserfc import jws
from joserfc.errors import JoseError

from holdfast.access.errors import Invalid, Unauthenticated
from holdfast.access.model import Credential, CredentialKind, Identity, Recognised, ScopeEntry
from holdfast.access.policy.model import PUSH_ACTIONS, Action, Circumstances
from holdfast.access.tokens.keys import ALGORITHM, SigningKeys
from holdfast.access.tokens.model import LEEWAY, LONGEST, Issued, TokenSettings
from holdfast.access.tokens.scope import CATALOG, MANAGEMENT, REGISTRY, REPOSITORY, in_order
from holdfast.access.tokens.store import REPOSITORY_IDS
from holdfast.db.port import Database
from holdfast.oci.errors import NameInvalid
from holdfast.oci.name import RepositoryName

SEALING_KEY = "token-claims"
"""The name of the installation's key that seals what a token says to this registry alone."""
_SECOND = 1_000_000
_LIMIT = 28672
_HEADER = frozenset({"alg", "kid", "typ"})
_NONCE_BYTES = 12
_CLAIMS_LIMIT = 6144


class _Inside(msgspec.Struct, array_like=True):
    """What a token says to this registry: account, credential (kind, id, proof, claims), what it was asked for."""

    account: int
    kind: str
    id: int
    proof: str
    claims: dict[str, str]
    asked: list[tuple[str, str, list[str], str]]


class _Claims(msgspec.Struct):
    """The claims that a token must have, and nothing else that matters."""

    iss: str
    aud: str
    sub: str
    jti: str
    iat: int
    nbf: int
    exp: int
    hf: str


class Tokens:
    """Makes and verifies access tokens. `sealing`: the installation's key called `SEALING_KEY`; `issuer`: the
    installation's id."""

    def __init__(
        self, db: Database, keys: SigningKeys, sealing: bytes, issuer: str, settings: TokenSettings | None = None
    ) -> None:
        self._db = db
        self.keys = keys
        self._cipher = AESGCM(sealing)
        self._issuer = issuer
        self.settings = settings or TokenSettings()

    async def issue(self, who: Identity, asked: Sequence[ScopeEntry], address: str) -> Issued:
        """A token for `who` with the ceiling `asked`. It is made whatever `who` may do. Raises `Invalid` for one that
        no client could send."""
        here = Circumstances(address, self._db.now(), who.credential.claims)
        granted = tuple(entry._replace(actions=_granted(who, entry, here)) for entry in asked)
        paths = [entry.name for entry in asked if entry.kind == REPOSITORY]
        # Asked for whether or not anything is granted, so that the one takes as long as the other.
        ids = {row.path: row.id for row in await self._db.all(REPOSITORY_IDS, paths=paths)} if paths else {}
        bound = tuple(
            wanted._replace(repository_id=ids.get(wanted.name, 0) if shown.actions else 0)
            for wanted, shown in zip(asked, granted, strict=True)
        )
        key = await self.keys.signing()
        now = self._db.now() // _SECOND
        life = min(self.settings.ttl, LONGEST)
        claims = {
            "iss": self._issuer,
            "sub": who.subject.name if who.subject.id else "",
            "aud": self.settings.service,
            "iat": now,
            "nbf": now,
            "exp": now + life,
            "jti": uuid.uuid4().hex,
            "access": [{"type": e.kind, "name": e.name, "actions": in_order(e.actions)} for e in granted],
            "hf": self._seal(who, bound),
        }
        header = {"alg": ALGORITHM, "kid": key.kid, "typ": "JWT"}
        payload = json.dumps(claims, separators=(",", ":")).encode()
        token = jws.serialize_compact(header, payload, key.key, algorithms=[ALGORITHM])
        if len(token) > _LIMIT:
            raise Invalid("scope", "these are more names than a token has room for")
        return Issued(token, granted, now * _SECOND, life)

    async def verify(self, token: bytes, version: int) -> Recognised:
        """What `token` proves. `version`: the policy version of this moment. Raises `Unauthenticated`, whatever is
        wrong with it."""
        if len(token) > _LIMIT or token.count(b".") != 2:
            raise Unauthenticated
        header = _header(token)
        if header is None or header["alg"] != ALGORITHM or header.get("typ", "JWT") != "JWT":
            raise Unauthenticated
        key = await self.keys.believed(header["kid"], version)
        if key is None:
            raise Unauthenticated
        try:
            payload = jws.deserialize_compact(token, key.key, algorithms=[ALGORITHM]).payload
            claims = msgspec.json.decode(payload, type=_Claims)
        except (JoseError, msgspec.DecodeError, ValueError) as error:
            raise Unauthenticated from error
        now = self._db.now() // _SECOND
        if (
            claims.iss != self._issuer
            or claims.aud != self.settings.service
            or claims.nbf > now + LEEWAY
            or claims.exp <= now - LEEWAY
            or not 0 < claims.exp - claims.nbf <= LONGEST
        ):
            raise Unauthenticated
        return self._open(claims)

    def _seal(self, who: Identity, asked: Sequence[ScopeEntry]) -> str:
        credential = who.credential
        # Ids in one length: how long the claim is tells nothing.
        listed = [(e.kind, e.name, in_order(e.actions), f"{e.repository_id:016x}") for e in asked]
        inside = _Inside(
            who.subject.id, credential.kind, credential.id, credential.proof, _bounded(credential.claims), listed
        )
        nonce = os.urandom(_NONCE_BYTES)
        sealed = nonce + self._cipher.encrypt(nonce, msgspec.json.encode(inside), self._issuer.encode())
        return base64.urlsafe_b64encode(sealed).decode()

    def _open(self, claims: _Claims) -> Recognised:
        try:
            sealed = base64.urlsafe_b64decode(claims.hf)
            text = self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], self._issuer.encode())
            inside = msgspec.json.decode(text, type=_Inside)
        except (InvalidTag, msgspec.DecodeError, ValueError) as error:
            raise Unauthenticated from error
        credential = Credential(CredentialKind(inside.kind), inside.id, inside.claims, inside.proof)
        ceiling = tuple(ScopeEntry(kind, name, frozenset(does), int(id_, 16)) for kind, name, does, id_ in inside.asked)
        return Recognised(inside.account, credential, (claims.exp + LEEWAY) * _SECOND, ceiling)


def _granted(who: Identity, entry: ScopeEntry, here: Circumstances) -> frozenset[str]:
    """What of `entry` the subject may do now, in the words of the token specification; of a credential with a ceiling
    of its own, no more than that."""
    if entry.kind == REGISTRY:
        known = (entry.name == CATALOG) or (entry.name == MANAGEMENT and who.subject.id)
        return entry.actions & {"*"} if known else frozenset()
    if entry.kind != REPOSITORY:
        return frozenset()
    try:
        name = RepositoryName.parse(entry.name)
    except NameInvalid:
        return frozenset()
    wanted = {"pull", "push", "delete"} if "*" in entry.actions else entry.actions
    means = {"pull": (Action.PULL,), "push": PUSH_ACTIONS, "delete": (Action.DELETE_TAG,)}
    return frozenset(
        word
        for word, actions in means.items()
        if word in wanted and any(not who.rights.tags(action, name, here).nothing for action in actions)
    )


def _header(token: bytes) -> dict[str, str] | None:
    """The header of a token, if it has exactly what ours have: nothing in it says where a key is to be found."""
    first = token.partition(b".")[0]
    try:
        header: Any = json.loads(base64.b64decode(first + b"=" * (-len(first) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError):
        return None
    if not isinstance(header, dict) or not {"alg", "kid"} <= set(header) <= _HEADER:
        return None
    return header if all(isinstance(value, str) for value in header.values()) else None


def _bounded(claims: Mapping[str, str]) -> dict[str, str]:
    """Claims for conditions. None is left out, for a deny may ask for it: too many are refused (`Invalid`)."""
    if sum(len(name) + len(value) for name, value in claims.items()) > _CLAIMS_LIMIT:
        raise Invalid("claims", "the machine's own token says more than a token of this registry has room for")
    return dict(claims)
