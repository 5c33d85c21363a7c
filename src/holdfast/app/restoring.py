"""`holdfast restore`: an installation is put back from a backup, into a new house.

Flow: look (the copy is whole, the key opens it, the place is free) -> objects -> database -> end what was signed in ->
say what to look at. Promises: the database comes last, so what was interrupted is no registry and is begun again; an
installation that is there is replaced only when that is said, and its database is kept beside; objects that are there
already stay, and are looked at. Where the store holds more than the backup knows, nothing is swept until
`holdfast verify --adopt` (data model, rule 6).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Set
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from holdfast.access.keyring import wrapped_keys
from holdfast.access.master import MasterKey
from holdfast.access.restoring import Change, Live, changes_since, end_everything_signed_in, live
from holdfast.app.backing_up import guarded, kept_objects
from holdfast.app.backups import BackupDirectory, BackupError, Snapshot, sha256_of
from holdfast.app.config import Settings
from holdfast.app.datadir import DataDirectory
from holdfast.app.engines import database_target, make_blobs, open_database
from holdfast.app.masters import keeps_own_key, open_master
from holdfast.blobs.envelope import Envelope
from holdfast.blobs.errors import ForeignStore
from holdfast.blobs.port import BlobStore
from holdfast.db.copies import is_empty, put_back, reading
from holdfast.db.errors import DatabaseError
from holdfast.db.port import Reader
from holdfast.db.schema import is_postgres
from holdfast.registry.backup.service import Carried, Carrying, Progress, Report, keys_of, settle
from holdfast.registry.objects import Objects
from holdfast.registry.sweep.guard import Guard


class Restored(NamedTuple):
    """What was put back. `changes`: of credentials and rights that the backup does not know, None where no later
    database could be asked; `adopted`: whether sweeping goes on by itself; `replaced`: where the database that was
    there is now."""

    snapshot: Snapshot
    carried: Carried
    live: Live
    changes: list[Change] | None
    strangers: int
    replaced: Path | None


def restore(
    settings: Settings, root: Path, report: Report, *, name: str | None, over: bool, compare: Path | None
) -> Restored:
    """Put the backup `name` (None: the newest) of the directory `root` back where `settings` say. `over`: an
    installation that is there in files is replaced; `compare`: a later database file, for what changed since.

    Raises `BackupError`.
    """

    async def main() -> Restored:
        kept = BackupDirectory(root)
        snapshot = kept.find(name)
        path = kept.database(snapshot.name)
        report(Progress("checking the backup", 0, 0))
        if await asyncio.to_thread(sha256_of, path) != snapshot.sha256:
            raise BackupError(f"{path} is not what was written: this backup is damaged, take another one")
        directory = DataDirectory(settings.data)
        if keeps_own_key(settings) and not directory.master_key.exists():
            raise BackupError(
                f"a backup holds no master key: put the master.key of the installation into {settings.data} first, or "
                "name it with --encryption-key-file"
            )
        if settings.database.url is None or settings.storage.url is None:
            directory.prepare()
            directory.lock()
        try:
            return await _Restore(settings, directory, kept, snapshot, report).run(over, compare)
        finally:
            directory.leave()

    return guarded(main)


class _Restore:
    """One restore, into a directory that is locked."""

    def __init__(
        self, settings: Settings, directory: DataDirectory, kept: BackupDirectory, snapshot: Snapshot, report: Report
    ) -> None:
        self._settings = settings
        self._directory = directory
        self._kept = kept
        self._snapshot = snapshot
        self._path = kept.database(snapshot.name)
        self._target = database_target(settings, directory)
        self._report = report

    async def run(self, over: bool, compare: Path | None) -> Restored:
        """See `restore`."""
        master = open_master(self._settings, self._directory)
        with reading(self._path) as copy:
            envelope = await _envelope(copy, master)
            there = await self._require_room(over)
            later = compare or (Path(self._target) if there else None)
            changes = await self._changes(later) if later is not None else None
            async with self._store() as blobs, kept_objects(self._kept, self._snapshot.installation, envelope) as kept:
                known = await keys_of(copy)
                strangers = await _others(blobs, known)
                carrying = Carrying(copy, kept, Objects(blobs, envelope), self._report, again=True)
                carried = await carrying.run()
                return await self._settle_in(blobs, carrying, carried, (changes, strangers, there))

    async def _settle_in(
        self,
        blobs: BlobStore,
        carrying: Carrying,
        carried: Carried,
        found: tuple[list[Change] | None, int, bool],
    ) -> Restored:
        """The database, last; and what must be true of it before a server starts."""
        changes, strangers, there = found
        self._report(Progress("database", 0, 0))
        aside = await asyncio.to_thread(_set_aside, self._target) if there else None
        await put_back(self._path, self._target)
        db = await open_database(self._settings, self._directory)
        try:
            await settle(db, carrying.damaged_ids)
            await end_everything_signed_in(db, self._snapshot.made_at)
            guard = Guard(db, blobs)
            await (guard.distrust() if strangers else guard.adopt())
            return Restored(self._snapshot, carried, await live(db), changes, strangers, aside)
        finally:
            await db.close()

    @asynccontextmanager
    async def _store(self) -> AsyncIterator[BlobStore]:
        """The store of the new house, marked as the installation's."""
        try:
            blobs = make_blobs(self._settings, self._directory)
        except ValueError as error:
            raise BackupError(f"the store cannot be used: {error}") from error
        try:
            await blobs.open(self._snapshot.installation)
            yield blobs
        except ForeignStore as error:
            raise BackupError(
                "the store holds objects of another installation: give its own, or an empty one"
            ) from error
        finally:
            await blobs.close()

    async def _require_room(self, over: bool) -> bool:
        """Whether an installation is there, which is to be replaced. Raises `BackupError`."""
        if await is_empty(self._target):
            return False
        if is_postgres(self._target):
            raise BackupError("the PostgreSQL database holds an installation: give an empty one")
        if not over:
            raise BackupError(
                f"there is a registry in {self._settings.data}: restore elsewhere, or replace it with --over (its "
                "database is kept beside)"
            )
        return True

    async def _changes(self, later: Path) -> list[Change] | None:
        try:
            with reading(later) as old:
                return await changes_since(old, self._snapshot.journal)
        except DatabaseError:
            return None


def _set_aside(target: str) -> Path:
    """Give the database file at `target`, and its log, which holds what is not in the file yet, another name."""
    number = 1
    while (aside := Path(f"{target}.replaced-{number}")).exists():
        number += 1
    for ending in ("-wal", ""):
        source = Path(f"{target}{ending}")
        if source.exists():
            source.rename(f"{aside}{ending}")
    Path(f"{target}-shm").unlink(missing_ok=True)
    return aside


async def _envelope(copy: Reader, master: MasterKey) -> Envelope | None:
    """What opens sealed content. Raises `WrongMasterKey` unless the key opens every key of the copy."""
    keys: dict[int, bytes] = {}
    for row in await wrapped_keys(copy):
        key = await master.unwrap(row.name, row.wrapped)
        if row.generation is not None:
            keys[row.generation] = key
    return Envelope(keys) if keys else None


async def _others(blobs: BlobStore, known: Set[str]) -> int:
    """How many objects the store holds that are not among the keys `known`."""
    found = 0
    async for page in blobs.keys():
        found += sum(key not in known for key in page)
    return found
