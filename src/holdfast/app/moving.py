"""`holdfast migrate-storage`: opens the old house and the new one, and moves.

Promises: nothing is touched before the new house was found fit for this installation: another place, a schema of this
program, a master key that opens every key of the old database. What a stop by a signal interrupts is put back.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any, NamedTuple, TypeVar

from holdfast.access.errors import MasterKeyAway, WrongMasterKey
from holdfast.access.installation import known_installation
from holdfast.access.keyring import ContentKeys, wrapped_keys
from holdfast.app.config import Settings
from holdfast.app.datadir import DataDirectory, DataDirectoryError
from holdfast.app.engines import database_target, make_blobs, open_database
from holdfast.app.masters import open_master
from holdfast.app.moving_places import (
    Destination,
    litter,
    new_settings,
    next_commands,
    place,
    same_database,
    same_storage,
)
from holdfast.blobs.envelope import Envelope
from holdfast.blobs.errors import BlobError
from holdfast.db.errors import DatabaseError, StatementFailed
from holdfast.db.nodes import nodes
from holdfast.db.schema import is_postgres, migrate_up, prepare_schema, schema_standing
from holdfast.db.transfer import Tables
from holdfast.db.transfer_postgres import open_postgres_tables
from holdfast.db.transfer_sqlite import SqliteTables
from holdfast.registry.moving.model import Moved, MoveError, Report
from holdfast.registry.moving.service import House, Move, plan
from holdfast.registry.objects import Objects

T = TypeVar("T")
_PATIENT = timedelta(hours=1)


class Plan(NamedTuple):
    """What a move would bring: rows by table, content that lies in objects and its bytes, staged uploads and theirs."""

    old: str
    new: str
    rows: dict[str, int]
    objects: int
    bytes: int
    uploads: int
    upload_bytes: int


class Outcome(NamedTuple):
    """How a move ended, and the commands that come next."""

    moved: Moved
    old: str
    new: str
    commands: list[str]


def move(settings: Settings, to: Destination, report: Report, *, skip_damaged: bool) -> Outcome:
    """Move the installation of `settings`. Raises `MoveError` saying why it cannot begin or go on."""

    async def main() -> Outcome:
        new = new_settings(settings, to)
        async with _houses(settings, new, to) as (old_house, new_house):
            moved = await Move(old_house, new_house, report, skip_damaged=skip_damaged).run()
        return Outcome(moved, place(settings), place(new), next_commands(settings, new))

    return _run(main)


def abort(settings: Settings, to: Destination) -> tuple[bool, list[str]]:
    """Give up a move that was not finished: whether the old house took no writes, and what can be removed by now."""

    async def main() -> tuple[bool, list[str]]:
        new = new_settings(settings, to)
        async with _houses(settings, new, to) as (old_house, new_house):
            was = await Move(old_house, new_house, lambda _progress: None).abort()
        return was, litter(settings, new)

    return _run(main)


def look(settings: Settings, to: Destination) -> Plan:
    """What `move` would bring; the new house is not touched."""

    async def main() -> Plan:
        new = new_settings(settings, to)
        async with _house(settings) as house:
            rows, content, staged = await plan(house)
            if same_database(settings, new):
                rows = {}
            stays = same_storage(settings, new)
        return Plan(
            place(settings),
            place(new),
            rows,
            0 if stays else content.items,
            0 if stays else content.bytes,
            0 if stays else staged.items,
            0 if stays else staged.bytes,
        )

    return _run(main)


def _run(main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run `main`; SIGTERM cancels it, so that it leaves things in order. Errors become `MoveError`."""

    async def cancellable() -> T:
        task = asyncio.ensure_future(main())
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        try:
            return await task
        except asyncio.CancelledError:
            raise MoveError(
                "stopped before it had ended: run the same command again to go on, or give it up with --abort"
            ) from None

    try:
        return asyncio.run(cancellable())
    except BlobError as error:
        raise MoveError(error.reason) from error
    except (DatabaseError, StatementFailed, WrongMasterKey, MasterKeyAway, DataDirectoryError) as error:
        raise MoveError(str(error)) from error
    except OSError as error:
        raise MoveError(f"a file cannot be used: {error.strerror}") from error


