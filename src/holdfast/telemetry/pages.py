"""The numbers of every process of a server, in memory that they share.

A `Book` is made by the supervisor before it forks. Each process claims a `Page` of it and is the only one that writes
there; whoever answers a scrape reads all pages. A page is an array of whole numbers and, after it, a text that names
them, which only grows.

Promises: a number that was counted is seen by every process at once, and is not lost by a kill; a process that comes
after another one takes its page and counts on, so that counters never go back and memory is bounded; nothing is left
behind on a disk. A page that is full counts what finds no room, and nothing else happens.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import struct
import weakref
from enum import IntEnum
from typing import NamedTuple

from holdfast.telemetry.family import Family, Kind

SLOTS = 16_384
"""Numbers that a page may have."""
_TEXT = 1 << 21
_VALUES = SLOTS * 8
_SIZE = _VALUES + _TEXT
_USED, _LENGTH, _OWNER, _REFUSED, _ROLE, _FIRST = 0, 1, 2, 3, 5, 8
_LOCK = "hhqqi4x"  # struct flock of 64-bit Linux
_SINK = 4  # numbers that found no room go here


class Role(IntEnum):
    """What a process of a server does."""

    SERVE = 0
    JOBS = 1


class Series(NamedTuple):
    """One number: its family, its labels' values, and for histograms which of its parts."""

    family: str
    values: tuple[str, ...]
    part: str = ""


class Reading(NamedTuple):
    """A page as somebody else sees it. `owner`: the process that writes it, 0: it has ended. `refused`: how often a
    number found no room. `name`: of the process, the same for who takes its page."""

    families: dict[str, Family]
    series: dict[Series, int]
    owner: int
    refused: int
    name: str = ""


class Page:
    """The numbers of one process. `values[slot]` may be changed by its owner only, and one slot by one thread only."""

    def __init__(self, memory: memoryview) -> None:
        self.values = memory[:_VALUES].cast("q")
        self._text = memory[_VALUES:]
        self._names = Names()
        if not self.values[_USED]:
            self.values[_USED] = _FIRST

    @staticmethod
    def alone() -> Page:
        """A page that is nobody else's."""
        return Page(memoryview(bytearray(_SIZE)))

    def take(self, role: Role) -> None:
        """Become the owner: what was of the moment of another one is 0 again."""
        self._read()
        self.values[_USED] = _FIRST + len(self._names.slots)  # a kill between the name of a number and its place
        for series, slot in self._names.slots.items():
            if self._names.families[series.family].kind in (Kind.GAUGE, Kind.PEAK):
                self.values[slot] = 0
        self.values[_ROLE] = role
        self.values[_OWNER] = os.getpid()

    def declare(self, family: Family) -> None:
        """Let the family be known, also while it has no numbers."""
        if family.name not in self._names.families:
            self._write("F" + family.line())
            self._names.families.setdefault(family.name, family)

    def slot(self, series: Series) -> int:
        """Where the number of `series` is; its family was declared. Where there is no room: where nobody looks."""
        found = self._names.slots.get(series)
        if found is not None:
            return found
        slot = self.values[_USED]
        if slot >= SLOTS or not self._write("S" + "\t".join((series.family, series.part, *series.values))):
            self.values[_REFUSED] += 1
            return _SINK
        self._names.slots[series] = slot
        self.values[slot] = 0
        self.values[_USED] = slot + 1
        return slot

    def reading(self, names: Names, *, owner: int = 0, at: int = 0) -> Reading:
        """What is in it; `names`: what an earlier reading of this page knew; `at`: its place in the book."""
        names.learn(self._text, self.values[_LENGTH])
        used = self.values[_USED]
        series = {each: self.values[slot] for each, slot in names.slots.items() if slot < used}
        name = f"{Role(self.values[_ROLE]).name.lower()}-{at}"
        return Reading(names.families, series, owner, self.values[_REFUSED], name)

    @property
    def owner(self) -> int:
        """The process that took it last, 0: none yet."""
        return self.values[_OWNER]

    def _read(self) -> None:
        self._names.learn(self._text, self.values[_LENGTH])

    def _write(self, line: str) -> bool:
        data = line.encode() + b"\n"
        at = self.values[_LENGTH]
        if at + len(data) > _TEXT:
            return False
        self._text[at : at + len(data)] = data
        self.values[_LENGTH] = at + len(data)
        self._names.read = at + len(data)
        return True


class Names:
    """What the text of a page says, as far as it was read."""

    def __init__(self) -> None:
        self.families: dict[str, Family] = {}
        self.slots: dict[Series, int] = {}
        self.read = 0

    def learn(self, text: memoryview, length: int) -> None:
        """Read on, to `length`."""
        if length <= self.read:
            return
        for line in bytes(text[self.read : length]).decode().split("\n")[:-1]:
            if line[0] == "F":
                family = Family.read(line[1:])
                self.families[family.name] = family
            else:
                name, part, *values = line[1:].split("\t")
                self.slots[Series(name, tuple(values), part)] = _FIRST + len(self.slots)
        self.read = length


class Book:
    """The pages of a server, in memory without a name. Nothing is closed as long as a process lives: a lock on a part
    of it says that a page has an owner, and the kernel takes it from who dies."""

    def __init__(self, pages: int) -> None:
        self.descriptor = os.memfd_create("holdfast-numbers")
        weakref.finalize(self, os.close, self.descriptor)
        os.ftruncate(self.descriptor, pages * _SIZE)
        self._map = mmap.mmap(self.descriptor, pages * _SIZE)
        memory = memoryview(self._map)
        self._pages = [Page(memory[at * _SIZE : (at + 1) * _SIZE]) for at in range(pages)]
        self._names = [Names() for _ in range(pages)]

    def claim(self, role: Role = Role.SERVE) -> Page:
        """A page for this process: the first that has no living owner, else one that nobody else sees."""
        for at, page in enumerate(self._pages):
            try:
                fcntl.lockf(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, at)
            except OSError:
                continue
            page.take(role)
            return page
        return Page.alone()

    def readings(self) -> list[Reading]:
        """Every page that ever had an owner."""
        return [
            page.reading(names, owner=self._owner(at, page), at=at)
            for at, (page, names) in enumerate(zip(self._pages, self._names, strict=True))
            if page.owner
        ]

    def _owner(self, at: int, page: Page) -> int:
        if page.owner == os.getpid():
            return page.owner  # one's own locks are in nobody's way
        asked = struct.pack(_LOCK, fcntl.F_WRLCK, os.SEEK_SET, at, 1, 0)
        kind = struct.unpack(_LOCK, fcntl.fcntl(self.descriptor, fcntl.F_GETLK, asked))[0]
        return 0 if kind == fcntl.F_UNLCK else page.owner
