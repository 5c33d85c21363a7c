"""`Federation`: a machine that shows its own issuer's token is one of the robots, by rules.

Promises: exactly one registered issuer's keys verify the token, it was made for us and is of the right age, and the
rules that match it name exactly one robot (the user name picks among several); else the answer is the one for every bad
credential. What was verified is remembered under a keyed hash until the token ends, and what it rests on (issuer, keys,
rules) is looked at each time. A token may be shown again and again while it lives: whoever has it is the machine.
No refresh token is ever given for it.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from holdfast.access.errors import Unauthenticated
from holdfast.access.federation.claims import carried, flatten, missed
from holdfast.access.federation.errors import TokenRefused
from holdfast.access.federation.keysets import KeySets
from holdfast.access.federation.model import FederationSettings
from holdfast.access.federation.presets import REVIEW, bounds_of, is_review
from holdfast.access.federation.store import MATCHES, TRUSTED, USED, MatchRow, TrustedRow
from holdfast.access.federation.token import LEEWAY, Presented, VerifyingKey, check, read
from holdfast.access.model import Credential, CredentialKind, Recognised
from holdfast.access.rights_store import VERSIONS
from holdfast.access.throttle import Bounded, Told
from holdfast.db.errors import DatabaseError
from holdfast.db.port import Database, Reader, Unit
from holdfast.journal.model import Origin

_SECOND = 1_000_000
_HARBOR_ROBOT = "robot$"
_REMEMBERED = 4096
_NOTED_AGAIN = 600 * _SECOND
_ISSUERS_REMEMBERED = 256


class Believed(NamedTuple):
    """What is true of a token. `flat`: its claims by flat names; `ends_at`: seconds; `reads_only`: a pull request's."""

    issuer: TrustedRow
    flat: dict[str, str]
    ends_at: int
    reads_only: bool


class _Verified(NamedTuple):
    """A signature that was looked at: of which issuers, which of them it is, and by which key."""

    issuers: tuple[tuple[int, int], ...]
    issuer: TrustedRow
    thumbprint: str


class _Rules(NamedTuple):
    """The rules of an issuer at a policy version."""

    version: int
    rules: tuple[tuple[MatchRow, dict[str, str]], ...]


