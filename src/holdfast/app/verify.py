"""`holdfast verify`: the invariant checker over a data directory, beside a running server or without one.

Promises: it never makes a registry, a schema or a store's marker where there is none, and never works on a store that
belongs to another database: what is missing there would look like damage, and what is there like litter.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
from pathlib import Path

from holdfast.access.errors import MasterKeyAway, WrongMasterKey
from holdfast.access.installation import known_installation
from holdfast.app.build import registry_settings
from holdfast.app.config import Settings
from holdfast.app.datadir import DataDirectory, DataDirectoryError
from holdfast.app.engines import open_objects
from holdfast.app.masters import open_master, seals
from holdfast.blobs.errors import BlobError
from holdfast.blobs.local import LocalBlobs
from holdfast.blobs.volume import MARKER
from holdfast.db.errors import Damaged, DatabaseError
from holdfast.db.integrity import examine
from holdfast.db.migrate import migrate
from holdfast.db.sqlite import SqliteDatabase
from holdfast.registry.verify.inspection import Site
from holdfast.registry.verify.model import WALKED_REFERENCES, Options, Outcome, Progress, Report
from holdfast.registry.verify.service import add_corruption, verify
from holdfast.telemetry.request_id import RequestIds


class CouldNotRun(Exception):
    """Nothing can be said about the directory; the text says why and what to do."""


def run(settings: Settings, options: Options, report: Report) -> Outcome:
    """Verify the data directory of `settings`, calling `report` as it goes on. Raises `CouldNotRun`."""
    directory = DataDirectory(settings.data)
    outcome = Outcome(options)
    try:
        if not Path(directory.database).exists():
            raise CouldNotRun(f"there is no registry in {settings.data}: name its directory with --data")
        migrate(directory.database)
        if _database_is_sound(directory, outcome, report):
            asyncio.run(_verify(settings, directory, outcome, report))
    except Damaged as error:
        add_corruption(outcome, [str(error)])
    except (DatabaseError, BlobError, WrongMasterKey, MasterKeyAway, DataDirectoryError) as error:
        raise CouldNotRun(str(error)) from error
    except OSError as error:
        raise CouldNotRun(f"{settings.data} cannot be used: {error.strerror}") from error
    return outcome


def _database_is_sound(directory: DataDirectory, outcome: Outcome, report: Report) -> bool:
    """Whether the rows can be relied on at all; rows that refer to nothing are told of, and do not end the run."""
    report(Progress("database file", 0, 1))
    seen = examine(
        directory.database,
        deep=outcome.options.deep,
        followed=WALKED_REFERENCES,
        served=lambda: _is_served(directory),
    )
    outcome.checked["database file"] += 1
    add_corruption(outcome, seen.faults + seen.dangling)
    outcome.notes += [
        f"the table {table} is too large to be examined beside a running server: stop it and verify again"
        for table in seen.unchecked
    ]
    return not seen.faults


async def _verify(settings: Settings, directory: DataDirectory, outcome: Outcome, report: Report) -> None:
    db = SqliteDatabase(directory.database)
    blobs = LocalBlobs(directory.store)
    try:
        installation = await known_installation(db)
        _require_marker(directory, installation)
        await blobs.open(installation or "")
        objects = await open_objects(db, blobs, open_master(settings, directory), sealing=seals(settings))
        await verify(Site(db, objects, registry_settings(settings), "verify-" + RequestIds().next()), outcome, report)
    finally:
        await blobs.close()
        await db.close()


def _require_marker(directory: DataDirectory, installation: str | None) -> None:
    """Raise unless the store says that it belongs to this database. Opening a store without a marker would mark it."""
    try:
        marked = (Path(directory.store) / MARKER).read_text(errors="replace").strip()
    except FileNotFoundError:
        raise CouldNotRun(
            f"{directory.store} carries no marker ({MARKER}): it is not mounted, or not this registry's store. "
            "Nothing was looked at; mount it, or put it back from your backup"
        ) from None
    except OSError as error:
        raise CouldNotRun(f"the marker of {directory.store} cannot be read: {error.strerror}") from error
    if installation is None or marked != installation:
        raise CouldNotRun(
            f"{directory.store} belongs to another registry than the database beside it: put together what belongs "
            "together"
        )


def _is_served(directory: DataDirectory) -> bool:
    """Whether a server runs on the directory now."""
    try:
        descriptor = os.open(directory.root / "serve.lock", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
