"""`holdfast verify`: the invariant checker over an installation, beside its running servers or without them.

Promises: it never makes a registry, a schema or a store's marker where there is none, and never works on a store that
belongs to another database: what is missing there would look like damage, and what is there like litter.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from holdfast.access.errors import MasterKeyAway, WrongMasterKey
from holdfast.access.installation import known_installation
from holdfast.access.keyring import ContentKeys
from holdfast.app.config import Settings
from holdfast.app.datadir import DataDirectory, DataDirectoryError
from holdfast.app.engines import database, database_target, make_blobs
from holdfast.app.masters import open_master
from holdfast.app.registry_settings import registry_settings
from holdfast.blobs.envelope import Envelope
from holdfast.blobs.errors import BlobError, Unavailable
from holdfast.blobs.port import BlobStore
from holdfast.db.errors import Damaged, DatabaseError
from holdfast.db.integrity import examine
from holdfast.db.migrate import migrate
from holdfast.db.schema import is_postgres, schema_standing
from holdfast.registry.objects import Objects
from holdfast.registry.verify.inspection import Site
from holdfast.registry.verify.model import WALKED_REFERENCES, Options, Outcome, Progress, Report
from holdfast.registry.verify.service import add_corruption, verify
from holdfast.telemetry.request_id import RequestIds


class CouldNotRun(Exception):
    """Nothing can be said about the directory; the text says why and what to do."""


def run(settings: Settings, options: Options, report: Report) -> Outcome:
    """Verify the installation of `settings`, calling `report` as it goes on. Raises `CouldNotRun`."""
    directory = DataDirectory(settings.data)
    outcome = Outcome(options)
    try:
        if _rows_are_sound(settings, directory, outcome, report):
            asyncio.run(_verify(settings, directory, outcome, report))
    except Damaged as error:
        add_corruption(outcome, [str(error)])
    except (DatabaseError, BlobError, WrongMasterKey, MasterKeyAway, DataDirectoryError, ValueError) as error:
        raise CouldNotRun(str(error)) from error
    except OSError as error:
        raise CouldNotRun(f"{settings.data} cannot be used: {error.strerror}") from error
    return outcome


def _rows_are_sound(settings: Settings, directory: DataDirectory, outcome: Outcome, report: Report) -> bool:
    """Whether the rows can be relied on at all, as far as that can be seen without reading them."""
    target = database_target(settings, directory)
    if is_postgres(target):
        standing = asyncio.run(schema_standing(target))
        if standing is None:
            raise CouldNotRun("the database holds no registry yet: start `holdfast serve` with it first")
        if standing.expanding:
            raise CouldNotRun("the database lacks steps of this program: run `holdfast migrate up` first")
        outcome.notes.append("the files of PostgreSQL were not examined: that is for pg_amcheck")
        return True
    if not Path(target).exists():
        raise CouldNotRun(f"there is no registry in {settings.data}: name its directory with --data")
    migrate(target)
    return _database_is_sound(directory, outcome, report)


def _database_is_sound(directory: DataDirectory, outcome: Outcome, report: Report) -> bool:
    """Whether the rows can be relied on at all; rows that refer to nothing are told of, and do not end the run."""
    report(Progress("database file", 0, 1))
    seen = examine(
        directory.database,
        deep=outcome.options.deep,
        followed=WALKED_REFERENCES,
        served=directory.served,
    )
    outcome.checked["database file"] += 1
    add_corruption(outcome, seen.faults + seen.dangling)
    outcome.notes += [
        f"the table {table} is too large to be examined beside a running server: stop it and verify again"
        for table in seen.unchecked
    ]
    return not seen.faults


async def _verify(settings: Settings, directory: DataDirectory, outcome: Outcome, report: Report) -> None:
    async with database(settings) as db:
        installation = await known_installation(db)
        blobs = make_blobs(settings, directory)
        try:
            await _require_marker(blobs, installation)
            await blobs.open(installation or "")
            keys = ContentKeys(db, open_master(settings, directory))
            found = await keys.load()
            objects = Objects(blobs, Envelope(found, keys.load_again) if found else None)
            site = Site(db, objects, registry_settings(settings), "verify-" + RequestIds().next())
            await verify(site, outcome, report)
        finally:
            await blobs.close()


async def _require_marker(blobs: BlobStore, installation: str | None) -> None:
    """Raise unless the store says that it belongs to this database. Opening a store without a marker would mark it."""
    try:
        marked = await blobs.mark("store")
    except Unavailable as error:
        raise CouldNotRun(
            f"the blob store carries no marker: it is not mounted, not reachable, or not this registry's. {error} "
            "Nothing was looked at; mount it, or put it back from your backup"
        ) from error
    if installation is None or marked != installation:
        raise CouldNotRun(
            "the blob store belongs to another registry than the database: put together what belongs together"
        )
