"""`holdfast backup`: a consistent copy of an installation while it serves, in a directory that keeps several.

Flow: hold (nothing deletes objects) -> copy the database -> copy the objects that the copy names -> read them back ->
say that the backup is whole. Promises: what is in a whole backup is everything that was acknowledged before it began;
it holds no master key, and what is encrypted stays so; kill -9 anywhere leaves earlier backups whole.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from holdfast import __version__
from holdfast.access.errors import MasterKeyAway, WrongMasterKey
from holdfast.access.installation import known_installation
from holdfast.access.keyring import ContentKeys
from holdfast.app.backups import BackupDirectory, BackupError, Snapshot, sha256_of
from holdfast.app.config import Settings
from holdfast.app.datadir import DataDirectory, DataDirectoryError
from holdfast.app.engines import Engines, database_target, engines
from holdfast.blobs.envelope import Envelope
from holdfast.blobs.errors import BlobError, ForeignStore
from holdfast.blobs.local import LocalBlobs
from holdfast.db.copies import copy_database, reading
from holdfast.db.errors import DatabaseError
from holdfast.db.port import Unit
from holdfast.db.schema import is_postgres, schema_standing
from holdfast.journal.model import ChangeKind, Origin
from holdfast.journal.service import note
from holdfast.registry.backup.service import Carried, Carrying, Progress, Report, held, keys_of, last_journal, totals
from holdfast.registry.objects import Objects

T = TypeVar("T")


class BackedUp(NamedTuple):
    """A backup that was made, what had to be copied for it, and the names of those that were removed."""

    snapshot: Snapshot
    carried: Carried
    removed: list[str]
    forgotten: int


def back_up(settings: Settings, root: Path, report: Report, *, keep: int | None, again: bool) -> BackedUp:
    """Back up the installation of `settings` into the directory `root`. `keep`: how many backups stay, None: all;
    `again`: read back every object, also what earlier backups brought. Raises `BackupError`."""

    async def main() -> BackedUp:
        directory = BackupDirectory(root)
        async with engines(settings) as opened:
            directory.prepare()
            installation = await known_installation(opened.db)
            keys = ContentKeys(opened.db, opened.master)
            envelope = Envelope(await keys.load(), keys.load_again)
            async with kept_objects(directory, installation or "", envelope) as kept:
                snapshot, carried = await _make(settings, opened, directory, kept, report, again=again)
                removed, forgotten = await _prune(directory, kept, keep, snapshot)
            await opened.db.write(lambda unit: _note(unit, snapshot, carried), always=True)
        return BackedUp(snapshot, carried, removed, forgotten)

    return guarded(main)


def guarded(main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run `main`; what can go wrong becomes a `BackupError` that says what to do."""
    try:
        return asyncio.run(main())
    except BlobError as error:
        raise BackupError(error.reason) from error
    except (DatabaseError, WrongMasterKey, MasterKeyAway, DataDirectoryError) as error:
        raise BackupError(str(error)) from error
    except OSError as error:
        raise BackupError(f"a file cannot be used: {error.strerror}") from error


@asynccontextmanager
async def kept_objects(
    directory: BackupDirectory, installation: str, envelope: Envelope | None
) -> AsyncIterator[Objects]:
    """The objects of a backup directory. Raises `BackupError` where they are another installation's."""
    blobs = LocalBlobs(directory.store)
    try:
        await blobs.open(installation)
        yield Objects(blobs, envelope)
    except ForeignStore as error:
        raise BackupError("the directory holds backups of another installation: name another one") from error
    finally:
        await blobs.close()


async def _make(
    settings: Settings, opened: Engines, directory: BackupDirectory, kept: Objects, report: Report, *, again: bool
) -> tuple[Snapshot, Carried]:
    target = database_target(settings, DataDirectory(settings.data))
    async with held(opened.db):
        now = opened.db.now()
        name = directory.begin(now)
        path = directory.database(name)
        report(Progress("database", 0, 0))
        await copy_database(target, path)
        with reading(path) as copy:
            named = await totals(copy)
            journal = await last_journal(copy)
            carried = await Carrying(copy, opened.objects, kept, report, again=again).run()
    standing = await schema_standing(str(path))
    snapshot = Snapshot(
        name=name,
        made_at=now,
        installation=await known_installation(opened.db) or "",
        program=__version__,
        schema=standing.newest if standing is not None else 0,
        sha256=await asyncio.to_thread(sha256_of, path),
        repositories=named.repositories,
        tags=named.tags,
        objects=named.objects,
        bytes=named.bytes,
        damaged=tuple(carried.damaged),
        journal=journal,
        engine="postgresql" if is_postgres(target) else "sqlite",
    )
    directory.finish(snapshot)
    return snapshot, carried


async def _prune(
    directory: BackupDirectory, kept: Objects, keep: int | None, newest: Snapshot
) -> tuple[list[str], int]:
    """Remove all but the newest `keep` backups, then the objects that no backup here names; returns the names of the
    backups, and the number of the objects. One that cannot be read removes nothing."""
    if keep is None:
        return [], 0
    found = directory.snapshots()
    going = [each.name for each in found[: max(0, len(found) - keep)] if each.name != newest.name]
    for name in going:
        directory.remove(name)
    if not going:
        return [], 0
    needed: set[str] = set()
    for each in directory.snapshots():
        with reading(directory.database(each.name)) as copy:
            needed |= await keys_of(copy)
    forgotten = 0
    async for page in kept.blobs.keys():
        for key in page:
            if key not in needed:
                await kept.blobs.delete(key)
                forgotten += 1
    return going, forgotten


async def _note(unit: Unit, snapshot: Snapshot, carried: Carried) -> None:
    data: dict[str, object] = {
        "name": snapshot.name,
        "objects": snapshot.objects,
        "bytes": snapshot.bytes,
        "copied": carried.objects,
        "damaged": len(carried.damaged),
    }
    await note(unit, ChangeKind.BACKUP_MADE, actor="system", origin=Origin("backup"), data=data)
