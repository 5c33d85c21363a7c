"""The walk through every page: which, for whom, in which state, at which width and in which theme.

A row of `tests/console/rows.py` that has an example is walked; nothing is to be added here for a new page.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import NamedTuple

from playwright.sync_api import Page
from tests.browser.filled import EMPTY, EMPTY_NAMESPACE, NAMESPACE, OTHER, ROLES, Filled
from tests.browser.page import COLOURS, HEIGHTS, NARROW, WIDE, Eyes, Theme, checked, loaded
from tests.console.rows import ROWS, Row

FIRST_LOAD = 60_000
"""Bytes, compressed, of a page and of everything that it loads."""
Look = tuple[int, Theme]
DESK_BY_DAY: Look = (WIDE, "light")
DESK_BY_NIGHT: Look = (WIDE, "dark")
PHONE_BY_DAY: Look = (NARROW, "light")
PHONE_BY_NIGHT: Look = (NARROW, "dark")
OPPOSITES = (DESK_BY_DAY, PHONE_BY_NIGHT)
LOOKS = (DESK_BY_DAY, DESK_BY_NIGHT, PHONE_BY_DAY, PHONE_BY_NIGHT)
# Pages that look another way than their example does, once something is done.
BESIDE = (
    Row(
        "GET",
        "/r/{repository:name}/-/changes/{change} ended",
        "administrator",
        f"/r/{OTHER}/-/changes/{{changed}}",
    ),
)
PAGES = (*(row for row in ROWS if row.method == "GET" and row.example), *BESIDE)
_LEAST_FIRST = ("nobody", *reversed(ROLES[1:]))
_PARAMETER = re.compile(r"\{(\w+)(?::\w+)?\}")
_NOWHERE = {"digest": "sha256:" + "0" * 64, "id": "999999999", "repository": f"{NAMESPACE}/none", "namespace": "none"}
_EMPTY = {"repository": EMPTY, "namespace": EMPTY_NAMESPACE}


EMPTY_PAGES = tuple(row for row in PAGES if set(_PARAMETER.findall(row.path)) <= set(_EMPTY))


class Case(NamedTuple):
    """A page for somebody. `state`: full, empty or error."""

    row: Row
    role: str
    state: str = "full"

    @property
    def name(self) -> str:
        """What pictures of it are called."""
        return "-".join((self.row.path.strip("/") or "home", self.state, self.role))


def viewer(row: Row) -> str:
    """The role that sees a page in full: who is signed in sees no sign-in page."""
    return "nobody" if row.path.startswith("/sign-in") else "administrator"


def parameters(row: Row) -> list[str]:
    """The names in a row's path."""
    return _PARAMETER.findall(row.path)


def address(case: Case, filled: Filled) -> str:
    """Where a case is looked at. An empty state is only of what names nothing, or a repository or namespace."""
    row, names = case.row, parameters(case.row)
    if case.state == "full":
        return row.example.format_map(filled.names) if "{" in row.example else row.example
    if case.state == "error":
        if names:
            return _PARAMETER.sub(lambda found: _NOWHERE.get(found[1], "none"), row.path)
        return f"{row.path}?sort=nothing&limit=7&after=%7Bnot-a-cursor"
    if not names:
        return row.path
    return _PARAMETER.sub(lambda found: _EMPTY[found[1]], row.path)


def may_see(case: Case) -> bool:
    """Whether the role is one that is shown the page."""
    return ("" if case.role == "nobody" else case.role) in case.row.people


def looks_of(row: Row) -> tuple[Look, tuple[Look, ...]]:
    """In which way a page is looked at in every run of the tests, by turns at a desk and on a phone; and in which ways
    besides."""
    first = OPPOSITES[PAGES.index(row) % 2]
    return first, tuple(look for look in LOOKS if look != first)


def roles_beside(row: Row) -> list[str]:
    """Whom a page is shown to besides the administrator: who may do least of those that see it, and a stranger."""
    seen = [role for role in _LEAST_FIRST if ("" if role == "nobody" else role) in row.people]
    return list(dict.fromkeys([*seen[:1], "stranger"]))


def walk(eyes: Eyes, filled: Filled, case: Case, looks: tuple[Look, ...]) -> Page:
    """Look at a page in each of these ways; the page comes back in the last one. Fails with what is wrong."""
    where = address(case, filled)
    width, theme = looks[0]
    if case.role == "nobody":
        page = eyes.anonymous(width, theme)
    else:
        page = eyes.signed_in(filled.server, filled.people[case.role], width, theme)
    answer = page.goto(filled.server.url + where)
    assert answer is not None
    if case.state == "full" and may_see(case):
        assert answer.status < 400, f"{where} for {case.role}: {answer.status}"
    assert answer.status < 500, f"{where} for {case.role}: {answer.status}"
    bytes_loaded = loaded(page)
    checked(page, case.name)
    assert sum(bytes_loaded.values()) <= FIRST_LOAD, f"{where} loads {bytes_loaded}"
    for before, after in pairwise(looks):
        if before[1] != after[1]:
            page.emulate_media(color_scheme=after[1])
        if before[0] == after[0]:  # the same page in other colours
            checked(page, case.name, rules=COLOURS)
            continue
        page.set_viewport_size({"width": after[0], "height": HEIGHTS[after[0]]})
        page.reload()
        checked(page, case.name)
    return page
