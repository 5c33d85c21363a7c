"""The shape of a workload, and the stage on which one server is prepared for it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import TypeVar, cast

from bench.connection import Connection
from bench.content import Layers
from bench.load import Job
from bench.server import Kind, Server

T = TypeVar("T")

REGISTRIES = frozenset({Kind.HOLDFAST, Kind.DISTRIBUTION, Kind.ZOT})
EVERYONE = REGISTRIES | {Kind.STATIC}
OURS = frozenset({Kind.HOLDFAST})


class Unsupported(Exception):
    """The server has no such thing; the text says what it answered."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How large the large things are, and what makes this run's content its own."""

    tags: int = 100_000
    """tags of the most crowded repository"""
    run: str = ""
    """stands in what is pushed, so that no push meets the bytes of an earlier run"""


@dataclass
class Stage:
    """One running server, what has been put on it, and remarks for the table."""

    server: Server
    scale: Scale
    notes: dict[str, str] = field(default_factory=dict)
    _made: dict[str, object] = field(default_factory=dict)

    def once(self, key: str, make: Callable[["Stage"], T]) -> T:
        """What `make` puts on this server, made the first time only."""
        if key not in self._made:
            self._made[key] = make(self)
        return cast(T, self._made[key])

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        connection = self.server.connect()
        try:
            yield connection
        finally:
            connection.close()


@dataclass(frozen=True, slots=True)
class Workload:
    """One row of the table; `prepare` runs once per server and may raise `Unsupported`."""

    name: str
    title: str
    prepare: Callable[[Stage], Job]
    clients: int = 4
    kinds: frozenset[Kind] = REGISTRIES
    writes: bool = False
    """the disk's queue is emptied before each slice"""
    single: bool = False
    """one operation a slice, and half the rounds: it takes longer than a slice should"""
    basic: bool = False
    """also run on holdfast with credentials"""


@cache
def layers(size: int) -> Layers:
    """The maker of layers of that size, whose common part is hashed once per run."""
    return Layers(size)
