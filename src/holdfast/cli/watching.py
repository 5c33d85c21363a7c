"""Which tags moved to which digest, from events, and what has been done about it.

Promises: of several moves of a tag only the last one counts; what was done is remembered, by the watcher itself and in
its file, only after it was done, so that what breaks in between is done again, and nothing is passed over.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import click

from holdfast.cli.client import Client
from holdfast.cli.following import Told, past_events

TYPES = (
    "manifest.pushed",
    "manifest.deleted",
    "manifest.undeleted",
    "tag.moved",
    "tag.deleted",
    "tag.undeleted",
    "image.promoted",
    "rollback.applied",
    "content.purged",
)
"""The events that move tags."""
_ENDING = frozenset({"manifest.deleted", "tag.deleted", "content.purged"})
_SIGNED = re.compile(r"sha(?:256-[0-9a-f]{64}|384-[0-9a-f]{96}|512-[0-9a-f]{128})")
_MOST_REMEMBERED = 10_000


class Move(NamedTuple):
    """A tag that is on another digest now, and the event that says so."""

    repository: str
    tag: str
    digest: str
    event: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The image, by its tag."""
        return f"{self.repository}:{self.tag}"


def moves_of(event: Mapping[str, Any]) -> Iterator[tuple[str, str | None]]:
    """Each tag that an event moved, and to which digest; None: it ended. Signatures and the like have tags that are no
    versions of anything: those are left out."""
    data = event["data"]
    kind = str(event["type"]).partition(".")[2]
    if kind == "image.promoted" and str(data.get("target", "")).partition("@")[0].partition(":")[0] != data["path"]:
        return  # it went from here elsewhere
    named = [data["tag"]] if isinstance(data.get("tag"), str) else data.get("tags")
    digest = None if kind in _ENDING else data.get("digest")
    moved = [(each["tag"], each["now"]) for each in data["moves"]] if "moves" in data else []
    if not moved and isinstance(named, list):
        moved = [(tag, digest) for tag in named]
    yield from ((tag, now) for tag, now in moved if not _SIGNED.match(tag))


class Watcher:
    """What is still to be done about tags that `matches`. `fields`: which events are asked for; `file`: where its state
    is kept, None: nowhere; `since`: the time from which on it looks, where it has no place yet."""

    def __init__(
        self, client: Client, fields: Mapping[str, Any], matches: Callable[[str], bool], file: Path | None
    ) -> None:
        self._client = client
        self.fields = fields
        self._matches = matches
        self._file = file
        self._pending: dict[str, Move] = {}
        self._done: dict[str, str] = {}
        self.place: int | None = None
        self.since: str | None = None
        self._settled: int | None = None
        if file is not None and file.exists():
            self._load(file)

    def begin(self, place: int) -> None:
        """Begin behind `place`, where nothing says where."""
        self.place = self._settled = place
        self.save()

    def catch_up(self) -> None:
        """Take in everything that has happened by now."""
        for told in past_events(self._client, {**self.fields, "since": self.since}, self.place):
            self.take(told)

    def take(self, told: Told) -> None:
        """Take in what was told."""
        if told.event is not None:
            for tag, digest in moves_of(told.event):
                self._move(told.event, tag, digest)
            if told.event["data"].get("more"):
                self._look_again(told.event)
        self.place = told.place
        if not self._pending:
            self._settled = told.place

    def pending(self) -> Move | None:
        """What is to be done first."""
        return next(iter(self._pending.values()), None)

    def latest(self, move: Move) -> Move:
        """Where the tag of `move` is by now; `move` itself where it is nowhere any more."""
        return self._pending.get(move.name, move)

    def settle(self, move: Move, *, done: bool) -> None:
        """There is nothing more to do about `move`; `done`: because it was done."""
        if self._pending.get(move.name) == move:
            del self._pending[move.name]
        if done:
            self._done.pop(move.name, None)
            self._done[move.name] = move.digest
            while len(self._done) > _MOST_REMEMBERED:
                del self._done[next(iter(self._done))]
        if not self._pending:
            self._settled = self.place
        self.save()

    def save(self) -> None:
        """Write down how far everything was done: whole or not at all."""
        if self._file is None:
            return
        fresh = self._file.with_name(f".{self._file.name}.{os.getpid()}")
        try:
            with fresh.open("w", encoding="utf-8") as out:
                json.dump({"after": self._settled, "done": self._done}, out, indent=1)
                out.flush()
                os.fsync(out.fileno())
            fresh.replace(self._file)
        except OSError as error:
            raise click.ClickException(f"{self._file} cannot be written: {error.strerror}") from error

    def _load(self, file: Path) -> None:
        try:
            found = json.loads(file.read_text(encoding="utf-8"))
            self.place = self._settled = int(found["after"])
            self._done = {str(name): str(digest) for name, digest in found["done"].items()}
        except OSError as error:
            raise click.ClickException(f"{file} cannot be read: {error.strerror}") from error
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise click.ClickException(f"{file} is no state of `holdfast watch`: name another file") from error

    def _move(self, event: Mapping[str, Any], tag: str, digest: str | None) -> None:
        if not self._matches(tag):
            return
        repository = str(event["data"]["path"])
        name = f"{repository}:{tag}"
        if digest is None or self._done.get(name) == digest:
            self._pending.pop(name, None)
        else:
            self._pending[name] = Move(repository, tag, digest, event)

    def _look_again(self, event: Mapping[str, Any]) -> None:
        """An event that moved more tags than it lists: those that have been where they are since then."""
        repository = str(event["data"]["path"])
        for each in self._client.pages("/history/tags", repository=repository):
            if each["since"] >= event["time"] and each["digest"] is not None:
                self._move(event, each["tag"], each["digest"])


def matching(globs: Iterable[str]) -> Callable[[str], bool]:
    """What tells whether a tag is meant by one of `globs`, of which only `*` is special; none: every tag is."""
    parts = ["".join(".*" if letter == "*" else re.escape(letter) for letter in glob) for glob in globs]
    whole = re.compile("|".join(f"(?:{part})" for part in parts) or ".*")
    return lambda tag: whole.fullmatch(tag) is not None
