"""The log-in by key, and the note of its last use.

A key costs one statement and a keyed hash, and what is not well formed costs nothing; so a valid key is never delayed,
whatever failed before. Keys of people who sign in by a provider hold only while the provider goes on to know them: it
is asked again when its last word is older than `recheck_after`, and while it does not answer that word counts for
`grace`. All times are microseconds of the database's clock.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from holdfast.access.errors import ProviderAway, Unauthenticated
from holdfast.access.keys.bounds import read_bounds
from holdfast.access.keys.secret import is_well_formed, keyed_hash
from holdfast.access.keys.store import HELD, USED, Held
from holdfast.access.keys.suspending import refusal
from holdfast.access.model import Credential, CredentialKind, Recognised, SubjectKind
from holdfast.access.neutral import is_neutral
from holdfast.access.throttle import Bounded, Hold, Throttle, Told
from holdfast.db.errors import DatabaseError
from holdfast.db.port import Database, Unit
from holdfast.journal.model import Origin

HASH_KEY = "api-key"
"""The name of the key of the installation under which secrets are hashed."""
FLUSH_SECONDS = 30.0
_USES_KEPT = 8192
_USES_AT_ONCE = 200
_MINUTE = 60 * 1_000_000
_TOLD_AGAIN = 60 * _MINUTE
_HARBOR_ROBOT = "robot$"
_AGENT_LIMIT = 255

Recheck = Callable[[int], Awaitable[bool]]
"""Whether the provider of an account still knows it (`holdfast.access.signin.recheck`). Raises `ProviderAway` when it
does not answer."""


class KeySettings(NamedTuple):
    """In microseconds. `overlap`: how long the old secret lives on after a rotation that says nothing else;
    `recheck_after`, `grace`: see the module."""

    overlap: int = 24 * 60 * _MINUTE
    recheck_after: int = 15 * _MINUTE
    grace: int = 24 * 60 * _MINUTE


DEFAULTS = KeySettings()


class Use(NamedTuple):
    """The last use of a secret."""

    at: int
    address: str
    agent: str


class Keys:
    """Recognises keys. `hash_key`: the installation's, called `HASH_KEY`; `told`: hears of log-ins and failures."""

    def __init__(
        self,
        db: Database,
        hash_key: bytes,
        throttle: Throttle,
        hold: Hold,
        settings: KeySettings = DEFAULTS,
        *,
        told: Told | None = None,
        recheck: Recheck | None = None,
    ) -> None:
        self._db = db
        self._hash_key = hash_key
        self._throttle = throttle
        self._hold = hold
        self._settings = settings
        self._told = told
        self._recheck = recheck
        self._uses: dict[int, Use] = {}
        self._heard: Bounded[tuple[int, str], int] = Bounded()

    async def recognise(self, name: str, secret: str, origin: Origin) -> Recognised:
        """Whose key `secret` is; `name` is its owner's. Raises `Unauthenticated`, `Suspended`, `Throttled`."""
        if not is_well_formed(secret):
            raise Unauthenticated
        held = await self._db.one(HELD, hash=keyed_hash(self._hash_key, secret))
        if held is None or not self._names(name, held) or self._ended(held):
            raise await self._refusal(name, secret, held, origin)
        if held.suspended_at is not None:
            raise refusal(held.suspended_at, held.suspended_why)
        until = [end for end in (held.expires_at, held.key_ends, held.account_ends) if end]
        if held.provider is not None:
            until.append(await self._confirmed(held))
        self.used(held.id, origin)
        self._tell_once(held, origin)
        credential = Credential(CredentialKind.KEY, held.id)
        return Recognised(held.account_id, credential, min(until, default=0), bounds=read_bounds(held.limits))

    def used(self, secret_id: int, origin: Origin) -> None:
        """Note that the secret `secret_id` (of `api_secret`) served a request; written later, in a batch."""
        if secret_id in self._uses or len(self._uses) < _USES_KEPT:
            agent = origin.agent[:_AGENT_LIMIT]
            if not agent.isprintable():
                agent = "".join(filter(str.isprintable, agent))
            self._uses[secret_id] = Use(self._db.now(), origin.address, agent)

    async def flush(self) -> None:
        """Write what `used` noted. What cannot be written now is left for the next time."""
        while self._uses:
            batch = [(each, self._uses.pop(each)) for each in list(self._uses)[:_USES_AT_ONCE]]

            async def write(unit: Unit, batch: list[tuple[int, Use]] = batch) -> None:
                for secret_id, use in batch:
                    await unit.run(USED, id=secret_id, at=use.at, address=use.address, agent=use.agent)

            try:
                await self._db.write(write)
            except DatabaseError:
                self._uses = {**dict(batch), **self._uses}
                return

    async def run(self) -> None:
        """Write the last uses every half minute, for as long as the task lives, and once more at its end."""
        try:
            while True:
                await asyncio.sleep(FLUSH_SECONDS)
                await self.flush()
        finally:
            await self.flush()

    @staticmethod
    def _names(name: str, held: Held) -> bool:
        return is_neutral(name) or held.name == (
            name.removeprefix(_HARBOR_ROBOT) if held.kind == SubjectKind.ROBOT else name
        )

    def _ended(self, held: Held) -> bool:
        now = self._db.now()
        return any(end is not None and end <= now for end in (held.expires_at, held.key_ends, held.account_ends))

    async def _refusal(self, name: str, secret: str, held: Held | None, origin: Origin) -> Exception:
        fingerprint = self._throttle.fingerprint(name, secret)
        known = self._throttle.was_wrong(fingerprint)
        wait = 0 if known else self._throttle.wait(name, origin)
        self._throttle.failed(name, origin, fingerprint)
        if not known and self._told is not None:
            at = origin._replace(credential=str(CredentialKind.KEY))
            self._told(_actor(held) if held is not None else "unknown", at, False, "the key is unknown, or has ended")
        return await self._hold.refusal(wait) if wait else Unauthenticated()

    def _tell_once(self, held: Held, origin: Origin) -> None:
        """A key comes with every request: its log-in is told once an hour for each address."""
        now = self._db.now()
        last = self._heard.get((held.id, origin.address))
        if self._told is not None and (last is None or now - last >= _TOLD_AGAIN):
            self._heard.put((held.id, origin.address), now)
            self._told(_actor(held), origin._replace(credential=f"{CredentialKind.KEY}:{held.id}"), True, "")

    async def _confirmed(self, held: Held) -> int:
        """Until when the provider's word for the owner holds. Raises `Unauthenticated` when it has none."""
        checked = held.checked_at or 0
        if self._db.now() < checked + self._settings.recheck_after:
            return checked + self._settings.recheck_after
        try:
            if self._recheck is None:
                raise ProviderAway
            if not await self._recheck(held.account_id):
                raise Unauthenticated
        except ProviderAway:
            if self._db.now() >= checked + self._settings.grace:
                raise Unauthenticated from None
            return min(self._db.now() + _MINUTE, checked + self._settings.grace)
        return self._db.now() + self._settings.recheck_after


def _actor(held: Held) -> str:
    return f"{'robot' if held.kind == SubjectKind.ROBOT else 'user'}:{held.name}"
