"""What the pages of lists have in common: the registry as clients reach it, and why somebody may not do something."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

from holdfast.access.policy.model import Action
from holdfast.console.commands import Registry
from holdfast.web.caller import Caller
from holdfast.web.charts.plots import sparkline
from holdfast.web.frame import Frame
from holdfast.web.slots import Column
from holdfast.web.visit import Visit


class Shown(NamedTuple):
    """What a column says of one row; `line`: the picture of its values, '' none."""

    text: str
    title: str
    kind: str
    href: str
    line: Markup


async def cells_of(
    columns: Sequence[Column], caller: Caller, repository: str, names: Sequence[str]
) -> dict[str, dict[str, Shown]]:
    """What features say of the rows of a page: key of the column -> name -> what it says."""
    found: dict[str, dict[str, Shown]] = {}
    for column in columns:
        said = await column.cells(caller, repository, names) if names else {}
        found[column.key] = {
            name: Shown(
                cell.text,
                cell.title,
                cell.kind,
                cell.href,
                sparkline(cell.values, cell.title or cell.text) if cell.values else Markup(""),
            )
            for name, cell in said.items()
        }
    return found


def registry_of(frame: Frame, visit: Visit) -> Registry:
    """The registry as the clients of who asks reach it."""
    return Registry.at(frame.place, visit.session.name if visit.session is not None else "")


def suggested(caller: Caller, path: str) -> str:
    """The repository of the commands that push something first: inside `path`, or where the caller may push."""
    if path:
        return f"{path}/app"
    if not why_not(caller, Action.CREATE_TAG, "team/app"):
        return "team/app"
    homes = caller.at("").rights.shown(caller.at("").here).prefixes() or ()
    for home in homes:
        if home and not why_not(caller, Action.CREATE_TAG, f"{home}/app"):
            return f"{home}/app"
    return "team/app"


def why_not(caller: Caller, action: Action, repository: str) -> str:
    """Why the caller may do that at no tag of a repository; '' he may at some."""
    rights = caller.at(repository).tags(action, repository)
    return str(rights.refuse()) if rights.nothing else ""
