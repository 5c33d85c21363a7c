"""The rows of upload sessions: where a session stands, how it moves, how it ends.

Promises: a session moves by compare-and-set on how many bytes it holds, so that of two chunks at once one is let in,
whichever nodes they came to; what was cancelled stays cancelled.
"""

from __future__ import annotations

from typing import NamedTuple

from holdfast.access.model import PushPermit
from holdfast.access.standing import check_permit, renewed
from holdfast.blobs.key import issued_at
from holdfast.db.port import Database, Unit
from holdfast.registry.errors import TooManyUploads, UploadUnknown
from holdfast.registry.quotas.service import place_of
from holdfast.registry.settings import RegistrySettings
from holdfast.registry.store import DOOM_PARTS, DROP_PARTS, same_repository
from holdfast.registry.upload import store
from holdfast.registry.upload.appending import Taken
from holdfast.registry.upload.intake import CANCELLED, overtaken
from holdfast.registry.upload.session import Session

NOBODY = -1


class Step(NamedTuple):
    """A chunk that is to be acknowledged: where the session stood, what it has now, where the chunk's object begins in
    it, and the data key of what is encrypted. `early`: all its bytes as the database keeps them, while they are few."""

    session: Session
    was: int
    got: Taken
    start: int
    wrapped: bytes | None
    early: bytes | None = None


class Sessions:
    """The sessions of the installation."""

    def __init__(self, db: Database, settings: RegistrySettings) -> None:
        self._db = db
        self._settings = settings

    async def advance(self, unit: Unit, permit: PushPermit, step: Step) -> None:
        """Compare-and-set on how many bytes the session holds. Raises `UploadOutOfOrder` when another was first."""
        permit = await renewed(unit, permit)
        if step.got.segment is not None:
            self.refuse_old(unit, step.got.segment.key)
        name = step.session.name
        values: dict[str, object] = {
            "id": name,
            "received": step.got.size,
            "digest_so_far": step.got.digest,
            "hash_state": step.got.state,
            "wrapped_key": step.wrapped,
            "expires": unit.now + self._settings.upload_expire,
        }
        if step.was:
            changed = await unit.run(store.ADVANCE_UPLOAD, was=step.was, **values)
        else:
            changed = await self._open_row(unit, permit, values)
        if not changed:
            row = await unit.one(store.UPLOAD, id=name, path=permit.repository)
            raise overtaken(row.received if row is not None else 0)
        if step.early is not None:
            await unit.run(store.PUT_EARLY, id=name, bytes=step.early)
            return
        if step.was and not step.start:
            await unit.run(store.DROP_EARLY, id=name)
        if step.got.segment is not None:
            await unit.run(store.NEW_SEGMENT, id=name, n=step.start, **step.got.segment._asdict())

    async def _open_row(self, unit: Unit, permit: PushPermit, values: dict[str, object]) -> int:
        opener, cap = permit.subject.id, self._settings.upload_sessions
        held = await unit.one(store.HELD, opener=opener, cap=cap)
        if held is not None and held.total >= cap:
            raise TooManyUploads(f"{cap} upload sessions are open already: finish or cancel some")
        repo_id = await place_of(unit, permit)
        agent = permit.origin.agent
        return await unit.run(store.NEW_UPLOAD, repo_id=repo_id, opener=opener, agent=agent, **values)

    def refuse_old(self, unit: Unit, key: str) -> None:
        """Raise `UploadUnknown` when an object is so old that it may pass for litter by now (data model, rule 6)."""
        if issued_at(key) < unit.now - self._settings.upload_expire:
            raise UploadUnknown("this upload took too long: start a new one with POST")

    async def row(self, permit: PushPermit, session: Session) -> store.UploadRow | None:
        """The session's row; None when it holds no bytes yet. Raises `UploadUnknown` when cancelled or expired,
        `StalePermit` when another repository has the name by now."""
        row = await self._db.one(store.UPLOAD, id=session.name, path=permit.repository)
        if row is not None and row.repo_id is not None:
            same_repository(permit, row.repo_id)
        expired = row is None and session.issued + self._settings.upload_expire <= self._db.now()
        if expired or (row is not None and row.received == CANCELLED):
            raise UploadUnknown("this upload session has ended: start a new one with POST")
        return row

    async def standing(self, permit: PushPermit, session: Session) -> int:
        """How many bytes the session holds. Raises `UploadUnknown`."""
        row = await self.row(permit, session)
        return row.received if row is not None else 0

    async def unmoved(self, permit: PushPermit, session: Session, was: int) -> None:
        """Under the lock of the staged file: raise unless the session stands where it stood when the request came."""
        now = await self.standing(permit, session)
        if now != was:
            raise overtaken(now)

    async def drop(self, unit: Unit, session: Session) -> None:
        """End the session wherever it stands: what it came to hold meanwhile goes."""
        await unit.one(store.LOCK_UPLOAD, id=session.name)  # a chunk under way ends first: its object is seen below
        await unit.run(DOOM_PARTS, id=session.name, due=unit.now)
        await unit.run(store.DROP_UPLOAD, id=session.name)

    async def bury(self, permit: PushPermit, session: Session) -> None:
        """Cancel the session, with all that the database knows of it."""
        expires = session.issued + self._settings.upload_expire

        async def bury(unit: Unit) -> None:
            await check_permit(unit, permit)
            # The row first, for it is the lock: what a chunk under way stores is seen afterwards.
            if not await unit.run(store.CANCEL_UPLOAD, id=session.name, expires=expires):
                await self._stone(unit, session, expires)
            await unit.run(store.DROP_EARLY, id=session.name)
            await unit.run(DOOM_PARTS, id=session.name, due=unit.now)
            await unit.run(DROP_PARTS, id=session.name)

        await self._db.write(bury)

    async def _stone(self, unit: Unit, session: Session, expires: int) -> None:
        """A row that says that the session was cancelled, where it had none; a first chunk may come at this moment."""
        made = await unit.run(
            store.NEW_UPLOAD,
            id=session.name,
            repo_id=None,
            opener=NOBODY,
            agent=None,
            received=CANCELLED,
            digest_so_far=None,
            hash_state=None,
            wrapped_key=None,
            expires=expires,
        )
        if not made:
            await unit.run(store.CANCEL_UPLOAD, id=session.name, expires=expires)