# -- opening -----------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def _houses(old: Settings, new: Settings, to: Destination) -> AsyncIterator[tuple[House, House]]:
    """Both houses, opened; the new one has its schema, its directory and a key that opens what will be in it."""
    async with _house(old) as old_house:
        await _refuse_unknown_server(old, old_house)
        directory = DataDirectory(new.data)
        own_files = new.data.resolve() != old.data.resolve() and (new.database.url is None or new.storage.url is None)
        async with AsyncExitStack() as stack:
            if own_files:
                directory.prepare()
                directory.lock()
                stack.callback(directory.leave)
            await _check_key(old, new, old_house, to)
            db, tables = old_house.db, old_house.tables
            if not same_database(old, new):
                await prepare_schema(database_target(new, directory))
                db = await open_database(_patient(new), directory)
                stack.push_async_callback(db.close)
                tables = await _tables(new)
                stack.push_async_callback(tables.close)
            blobs = old_house.objects.blobs
            if not same_storage(old, new):
                blobs = _blobs(new)
                stack.push_async_callback(blobs.close)
            objects = Objects(blobs, await _envelope(old, old_house)) if blobs is not old_house.objects.blobs else None
            yield old_house, House(db, tables, objects or old_house.objects, place(new))


@asynccontextmanager
async def _house(settings: Settings) -> AsyncIterator[House]:
    """The old house, opened. Raises `MoveError` unless it holds an installation with the schema of this program."""
    directory = DataDirectory(settings.data)
    if settings.database.url is None and not directory.exists():
        raise MoveError(f"there is no registry in {settings.data}: name its directory with --data")
    await _require_schema(settings, directory)
    async with AsyncExitStack() as stack:
        db = await open_database(_patient(settings), directory)
        stack.push_async_callback(db.close)
        installation = await known_installation(db)
        if installation is None:
            raise MoveError("the old database holds no registry")
        tables = await _tables(settings)
        stack.push_async_callback(tables.close)
        blobs = _blobs(settings)
        stack.push_async_callback(blobs.close)
        await blobs.open(installation)
        house = House(db, tables, Objects(blobs), place(settings))
        yield house._replace(objects=Objects(blobs, await _envelope(settings, house)))


async def _require_schema(settings: Settings, directory: DataDirectory) -> None:
    """See that the old database has the schema of this program; a file that nobody serves from is brought to it."""
    target = database_target(settings, directory)
    standing = await schema_standing(target)
    if standing is None or not standing.expanding:
        return
    if is_postgres(target):
        raise MoveError("the old database lacks migrations of this program: run `holdfast migrate up` first")
    if directory.served():
        raise MoveError(
            "the server that runs on the old database is of an older version: start it again with this one first"
        )
    await migrate_up(target)


async def _refuse_unknown_server(settings: Settings, house: House) -> None:
    """Raise `MoveError` when a server runs that gives no sign of life: it is of a version that knows no read-only mode,
    and would go on writing."""
    if settings.database.url is not None or not DataDirectory(settings.data).served():
        return
    now = house.db.now()
    if not any(node.alive(now) for node in await nodes(house.db)):
        raise MoveError(
            "the server that runs on the old database is of an older version: start it again with this one first"
        )


async def _tables(settings: Settings) -> Tables:
    if settings.database.url is not None:
        return await open_postgres_tables(settings.database.url.reveal())
    return SqliteTables(DataDirectory(settings.data).database)


async def _envelope(settings: Settings, house: House) -> Envelope:
    """What opens sealed content, in either house: its keys are those of the old one."""
    keys = ContentKeys(house.db, open_master(settings, DataDirectory(settings.data)))
    return Envelope(await keys.load(), keys.load_again)


async def _check_key(old: Settings, new: Settings, house: House, to: Destination) -> None:
    """Raise `WrongMasterKey` unless the key that the new house will have opens every key of the old database."""
    directory = DataDirectory(new.data)
    encryption = new.encryption
    if encryption.key_file is None and encryption.key is None and encryption.vault_url is None and to.data is not None:
        if old.database.url is not None:
            raise MoveError("say with --to-encryption-key-file where the master key of the new house is")
        if not directory.master_key.exists():
            directory.adopt_master_key(DataDirectory(old.data).master_key)
    master = open_master(new, directory)
    try:
        for row in await wrapped_keys(house.db):
            await master.unwrap(row.name, row.wrapped)
    except WrongMasterKey as error:
        raise MoveError(
            "the master key of the new house does not open the keys of this installation: give the same key file there "
            "(a rotation can follow)"
        ) from error


def _blobs(settings: Settings) -> Any:
    try:
        return make_blobs(settings, DataDirectory(settings.data))
    except ValueError as error:
        raise MoveError(f"the store cannot be used: {error}") from error


def _patient(settings: Settings) -> Settings:
    """The same, with statements that may take long: some of a mover's run over whole tables."""
    return replace(settings, database=replace(settings.database, statement_timeout=_PATIENT))
