"""`Drafts`: exports the policy that stands as a file, says what a file would change, and applies it in one unit.

Every step of applying is made by the service that makes it one by one, with its checks: a file confers nothing that its
caller could not have conferred step by step. Either all of it is made or nothing. Raises besides what is named:
`Invalid`, `Denied`, `Unknown`, `Conflict`, `StalePermit`, `holdfast.db.errors`.
"""

from __future__ import annotations

import msgspec

from holdfast.access.delegating import circumstances_of, require_scope
from holdfast.access.drafts.difference import Change, difference
from holdfast.access.drafts.model import Draft, line_of
from holdfast.access.drafts.standing import Standing, read_standing
from holdfast.access.drafts.steps import Steps
from holdfast.access.drafts.store import LOCKED_VERSION
from holdfast.access.errors import Changed, Denied
from holdfast.access.model import Identity
from holdfast.access.policy.delegation import oversees
from holdfast.access.policy.languages import below
from holdfast.access.policy.model import Action
from holdfast.access.rights_store import VERSIONS
from holdfast.access.standing import check_permit
from holdfast.db.port import Database, Unit
from holdfast.journal.model import Origin


class Drafts:
    """The policy of an installation as files."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def export(self, caller: Identity, path: str = "", *, origin: Origin) -> tuple[Draft, int]:
        """The policy at and below `path` ('': all of it), and its version. For who manages access or reads the audit
        on all of that."""
        standing = await self.standing(caller, path, origin=origin)
        return standing.draft(path), standing.version

    async def standing(self, caller: Identity, path: str, *, origin: Origin) -> Standing:
        """The whole policy, for who manages access or reads the audit on all of `path`."""
        here = await circumstances_of(self._db, caller, origin)
        if not oversees(caller.rights, below(path), here):
            whole = f"the whole of {path}" if path else "everything"
            raise Denied(f"this needs '{Action.MANAGE_ACCESS}' or '{Action.READ_AUDIT}' on {whole}", repository=path)
        return await self._db.snapshot(lambda reader: read_standing(reader, here.now))

    async def compare(self, caller: Identity, wanted: Draft, *, origin: Origin) -> tuple[list[Change], int]:
        """What applying `wanted` would change, in order, and the version of the policy that it was compared with."""
        now, version = await self.export(caller, wanted.path, origin=origin)
        return difference(now, wanted), version

    async def apply(
        self, caller: Identity, wanted: Draft, *, expected: int | None = None, origin: Origin
    ) -> list[Change]:
        """Make the policy like `wanted`; returns what was changed. For who manages access on the whole of its path.

        `expected`: the version of the policy that the caller saw; raises `Changed` when it is another one.
        """

        async def work(unit: Unit) -> list[Change]:
            # The version's row is the lock that every change of rights takes first.
            locked = await unit.one(LOCKED_VERSION)
            await check_permit(unit, caller)
            here = await circumstances_of(unit, caller, origin)
            require_scope(caller, below(wanted.path), here)
            if expected is not None and locked is not None and locked.version != expected:
                raise Changed
            standing = await read_standing(unit, here.now)
            changes = difference(standing.draft(wanted.path), wanted)
            ids = {line_of(grant).same: grant.id for grant in standing.grants}
            for change in changes:
                version = await unit.one(VERSIONS)
                assert version is not None
                still = msgspec.structs.replace(caller, version=version.version)
                await Steps(unit, still, ids, origin).make(change)
            return changes

        return await self._db.write(work)
