"""`Audit`: the journal for those who may read it.

Who has `read-audit` on a path reads the rows of that path; rows of the installation as a whole, checking and keys need
it on everything. Archiving needs an administrator. Raises besides what is named: `Denied`, `holdfast.db.errors`.
"""

from __future__ import annotations

from collections.abc import Callable

from holdfast.access.auditing.keys import AuditKeys, parse
from holdfast.access.delegating import circumstances_of, require_administrator
from holdfast.access.errors import Conflict, Denied, Invalid
from holdfast.access.model import UNCHECKED, Identity
from holdfast.access.policy.model import Action, Circumstances
from holdfast.db.port import Database
from holdfast.journal import archive, checking, reading
from holdfast.journal.archive import Kept
from holdfast.journal.chain import SealedRow, Segment
from holdfast.journal.checking import Finding, Page, Tail
from holdfast.journal.model import Origin
from holdfast.journal.reading import Part, Wanted

MOST = 500


class Audit:
    """The audit of one installation, which is called `installation` in checkpoints."""

    def __init__(self, db: Database, keys: AuditKeys, installation: str) -> None:
        self._db = db
        self._keys = keys
        self._installation = installation

    async def newest(self, caller: Identity, wanted: Wanted, *, before: int, limit: int, origin: Origin) -> Part:
        """The newest rows below the place `before` that are wanted and the caller may read."""
        shown = await self._shown(caller, wanted, origin)
        return await reading.newest(self._db, wanted, shown, before=before, limit=min(limit, MOST))

    async def oldest(self, caller: Identity, wanted: Wanted, *, after: int, limit: int, origin: Origin) -> Part:
        """The oldest rows beyond the place `after` that are wanted and the caller may read."""
        shown = await self._shown(caller, wanted, origin)
        return await reading.oldest(self._db, wanted, shown, after=after, limit=min(limit, MOST))

    async def check(self, caller: Identity, *, after: int, head: str, origin: Origin) -> Page:
        """Check a part of the chain, after the segment `after`, whose hash is `head`. Raises `Invalid`."""
        await self._require_all(caller, origin)
        try:
            return await checking.check(self._db, self._keys, self._installation, after=after, head=head)
        except ValueError as error:
            raise Invalid("head", "this is no hash") from error

    async def check_checkpoint(self, caller: Identity, line: str, *, origin: Origin) -> list[Finding]:
        """What is wrong with a checkpoint that was kept elsewhere. Raises `Invalid`."""
        await self._require_all(caller, origin)
        return await checking.check_checkpoint(self._db, self._keys, self._installation, parse(line))

    async def tail(self, caller: Identity, *, origin: Origin) -> Tail:
        """Where the journal ends, and what is not sealed."""
        await self._require_all(caller, origin)
        return await checking.tail(self._db)

    async def public_keys(self, caller: Identity, *, origin: Origin) -> list[dict[str, str]]:
        """The keys that checkpoints are signed with, as JWKs."""
        await self._require_all(caller, origin)
        return await self._keys.published()

    async def segments(self, caller: Identity, *, after: int, sealed_before: int, origin: Origin) -> list[Kept]:
        """The next segments beyond `after` that were sealed before a time, with their rows, to be kept elsewhere."""
        await self._require_all(caller, origin)
        return await archive.segments(self._db, after=after, sealed_before=sealed_before)

    async def hashes(self, caller: Identity, *, after: int, limit: int, origin: Origin) -> list[Segment]:
        """The segments beyond `after` without their rows, archived ones, too."""
        await self._require_all(caller, origin)
        return await archive.hashes(self._db, after=after, limit=limit)

    async def drop(self, caller: Identity, through: int, hash: str, *, origin: Origin) -> int:
        """Drop the rows of the segments up to `through`, which are kept elsewhere; returns how many. Raises
        `Conflict`."""
        require_administrator(caller, await circumstances_of(self._db, caller, origin))
        try:
            return await archive.drop(self._db, through, hash, actor=caller.subject.actor, origin=origin)
        except archive.Mismatch as error:
            raise Conflict(str(error)) from error

    async def _shown(self, caller: Identity, wanted: Wanted, origin: Origin) -> Callable[[SealedRow], bool]:
        """Which rows the caller may read. Raises `Denied` where there can be none."""
        here = await circumstances_of(self._db, caller, origin)
        if _everything(caller, here):
            return lambda _: True
        rights = caller.rights
        if wanted.path and not wanted.within and not rights.allows(Action.READ_AUDIT, wanted.path, None, here):
            raise rights.refuse(Action.READ_AUDIT, wanted.path)
        if not any(Action.READ_AUDIT in grant.actions for grant in rights.grants):
            raise Denied(f"this needs '{Action.READ_AUDIT}', and you have it nowhere", action=str(Action.READ_AUDIT))
        known: dict[str, bool] = {"": False}

        def shown(row: SealedRow) -> bool:
            path = row.path or ""
            if path not in known:
                known[path] = rights.allows(Action.READ_AUDIT, path, None, here)
            return known[path]

        return shown

    async def _require_all(self, caller: Identity, origin: Origin) -> None:
        if not _everything(caller, await circumstances_of(self._db, caller, origin)):
            raise Denied(f"this needs '{Action.READ_AUDIT}' on everything", action=str(Action.READ_AUDIT))


def _everything(caller: Identity, here: Circumstances) -> bool:
    return caller.version == UNCHECKED or caller.rights.system(Action.READ_AUDIT, here)
