"""Where a move goes: the settings of the new house, made of those of the old one and what the command line says.

Promises: nothing is opened here; what cannot be meant is refused with a sentence.
"""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from holdfast.app.config import Settings
from holdfast.app.config_kinds import Kind, Secret
from holdfast.app.config_stores import database_url, shown_database, storage_url
from holdfast.app.datadir import DataDirectory
from holdfast.app.engines import database_target
from holdfast.app.masters import seals
from holdfast.registry.moving.model import MoveError

NONE = "none"


class Destination(NamedTuple):
    """What the command line says of the new house; None (or `none`) leaves a part where it is, or takes it to files
    under `data`."""

    database: str | None = None
    storage: str | None = None
    data: Path | None = None
    key_file: Path | None = None


def new_settings(settings: Settings, to: Destination) -> Settings:
    """The settings of the new house. Raises `MoveError`."""
    database, storage = _given(to.database), _given(to.storage)
    if database is None and storage is None and to.data is None:
        raise MoveError("say where to: --to-database, --to-storage, or --to-data for files")
    to_database = _read("--to-database", database_url(), database)
    to_storage = _read("--to-storage", storage_url(), storage)
    assert to_database is None or isinstance(to_database, Secret)
    assert to_storage is None or isinstance(to_storage, str)
    if to.data is None:
        to_database, to_storage = to_database or settings.database.url, to_storage or settings.storage.url
    encryption = settings.encryption
    own_key = encryption.key_file is None and encryption.key is None and encryption.vault_url is None
    if to.key_file is not None:
        encryption = replace(encryption, key_file=to.key_file, key=None, vault_url=None)
    elif own_key and to_database is not None and settings.database.url is None:
        # The key that the old data directory holds; what was stored in clear goes on so unless somebody says otherwise.
        key_file = DataDirectory(settings.data).master_key
        encryption = replace(encryption, key_file=key_file, content="on" if seals(settings) else "off")
    new = replace(
        settings,
        data=to.data.absolute() if to.data is not None else settings.data,
        database=replace(settings.database, url=to_database),
        storage=replace(settings.storage, url=to_storage),
        encryption=encryption,
    )
    if same_database(settings, new) and same_storage(settings, new):
        raise MoveError("the old house and the new one are the same")
    return new


def _read(flag: str, kind: Kind, text: str | None) -> object:
    try:
        return kind.read(text) if text is not None else None
    except ValueError as error:
        raise MoveError(f"what {flag} says {error}") from error


def _given(text: str | None) -> str | None:
    return None if text is None or text.lower() == NONE else text


def same_database(one: Settings, other: Settings) -> bool:
    """Whether both keep their rows in the same database."""
    return _database_of(one) == _database_of(other)


def same_storage(one: Settings, other: Settings) -> bool:
    """Whether both keep their objects in the same store."""
    return _storage_of(one) == _storage_of(other)


def _database_of(settings: Settings) -> str:
    return database_target(settings, DataDirectory(settings.data.resolve()))


def _storage_of(settings: Settings) -> str:
    return settings.storage.url or DataDirectory(settings.data.resolve()).store


def place(settings: Settings) -> str:
    """The house that `settings` describe, for people."""
    directory = DataDirectory(settings.data)
    database = shown_database(settings.database.url.reveal()) if settings.database.url else directory.database
    return f"{database} + {(settings.storage.url or directory.store).partition('?')[0]}"


def next_commands(old: Settings, new: Settings) -> list[str]:
    """What to run when everything is moved."""
    database = shown_database(new.database.url.reveal()) if new.database.url else None
    flags = ["--data", str(new.data)]
    flags += ["--database", database] if database else []
    flags += ["--storage", new.storage.url] if new.storage.url else []
    if new.encryption.key_file is not None:
        flags += ["--encryption-key-file", str(new.encryption.key_file)]
    if new.encryption.content != "auto":
        flags += ["--encryption-content", new.encryption.content]
    commands = [shlex.join(["holdfast", "serve", *flags])]
    if same_database(old, new):
        where = ["--database", database] if database else ["--data", str(new.data)]
        commands.append(shlex.join(["holdfast", "read-only", "off", *where]))
    return commands


def litter(old: Settings, new: Settings) -> list[str]:
    """What a move that was given up has left in the new house."""
    left = []
    if new.data.resolve() != old.data.resolve() and (new.database.url is None or new.storage.url is None):
        left.append(f"the directory {new.data}")
    if new.database.url is not None and not same_database(old, new):
        left.append(f"what is in the database {shown_database(new.database.url.reveal())}")
    if new.storage.url is not None and not same_storage(old, new):
        left.append(f"everything below {new.storage.url.partition('?')[0]}")
    return left
