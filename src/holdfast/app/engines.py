"""Which database and which blob store the settings name, and how each is opened.

Without a URL the database is a file and the store a directory below `data`; with one it is PostgreSQL, or a bucket. An
opened database or store belongs to the event loop that opened it; a bucket's library does not survive a fork, so it is
opened in the process that uses it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from holdfast.access.installation import known_installation
from holdfast.access.keyring import ContentKeys
from holdfast.access.master import MasterKey
from holdfast.app.config import Settings
from holdfast.app.datadir import DataDirectory
from holdfast.app.masters import open_master, seals
from holdfast.app.tracing.blobs import traced_blobs
from holdfast.app.tracing.traced import traced_database
from holdfast.blobs.envelope import Envelope
from holdfast.blobs.local import LocalBlobs
from holdfast.blobs.port import BlobStore
from holdfast.db.errors import DatabaseError, TooOld
from holdfast.db.port import Database
from holdfast.db.schema import schema_standing
from holdfast.db.sqlite import SqliteDatabase
from holdfast.registry.objects import Objects
from holdfast.remote.outbound import Outbound
from holdfast.telemetry.meters import Meters
from holdfast.telemetry.traces import Traces

_TO_TARGETS = 512
"""Connections to targets of events at once."""


def database_target(settings: Settings, directory: DataDirectory) -> str:
    """The URL of the PostgreSQL database, or the path of the SQLite file."""
    return settings.database.url.reveal() if settings.database.url is not None else directory.database


async def open_database(settings: Settings, directory: DataDirectory, meters: Meters | None = None) -> Database:
    """The database. Its schema must have been laid. Raises `DatabaseError`."""
    if settings.database.url is None:
        return SqliteDatabase(directory.database, meters=meters)
    from holdfast.db.postgres import PostgresDatabase
    from holdfast.db.postgres_link import PostgresOptions

    options = PostgresOptions(
        pool=settings.database.pool,
        statement_timeout=settings.database.statement_timeout.total_seconds(),
        prepared=settings.database.prepared,
    )
    db = PostgresDatabase(settings.database.url.reveal(), options, meters=meters)
    try:
        await db.open()
    except BaseException:
        await db.close()
        raise
    return db


def make_blobs(settings: Settings, directory: DataDirectory) -> BlobStore:
    """The blob store, not opened yet. Raises ValueError saying what is wrong with its URL."""
    if settings.storage.url is None:
        return LocalBlobs(directory.store)
    from holdfast.blobs.objects import open_object_store

    return open_object_store(settings.storage.url, public_endpoint=settings.storage.public_endpoint)


def open_targets(settings: Settings, traces: Traces | None = None) -> Outbound:
    """What asks the hosts that people stored as targets of events; it is closed by whoever opened it."""
    return Outbound(
        settings.outbound.targets,
        settings.outbound.ca_file,
        setting="HOLDFAST_ALLOW_PRIVATE_TARGETS",
        connections=_TO_TARGETS,
        traces=traces,
    )


async def open_objects(db: Database, blobs: BlobStore, master: MasterKey, *, sealing: bool) -> Objects:
    """Stored content, with the keys that open what is encrypted. Raises `WrongMasterKey`, `MasterKeyAway`."""
    keys = ContentKeys(db, master)
    found = await keys.load()
    if not found:  # laid by a program that did not encrypt
        await keys.make_first()
        found = await keys.load()
    return Objects(blobs, Envelope(found, keys.load_again), sealing=sealing)


class Engines(NamedTuple):
    """What a command works with that does not serve: the database, the blob store, the content in it, its key, and
    what asks the targets of events."""

    db: Database
    blobs: BlobStore
    objects: Objects
    master: MasterKey
    targets: Outbound


@asynccontextmanager
async def engines(
    settings: Settings, meters: Meters | None = None, traces: Traces | None = None
) -> AsyncIterator[Engines]:
    """The engines of an installation that exists already, for a command beside its servers.

    Raises `DatabaseError` where there is none, `BlobError`, `WrongMasterKey`, `MasterKeyAway`, `DataDirectoryError`.
    """
    directory = DataDirectory(settings.data)
    async with database(settings, meters) as opened:
        db = traced_database(opened, traces)
        installation = await known_installation(db)
        if installation is None:
            raise DatabaseError("the database holds no registry yet: start `holdfast serve` with it first")
        master = open_master(settings, directory)
        blobs = make_blobs(settings, directory)
        targets = open_targets(settings, traces)
        try:
            await blobs.open(installation)
            objects = await open_objects(db, traced_blobs(blobs, traces), master, sealing=seals(settings))
            yield Engines(db, blobs, objects, master, targets)
        finally:
            await targets.close()
            await blobs.close()


@asynccontextmanager
async def database(settings: Settings, meters: Meters | None = None) -> AsyncIterator[Database]:
    """The database of an installation that exists already, for a command that needs no more. Raises `DatabaseError`."""
    directory = DataDirectory(settings.data)
    if settings.database.url is None and not directory.exists():
        raise DatabaseError(f"there is no registry in {settings.data}: name its directory with --data")
    await _require_schema(database_target(settings, directory))
    db = await open_database(settings, directory, meters)
    try:
        yield db
    finally:
        await db.close()


async def _require_schema(target: str) -> None:
    """Raise `DatabaseError` unless the schema is one that this program's statements fit."""
    standing = await schema_standing(target)
    if standing is None:
        raise DatabaseError("the database holds no registry yet: start `holdfast serve` with it first")
    if standing.expanding:
        steps = ", ".join(step.name for step in standing.expanding)
        raise TooOld(f"the database is older than this program (steps are pending: {steps}): run `holdfast migrate up`")
