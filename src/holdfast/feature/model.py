"""The record of a feature: everything that it adds to the core, and nothing that the core knows of it.

A feature is a package of its own above this floor, and one line in `app/features.py`. The core meets it here alone:

- **Schedule**: jobs that come regularly, and the tasks of its kinds of job;
- **Handler**: is told of what was committed, in order, at least once, by the journal;
- its own routes below `/api/v1`, and its own settings of namespaces.

Its verbs of the command line stand in `cli/` with all others: they speak HTTP to whichever registry one is logged in
to. A **Gate** (may veto a push or a pull), a **Source** (may supply missing content) and a **Panel** (a box on a core
page) become fields of the record with the first feature that has one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from holdfast.access.service import Access
from holdfast.api.routing import Routes
from holdfast.db.port import Database, Unit
from holdfast.jobs.run import Task
from holdfast.jobs.schedule import Schedule
from holdfast.journal.chain import SealedRow
from holdfast.journal.model import ChangeKind
from holdfast.registry.effective.kinds import SettingKind
from holdfast.registry.objects import Objects
from holdfast.registry.settings import RegistrySettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Working:
    """What the tasks of a feature work with beside their run, in a process that runs jobs."""

    objects: Objects
    settings: RegistrySettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """What the routes of a feature work with, in a process that serves."""

    db: Database
    access: Access
    objects: Objects
    settings: RegistrySettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Handler:
    """Is told of changes of these kinds, in the order in which they were sealed, soon after their commit.

    `handle` gets some of them, oldest first, and writes in the unit that also remembers that it was told; when it
    raises, it is told the same again. `name` is never given another meaning: it stands in the database."""

    name: str
    kinds: frozenset[ChangeKind]
    handle: Callable[[Unit, Sequence[SealedRow]], Awaitable[None]]


def _no_tasks(_working: Working) -> Mapping[str, Task]:
    return MappingProxyType({})


def _no_routes(_serving: Serving) -> Sequence[Routes]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """One feature. `tasks` and `routes` are made once in each process; `routes` may load what only serving needs."""

    name: str
    settings: tuple[SettingKind, ...] = ()
    schedules: tuple[Schedule, ...] = ()
    handlers: tuple[Handler, ...] = ()
    tasks: Callable[[Working], Mapping[str, Task]] = _no_tasks
    routes: Callable[[Serving], Sequence[Routes]] = _no_routes
