"""What features add to pages: boxes in named slots, columns of the table of tags, tabs, and entries of the menu.

Promises: a box that fails or takes longer than `PATIENCE` says so in its own place, and the page stands; where a
feature is absent there is no trace of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from holdfast.access.model import PathPermit
from holdfast.telemetry.events import Events
from holdfast.web.caller import Caller

PATIENCE = 2.0
"""Seconds that a box may take."""


class Slot(StrEnum):
    """Where boxes stand."""

    ATTENTION = "home.attention"
    HOME = "home.panel"
    REPOSITORY = "repo.panel"
    ARTIFACT = "artifact.panel"
    COMPARE = "compare.section"
    SETTINGS = "settings.section"


class About(NamedTuple):
    """What the page is about: '' what it is not about. `path`: a repository or namespace; `digest`, `tag`: of an
    artifact; `other`: the digest that it is compared with."""

    path: str = ""
    tag: str = ""
    digest: str = ""
    other: str = ""


class Panel(NamedTuple):
    """A box. `draw` gives the template and its values, None: there is nothing to say, and no box."""

    slot: Slot
    title: str
    draw: Callable[[Caller, About], Awaitable[tuple[str, Mapping[str, object]] | None]]


class Cell(NamedTuple):
    """What a column says of one row. `kind`: '' or ok, warn, bad; `values`: numbers over time, drawn as a small line
    beside the text, none: no line."""

    text: str
    title: str = ""
    kind: str = ""
    href: str = ""
    values: Sequence[float] = ()


class Ordered(NamedTuple):
    """Names in the order of a column, and where to go on in both directions, None: there is no more."""

    names: list[str]
    next: str | None
    previous: str | None


class Column(NamedTuple):
    """A column of the table of tags, or of that of repositories. `cells`: what it says of each of these tags of a
    repository (or of these repositories, then the path is ''), asked once for a page of them; `order`: the names of a
    repository's tags by it (descending or not, after or before a cursor, at most so many), None: one cannot sort by
    it; `kind`: as of web/listing.py: `number` stands right."""

    key: str
    title: str
    cells: Callable[[Caller, str, Sequence[str]], Awaitable[Mapping[str, Cell]]]
    order: Callable[[PathPermit, str, bool, str, str, int], Awaitable[Ordered]] | None = None
    kind: str = ""


class Tab(NamedTuple):
    """A tab of repositories ('r'), namespaces ('n') or both ('rn'), at `suffix` below `/-/`. `seen`: whether it is
    there for somebody at a path."""

    key: str
    title: str
    suffix: str
    scopes: str = "rn"
    rank: int = 50
    seen: Callable[[PathPermit, str], bool] = lambda permit, path: True


class NavItem(NamedTuple):
    """An entry of the menu. `seen`: whether it is there for somebody."""

    key: str
    title: str
    href: str
    icon: str
    rank: int = 50
    seen: Callable[[PathPermit], bool] = lambda permit: True


class Drawn(NamedTuple):
    """A box as the page shows it. `html` is markup; '' with `failed`: what to say instead."""

    title: str
    html: str
    failed: str = ""


class Added(NamedTuple):
    """All that features add. `columns`: to the table of tags; `repository_columns`: to that of repositories."""

    panels: tuple[Panel, ...] = ()
    columns: tuple[Column, ...] = ()
    repository_columns: tuple[Column, ...] = ()
    tabs: tuple[Tab, ...] = ()
    nav: tuple[NavItem, ...] = ()


async def draw(  # noqa: PLR0917 - what a drawing needs
    panels: Sequence[Panel],
    slot: Slot,
    caller: Caller,
    about: About,
    render: Callable[[str, Mapping[str, object]], str],
    events: Events,
) -> list[Drawn]:
    """The boxes of a slot, drawn side by side."""

    async def one(panel: Panel) -> Drawn | None:
        try:
            async with asyncio.timeout(PATIENCE):
                found = await panel.draw(caller, about)
            return None if found is None else Drawn(panel.title, render(*found))
        except TimeoutError:
            return Drawn(panel.title, "", "This takes longer than usual. Reload the page to try again.")
        except Exception as error:  # a feature's trouble is not the page's
            events.error("panel failed", request=caller.origin.request, panel=panel.title, exc_info=error)
            return Drawn(panel.title, "", "This could not be read. The rest of the page is whole.")

    drawn = await asyncio.gather(*(one(panel) for panel in panels if panel.slot is slot))
    return [each for each in drawn if each is not None]
