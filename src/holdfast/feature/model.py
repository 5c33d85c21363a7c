"""The record of a feature: everything that it adds to the core, and nothing that the core knows of it.

A feature is a package of its own above this floor, and one line in `app/features.py`. The core meets it here alone:

- **Schedule**: jobs that come regularly, and the tasks of its kinds of job;
- **Handler**: is told of what was committed, in order, by the journal; of what was used, by the feed of use;
- its own routes below `/api/v1`, and its own settings of namespaces;
- its own pages, and **Panels**: boxes, columns, tabs and entries of the menu on the core's pages (web/slots.py).

Its verbs of the command line stand in `cli/` with all others: they speak HTTP to whichever registry one is logged in
to. A **Gate** (may veto a push or a pull) and a **Source** (may supply missing content) become fields of the record
with the first feature that has one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

from holdfast.access.keys.keychain import Keychain
from holdfast.access.master import MasterKey
from holdfast.access.service import Access
from holdfast.access.usage.feed import FedUse
from holdfast.api.routing import Routes
from holdfast.db.port import Database, Unit
from holdfast.jobs.run import Task
from holdfast.jobs.schedule import Schedule
from holdfast.journal.chain import SealedRow
from holdfast.journal.model import ChangeKind
from holdfast.registry.effective.kinds import SettingKind
from holdfast.registry.objects import Objects
from holdfast.registry.settings import RegistrySettings
from holdfast.remote.outbound import Outbound
from holdfast.telemetry.meters import Meters
from holdfast.web.frame import Frame
from holdfast.web.site import Route as PageRoute
from holdfast.web.slots import Added


@dataclass(frozen=True, slots=True, kw_only=True)
class Working:
    """What the tasks of a feature work with beside their run, in a process that runs jobs. See `Serving`."""

    objects: Objects
    settings: RegistrySettings
    master: MasterKey
    targets: Outbound
    public: str
    meters: Meters = field(default_factory=Meters)


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """What the routes of a feature work with, in a process that serves. `keys`: of people and robots; `master` wraps
    keys; `targets` asks the hosts that people stored, as far as they may be asked; `public`: the URL that clients reach
    the registry at; `meters`: what the process counts."""

    db: Database
    access: Access
    keys: Keychain
    objects: Objects
    settings: RegistrySettings
    master: MasterKey
    targets: Outbound
    public: str
    meters: Meters = field(default_factory=Meters)


@dataclass(frozen=True, slots=True, kw_only=True)
class Handler:
    """Is told of changes of these kinds, in the order in which they were sealed, soon after their commit.

    `handle` gets some of them, oldest first, and writes in the unit that also remembers that it was told; when it
    raises, it is told the same again. `name` is never given another meaning: it stands in the database."""

    name: str
    kinds: frozenset[ChangeKind]
    handle: Callable[[Unit, Sequence[SealedRow]], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class UseHandler:
    """Is told of what was used, soon after it was, in the order in which it was stored.

    `handle` gets some uses, oldest first, and writes in the unit that also remembers that it was told; when it raises,
    it is told the same again. `name` is never given another meaning: it stands in the database."""

    name: str
    handle: Callable[[Unit, Sequence[FedUse]], Awaitable[None]]


class Pages(NamedTuple):
    """What a feature shows to people. `routes`: its own pages; `added`: what it adds to the core's; `templates`: the
    package that has the folder with its templates, '' none."""

    routes: Sequence[PageRoute] = ()
    added: Added = Added()
    templates: str = ""


def _no_tasks(_working: Working) -> Mapping[str, Task]:
    return MappingProxyType({})


def _no_routes(_serving: Serving) -> Sequence[Routes]:
    return ()


def _no_pages(_serving: Serving, _frame: Frame) -> Pages:
    return Pages()


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """One feature. `tasks`, `routes` and `pages` are made once in each process; the last two may load what only serving
    needs."""

    name: str
    settings: tuple[SettingKind, ...] = ()
    schedules: tuple[Schedule, ...] = ()
    handlers: tuple[Handler, ...] = ()
    uses: tuple[UseHandler, ...] = ()
    tasks: Callable[[Working], Mapping[str, Task]] = _no_tasks
    routes: Callable[[Serving], Sequence[Routes]] = _no_routes
    pages: Callable[[Serving, Frame], Pages] = _no_pages
