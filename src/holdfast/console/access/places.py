"""What every page of access has: the place that it is about, the way to it, and who governs it."""

from __future__ import annotations

from typing import Any

from holdfast.access.errors import Denied, Unknown
from holdfast.access.grants.sight import knows, manages_path
from holdfast.console.where import Where
from holdfast.web.caller import Caller
from holdfast.web.frame import Crumb, Frame
from holdfast.web.visit import Visit

VIEWS = {
    "": "Grants",
    "robots": "Robots and keys",
    "federation": "Federation",
    "requests": "Requests",
    "invitations": "Invitations",
}


def seen_place(caller: Caller, visit: Visit) -> Where:
    """The repository or namespace of a visit, if the caller may be told of it. Raises `Unknown`."""
    where = Where.of(visit)
    if not knows(caller.at(where.path), where.path, whole=where.whole):
        raise Unknown(f"there is no {where.path[:128]!r} in your sight")
    return where


def namespace_of(where: Where) -> str:
    """The namespace whose machines a place has."""
    above = where.path.rpartition("/")[0]
    return above if not where.whole and above else where.path


def place_values(frame: Frame, visit: Visit, where: Where, view: str, *more: Crumb) -> dict[str, Any]:
    """What every page of access has: the place, the way to it, its tabs, and its views."""
    access = Crumb("Access", where.at("access"))
    return {
        "where": where,
        "crumbs": frame.crumbs(where.scope, where.path, access, *more),
        "tabs": frame.tabs(visit, where.scope, where.path, "access"),
        "view": view,
        "views": [(key, title, where.at("access") + (f"/{key}" if key else "")) for key, title in VIEWS.items()],
    }


def governed(caller: Caller, where: Where) -> Where:
    """The place, if the caller manages access on all of it. Raises `Denied`."""
    if not manages_path(caller.at(where.path), where.path, whole=where.whole):
        raise Denied(
            f"this needs 'manage-access' on the whole of {where.path}", action="manage-access", repository=where.path
        )
    return where


def number(text: str) -> int:
    """A number of the address. Raises `Unknown`."""
    if not text:
        return 0
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise Unknown(f"there is no {text[:32]!r} in your sight")
    return int(text)