class Federation:
    """Recognises machines. `told`: hears of log-ins and refusals."""

    def __init__(self, db: Database, keys: KeySets, settings: FederationSettings, *, told: Told | None = None) -> None:
        self._db = db
        self._keys = keys
        self._settings = settings
        self._told = told
        self._hash_key = os.urandom(32)
        self._verified: Bounded[bytes, _Verified] = Bounded(_REMEMBERED)
        self._rules: Bounded[int, _Rules] = Bounded(_ISSUERS_REMEMBERED)
        self._noted: Bounded[int, int] = Bounded(_REMEMBERED)

    async def recognise(self, name: str, secret: str, origin: Origin) -> Recognised:
        """Which robot the token `secret` is; `name` is the robot's, or says nothing. Raises `Unauthenticated`."""
        fingerprint = self._fingerprint(secret)
        known = self._verified.get(fingerprint) is not None
        try:
            believed = await self.believe(secret)
            rule = pick(await self.matching(believed), name)
            claims = {**carried(believed.flat), REVIEW: "true" if believed.reads_only else "false"}
        except TokenRefused as refused:
            self._tell("unknown", origin, ok=False, why=f"federation: {refused}")
            raise Unauthenticated from refused
        if not known:
            self._tell(f"robot:{rule.robot}", origin, ok=True, why="federation")
        await self._note_use(rule)
        credential = Credential(CredentialKind.FEDERATION, rule.id, claims)
        until = (believed.ends_at + LEEWAY) * _SECOND
        return Recognised(rule.robot_id, credential, until, bounds=bounds_of(claims))

    async def believe(self, token: str) -> Believed:
        """What is true of `token`. Raises `TokenRefused`."""
        presented = read(token)
        issuers = await self._db.all(TRUSTED, iss=presented.iss)
        if not issuers:
            raise TokenRefused("nobody registered its issuer")
        issuer = await self._issuer_of(presented, issuers)
        now = self._db.now() // _SECOND
        ends_at = check(presented.claims, issuer.audience, now, self._settings.token_life)
        flat = flatten(presented.claims)
        return Believed(issuer, flat, ends_at, is_review(issuer.preset, flat))

    async def matching(self, believed: Believed) -> list[MatchRow]:
        """The rules that match, oldest first."""
        rules = await self._rules_of(believed.issuer)
        return [rule for rule, wanted in rules if missed(wanted, believed.flat) is None]

    async def _issuer_of(self, presented: Presented, issuers: Sequence[TrustedRow]) -> TrustedRow:
        """The one issuer whose keys verify the token. Raises `TokenRefused`."""
        fingerprint = self._fingerprint(presented.text)
        standing = tuple((each.id, each.changed) for each in issuers)
        before = self._verified.get(fingerprint)
        if before is not None and before.issuers == standing:
            keys = await self._keys.known(before.issuer)
            if any(key.thumbprint == before.thumbprint for key in keys):
                return before.issuer
        found = [
            (each, key) for each in issuers if (key := presented.signed_by(await self._keys.known(each))) is not None
        ]
        if not found:
            found = await self._after_asking(presented, issuers)
        if len(found) != 1:
            why = "its signature is not of its issuer's keys" if not found else "two registered issuers have its key"
            raise TokenRefused(why)
        issuer, key = found[0]
        self._verified.put(fingerprint, _Verified(standing, issuer, key.thumbprint))
        return issuer

    async def _after_asking(
        self, presented: Presented, issuers: Sequence[TrustedRow]
    ) -> list[tuple[TrustedRow, VerifyingKey]]:
        """The same, once those issuers were asked that have no key of the token's name yet."""
        found = []
        for each in issuers:
            if not presented.fitting(await self._keys.known(each)):
                key = presented.signed_by(await self._keys.renewed(each))
                if key is not None:
                    found.append((each, key))
        return found

    async def _rules_of(self, issuer: TrustedRow) -> tuple[tuple[MatchRow, dict[str, str]], ...]:
        known = self._rules.get(issuer.id)

        async def look(reader: Reader) -> _Rules:
            row = await reader.one(VERSIONS)
            version = row.version if row is not None else 0
            if known is not None and known.version == version:
                return known
            rows = await reader.all(MATCHES, issuer_id=issuer.id)
            return _Rules(version, tuple((each, json.loads(each.claims)) for each in rows))

        found = await self._db.snapshot(look)
        if found is not known:
            self._rules.put(issuer.id, found)
        return found.rules

    async def _note_use(self, rule: MatchRow) -> None:
        """Write when the rule was last used, every ten minutes at most; what cannot be written is left."""
        now = self._db.now()
        if now - max(self._noted.get(rule.id) or 0, rule.used_at or 0) < _NOTED_AGAIN:
            return
        self._noted.put(rule.id, now)

        async def work(unit: Unit) -> None:
            await unit.run(USED, id=rule.id)

        with suppress(DatabaseError):
            await self._db.write(work)

    def _fingerprint(self, token: str) -> bytes:
        return hashlib.blake2b(token.encode(), key=self._hash_key, digest_size=16).digest()

    def _tell(self, actor: str, origin: Origin, *, ok: bool, why: str) -> None:
        if self._told is not None:
            self._told(actor, origin, ok, why)


def pick(rules: Sequence[MatchRow], name: str) -> MatchRow:
    """The rule that a token with this user name is taken by: of the robot named, or of the only one there is. A name
    that is no robot's says nothing. Raises `TokenRefused`."""
    name = name.removeprefix(_HARBOR_ROBOT)
    if "+" in name:
        rules = [rule for rule in rules if rule.robot == name]
    if not rules:
        raise TokenRefused("no rule matches it" + (" for the robot that was named" if "+" in name else ""))
    if len({rule.robot_id for rule in rules}) > 1:
        raise TokenRefused("its rules name several robots, and the user name none of them")
    return rules[0]
