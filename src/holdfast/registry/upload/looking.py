"""`Uploads`: what arrives and what is stuck, for those who may know, and ending it.

Promises: everybody sees and ends what he uploads himself; who may change the settings of a repository, and who operates
the registry, all that goes there; what somebody may not see is answered as what is not there. Bytes of an upload that
is ended are taken away as if its client had ended it.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from holdfast.access.errors import Unknown
from holdfast.access.model import PathPermit, Subject, SubjectKind
from holdfast.access.policy.model import Action
from holdfast.access.standing import check_permit, check_reading
from holdfast.blobs.errors import BlobError
from holdfast.blobs.port import BlobStore
from holdfast.db.port import Database, Reader, Unit
from holdfast.oci.name import RepositoryName
from holdfast.registry.reach.showing import unseen
from holdfast.registry.settings import RegistrySettings
from holdfast.registry.store import DOOM_PARTS, DROP_PARTS
from holdfast.registry.upload import looking_store, store
from holdfast.registry.upload.looking_store import ArrivingRow, SeenRow

STALE = 3_600_000_000
"""Microseconds without a byte after which an upload is stuck."""
_SHOWN = 900_000_000
_CHUNK = 500
_CHUNKS = 20
_ABOVE = "~"
_SECOND = 1_000_000


class SeenUpload(NamedTuple):
    """An upload. `id`: '' of a body that comes without a session; `actor`: who sends it; `total`: bytes that it will
    have, None: not known; `rate`: bytes a second, None: not known; `last_at`: of its last byte that was noted;
    `expires`: 0 of a body without a session; `arriving`: bytes come now; times are microseconds."""

    id: str
    repository: str
    actor: str
    agent: str
    received: int
    total: int | None
    rate: float | None
    began_at: int
    last_at: int
    expires: int
    arriving: bool
    own: bool

    @property
    def cancels(self) -> bool:
        """Whether it can be ended here: what comes in one piece ends with its connection."""
        return bool(self.id)


class UploadPage(NamedTuple):
    """Uploads, those that arrive first. `next`: where to go on, None: that is all."""

    uploads: list[SeenUpload]
    next: str | None


class Uploads:
    """The uploads of an installation. One object a process."""

    def __init__(self, db: Database, blobs: BlobStore, settings: RegistrySettings) -> None:
        self._db = db
        self._blobs = blobs
        self._settings = settings

    async def page(self, permit: PathPermit, *, after: str = "", limit: int) -> UploadPage:
        """Uploads to the permit's repository ('': to any) that the caller may see, the newest first, those after the
        id `after`. Raises `RepositoryUnknown`, `StalePermit`."""
        _require_sight(permit)

        async def read(reader: Reader) -> UploadPage:
            await check_reading(reader, permit)
            arriving = await self._arriving(reader, permit) if not after else {}
            found: list[SeenRow] = []
            at, more = after or _ABOVE, False
            for _ in range(_CHUNKS):
                rows = await self._rows(reader, permit, at)
                found += [row for row in rows if _sees(permit, row.opener, row.path)]
                if len(rows) < _CHUNK or len(found) > limit:
                    break
                at = rows[-1].id
            more, found = len(found) > limit, found[:limit]
            held = {row.id for row in found}
            coming = [self._coming(row, permit) for id, row in arriving.items() if id not in held]
            uploads = [self._seen(row, arriving.get(row.id), permit) for row in found]
            uploads.sort(key=lambda each: not each.arriving)
            return UploadPage([*coming, *uploads], found[-1].id if more else None)

        return await self._db.snapshot(read)

    async def stale(self, permit: PathPermit, limit: int) -> list[SeenUpload]:
        """Uploads of the caller, or to what he may set up, that nothing came to for `STALE`. Raises `StalePermit`."""
        found = await self.page(permit, limit=_CHUNK)
        late = self._db.now() - STALE
        return [each for each in found.uploads if each.last_at < late and not each.arriving][:limit]

    async def cancel(self, permit: PathPermit, ids: Sequence[str]) -> int:
        """End these uploads; those that have ended meanwhile are passed over. Returns how many ended now. Raises
        `Unknown` for one that the caller may not see, `RepositoryUnknown`, `StalePermit`."""
        _require_sight(permit)

        async def end(unit: Unit) -> list[str]:
            await check_permit(unit, permit)
            ended = []
            for id in ids:
                row = await unit.one(looking_store.SEEN_ONE, id=id)
                if row is None:
                    continue
                if not _sees(permit, row.opener, row.path) or permit.path not in ("", row.path):
                    raise Unknown("there is no such upload in your sight")
                if not await unit.run(store.CANCEL_UPLOAD, id=id, expires=row.expires):
                    continue
                await unit.run(store.DROP_EARLY, id=id)
                await unit.run(DOOM_PARTS, id=id, due=unit.now)
                await unit.run(DROP_PARTS, id=id)
                ended.append(id)
            return ended

        ended = await self._db.write(end)
        if self._blobs.staging is not None:
            for id in ended:
                with suppress(BlobError):  # a chunk is being written, or the store is away: the sweeper takes the file
                    await self._blobs.staging.drop(id)
        return len(ended)

    @staticmethod
    async def _rows(reader: Reader, permit: PathPermit, before: str) -> list[SeenRow]:
        """Some rows by the best index; which of them the caller sees is for `_sees` to say."""
        if permit.path:
            return await reader.all(looking_store.IN_REPOSITORY, path=permit.path, before=before, limit=_CHUNK)
        if permit.system(Action.OPERATE) or permit.rights.somewhere(Action.SETTINGS, permit.here):
            return await reader.all(looking_store.SEEN, before=before, limit=_CHUNK)
        return await reader.all(looking_store.OWN, opener=permit.subject.id, before=before, limit=_CHUNK)

    async def _arriving(self, reader: Reader, permit: PathPermit) -> dict[str, ArrivingRow]:
        since = self._db.now() - _SHOWN
        rows = await reader.all(looking_store.ARRIVING, since=since, limit=_CHUNK)
        return {row.id: row for row in rows if permit.path in ("", row.path) and _sees(permit, row.opener, row.path)}

    def _seen(self, row: SeenRow, arriving: ArrivingRow | None, permit: PathPermit) -> SeenUpload:
        began_at = int(row.id.partition("-")[0], 16)
        last_at = min(self._db.now(), row.expires - self._settings.upload_expire)
        received, total, rate = row.received, None, _rate(row.received, last_at - began_at)
        if arriving is not None:
            last_at, received = arriving.seen_at, max(received, arriving.began + arriving.received)
            total = None if arriving.length is None else arriving.began + arriving.length
            rate = _rate(arriving.received, arriving.seen_at - arriving.made_at)
        return SeenUpload(
            row.id,
            row.path,
            _actor(row.opener, row.name, row.kind),
            row.agent or "",
            received,
            total,
            rate,
            began_at,
            last_at,
            row.expires,
            arriving is not None,
            _own(permit, row.opener),
        )

    @staticmethod
    def _coming(row: ArrivingRow, permit: PathPermit) -> SeenUpload:
        return SeenUpload(
            "",
            row.path,
            _actor(row.opener, row.name, row.kind),
            row.agent,
            row.began + row.received,
            None if row.length is None else row.began + row.length,
            _rate(row.received, row.seen_at - row.made_at),
            row.made_at,
            row.seen_at,
            0,
            True,
            _own(permit, row.opener),
        )


def _require_sight(permit: PathPermit) -> None:
    """Raise `RepositoryUnknown` for a repository that the caller may not be told of."""
    if permit.path and not permit.shows(name := RepositoryName.parse(permit.path)):
        raise unseen(name)


def _rate(received: int, time: int) -> float | None:
    return received * _SECOND / time if time >= _SECOND else None


def _actor(opener: int, name: str | None, kind: int | None) -> str:
    return Subject(opener, name, SubjectKind(kind or 0)).actor if name is not None else "anonymous"


def _own(permit: PathPermit, opener: int) -> bool:
    return bool(opener) and opener == permit.subject.id


def _sees(permit: PathPermit, opener: int, path: str) -> bool:
    return _own(permit, opener) or permit.tags(Action.SETTINGS, path).everything or permit.system(Action.OPERATE)
