"""What `holdfast connect` gives: files of a configuration, what goes with them, and how they are written.

Promises: standard output gets the one file that is the configuration, and nothing else; what is written to a directory
is readable by nobody else where it holds a secret, and overwrites nothing unless that was said.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click


@dataclass(frozen=True, slots=True)
class File:
    """A file of a configuration. `name`: where it goes below a directory that is chosen, with '/' between; `place`:
    where the client looks for it; `secret`: it holds a credential."""

    name: str
    content: str
    place: str
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Setup:
    """A configuration. `files`: the first one is it, the others go with it; `notes`: what is to be known of it, each
    one a sentence; `stored`: the key is in no file; how it is stored where it belongs, by itself and from a file."""

    files: tuple[File, ...]
    notes: tuple[str, ...] = ()
    stored: tuple[str, str] | None = None


def check_place(directory: Path, names: Sequence[str], *, force: bool) -> None:
    """Raise `click.UsageError` unless these files can be written below `directory`."""
    if directory.exists() and not directory.is_dir():
        raise click.UsageError(f"{directory} is no directory")
    there = [name for name in names if os.path.lexists(directory / name)]
    if there and not force:
        raise click.UsageError(f"{directory / there[0]} is there already: --force overwrites it")
    for name in names:
        parent = (directory / name).parent
        while not parent.exists():
            parent = parent.parent
        if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
            raise click.UsageError(f"{directory / name} cannot be written: {parent} takes no files")


def write(directory: Path, files: Sequence[File], *, force: bool) -> None:
    """Write the files below `directory`; when one cannot be written, those that are new go again. Raises
    `click.ClickException`."""
    written: list[Path] = []
    path = directory
    try:
        for file in files:
            path = directory / file.name
            path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            aside = path.with_name(f".{path.name}.{os.getpid()}") if force else path
            descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if file.secret else 0o644)
            written.append(aside)
            with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
                opened.write(file.content)
                opened.flush()
                os.fsync(opened.fileno())
            if force:
                aside.replace(path)
    except BaseException as error:
        for each in written:
            each.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise click.ClickException(f"{path} cannot be written: {error.strerror}") from error
        raise
