"""Odd and big: 127 layers, 40 platforms, very many referrers, the longest names and deep namespaces cost a page no more
than any other: bytes as they are sent, and statements."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import apsw
import pytest
from tests.browser.filled import LONG_TAG, LONGEST, NAMESPACE, Pusher, fill, push_image
from tests.browsing import Browser
from tests.console.test_budgets import asked
from tests.console.test_routes import PRIVATE
from tests.management.api import Asker
from tests.serving import Server, running_server
from tests.wire.content import referrer

from holdfast.app.build import build
from holdfast.app.config import Settings
from holdfast.app.datadir import DataDirectory

PAGE = 16_000
STATEMENTS = 12 + 5
MORE = 23 + 5
"""Of the pages of a repository and of its tags, whose services prove the permit each by itself."""
APP, LONG, BUSY = "/r/team/app/-", f"/r/{NAMESPACE}/{LONGEST}", "/r/wide/busy/-/tags/v1"
DEEP = "/".join([NAMESPACE, *"abcdefghijklmnopqrstuvwxyz"])
PATHS = (
    f"{APP}/tags/layered",
    f"{APP}/tags/layered?view=config",
    f"{APP}/tags/layered?view=raw",
    f"{APP}/tags/multi",
    f"{APP}/tags/multi?view=referrers",
    f"{APP}/compare?a=layered&b=v1.10",
    f"{APP}/compare?a=multi&b=multi",
    f"{APP}/tags/{LONG_TAG}",
    f"{APP}/tags/{LONG_TAG}/delete",
    LONG,
    f"{LONG}/-/tags",
    f"{LONG}/-/history",
    f"{LONG}/-/settings",
    f"/n/{NAMESPACE}/{LONGEST.rpartition('/')[0]}",
    f"/r/{DEEP}",
    f"/r/{DEEP}/-/tags/v1",
    f"/n/{DEEP.rpartition('/')[0]}",
    f"/n/{DEEP.rpartition('/')[0]}/-/access",
    BUSY,
    f"{BUSY}?view=referrers",
    f"{BUSY}/delete",
)


class Cost(NamedTuple):
    """Of a page."""

    status: int
    sent: int
    statements: list[str]


def lay(server: Server, referrers: int) -> str:
    """Fill it; the cookies of an administrator."""
    fill(server)
    admin = Asker.named(server, server.admin.username, server.admin.password)
    try:
        push_image(Pusher(admin.connection, DEEP), "v1")
        pusher = Pusher(admin.connection, "wide/busy")
        pusher.blob(b"{}")
        subject = push_image(pusher, "v1", layers=1)
        for number in range(referrers):
            kind = "application/spdx+json" if number % 3 else "application/vnd.example.note+json"
            pusher.manifest(referrer(subject, artifactType=kind, annotations={"n": str(number)}))
    finally:
        admin.close()
    browser = Browser()
    page = browser.get(f"{server.url}/sign-in")
    browser.submit(page, "/sign-in", name=server.admin.username, password=server.admin.password)
    return "; ".join(f"{name}={value}" for name, value in browser.cookies["127.0.0.1"].items())


async def measured(data: Path, cookie: str) -> dict[str, Cost]:
    """Ask every page in this process, and look at what the database is asked."""
    said: list[str] = []

    def note(_cursor: object, statement: str, _bindings: object) -> bool:
        said.append(statement)
        return True

    def watch(connection: apsw.Connection) -> None:
        connection.exec_trace = note

    apsw.connection_hooks.append(watch)
    try:
        services = await build(Settings(data=data), DataDirectory(data))
    finally:
        apsw.connection_hooks.remove(watch)
    try:
        found = {}
        for path in PATHS:
            await asked(services.rooms, path, cookie)  # what is remembered is remembered
            said.clear()
            status, body = await asked(services.rooms, path, cookie)
            brackets = ("begin", "commit", "rollback", "savepoint", "release")
            found[path] = Cost(status, len(body), [each for each in said if not each.lower().startswith(brackets)])
        return found
    finally:
        await services.close()


@pytest.fixture(
    scope="module",
    params=[pytest.param(300, id="300 referrers"), pytest.param(10_000, id="10000 referrers", marks=pytest.mark.walk)],
)
def costs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Cost]]:
    """What each page costs an administrator."""
    with running_server(tmp_path_factory.mktemp("big"), env=PRIVATE) as server:
        cookie = lay(server, request.param)
        server.stop()
        yield asyncio.run(measured(server.data, cookie))


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path if len(path) < 60 else f"{path[:30]}...{path[-20:]}")
def test_a_page_costs_no_more(
    costs: dict[str, Cost], path: str, record_property: Callable[[str, object], None]
) -> None:
    cost = costs[path]
    record_property("page", f"{path[:80]}: {cost.sent} bytes, {len(cost.statements)} statements")
    assert cost.status == 200
    assert cost.sent <= PAGE
    most = MORE if path in (LONG, f"{LONG}/-/tags", f"/r/{DEEP}") else STATEMENTS
    assert len(cost.statements) <= most, "\n".join(cost.statements)
