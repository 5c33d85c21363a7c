"""Client certificates, as a proxy that is trusted tells of them: it checked the certificate, and names the account.

The proxy's word arrives where a credential stands (`PREFIX` and the name), put there by the program itself: no header
that a client sends can begin so, because HTTP has no NUL in its fields.
"""

from __future__ import annotations

from holdfast.access.errors import Unauthenticated
from holdfast.access.model import Credential, CredentialKind, Recognised
from holdfast.access.names import may_exist
from holdfast.access.store import CERTIFIED
from holdfast.access.throttle import Bounded, Told
from holdfast.db.port import Database
from holdfast.journal.model import Origin

PREFIX = b"\0certificate "
_TOLD_AGAIN = 3600 * 1_000_000


class Certificates:
    """Recognises the accounts that a trusted proxy names. `told`: hears of log-ins, once an hour for each account and
    address."""

    def __init__(self, db: Database, told: Told | None = None) -> None:
        self._db = db
        self._told = told
        self._heard: Bounded[tuple[str, str], int] = Bounded()

    async def recognise(self, name: str, secret: str, origin: Origin) -> Recognised:
        """The account called `name`; there is no secret. A `+` may be escaped, as in distinguished names (RFC 4514).
        Raises `Unauthenticated`."""
        name = name.replace("\\+", "+")
        row = await self._db.one(CERTIFIED, name=name if may_exist(name) else "")
        if row is None:
            self._tell("unknown", origin, ok=False)
            raise Unauthenticated
        now = self._db.now()
        last = self._heard.get((name, origin.address))
        if last is None or now - last >= _TOLD_AGAIN:
            self._heard.put((name, origin.address), now)
            self._tell(f"{'robot' if row.kind else 'user'}:{name}", origin, ok=True)
        return Recognised(row.id, Credential(CredentialKind.CERTIFICATE))

    def _tell(self, actor: str, origin: Origin, *, ok: bool) -> None:
        if self._told is not None:
            self._told(actor, origin, ok, "certificate")
