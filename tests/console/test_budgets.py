"""What a page costs: bytes as they are sent, and statements, of every page that a row of the table shows."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable, Iterator, MutableMapping
from pathlib import Path
from typing import Any, NamedTuple

import apsw
import pytest
from tests.browser.filled import fill
from tests.browsing import Browser
from tests.console.rows import ROWS, Row
from tests.console.test_routes import PRIVATE
from tests.serving import running_server

from holdfast.app.build import build
from holdfast.app.config import Settings
from holdfast.app.datadir import DataDirectory
from holdfast.web.assets import Assets

PAGE, FIRST = 16_000, 60_000
"""Compressed bytes of a page, and of a page with all that it loads."""
STATEMENTS = 12
FRAME = 4
"""Statements of the frame: the session, the rights behind it (as of now), how the person likes pages, and how many of
his jobs run."""
MORE = [Row("GET", "/search", "everyone", "/search?q=what-nothing-is-called")]
LOOKED_AT = [*(row for row in ROWS if row.method == "GET" and row.example), *MORE]


class Cost(NamedTuple):
    """Of one page."""

    status: int
    sent: int
    statements: list[str]


class Laid(NamedTuple):
    """A filled registry that is not served any more."""

    data: Path
    names: dict[str, str]
    cookie: str


@pytest.fixture(scope="module")
def costs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[Row, Cost]]:
    """What each page costs an administrator."""
    with running_server(tmp_path_factory.mktemp("budgets"), env=PRIVATE) as server:
        filled = fill(server)
        browser = Browser()
        page = browser.get(f"{server.url}/sign-in")
        browser.submit(page, "/sign-in", name=server.admin.username, password=server.admin.password)
        cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies["127.0.0.1"].items())
        server.stop()
        yield asyncio.run(measured(Laid(server.data, filled.names, cookie)))


async def measured(laid: Laid) -> dict[Row, Cost]:
    """Ask every page in this process, and look at what the database is asked."""
    said: list[str] = []

    def note(_cursor: object, statement: str, _bindings: object) -> bool:
        said.append(statement)
        return True

    def watch(connection: apsw.Connection) -> None:
        connection.exec_trace = note

    apsw.connection_hooks.append(watch)
    try:
        services = await build(Settings(data=laid.data), DataDirectory(laid.data))
    finally:
        apsw.connection_hooks.remove(watch)
    try:
        found = {}
        await asked(services.rooms, "/me", laid.cookie)  # once a minute it is noted that a session is used
        for row in LOOKED_AT:
            path = row.example.format(**laid.names)
            await asked(services.rooms, path, laid.cookie)  # what is remembered is remembered
            said.clear()
            status, body = await asked(services.rooms, path, laid.cookie)
            found[row] = Cost(status, len(body), [each for each in said if not _bracket(each)])
        return found
    finally:
        await services.close()


def _bracket(statement: str) -> bool:
    """Whether a statement only opens or closes a snapshot."""
    return statement.split(maxsplit=1)[0].lower() in {"begin", "commit", "rollback", "savepoint", "release"}


async def asked(rooms: Any, path: str, cookie: str) -> tuple[int, bytes]:
    """A request of the page, as a browser that is signed in sends it; the body as it is sent."""
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    headers = {"host": "127.0.0.1", "cookie": cookie, "accept-encoding": "gzip"}
    where, _, query = path.partition("?")
    scope = {
        "type": "http",
        "method": "GET",
        "path": where,
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "http_version": "1.1",
        "scheme": "http",
        "client": ("127.0.0.1", 1),
    }
    room: Callable[..., Any] = rooms[where.split("/")[1]]
    await room(scope, receive, send)
    return sent[0]["status"], b"".join(each.get("body", b"") for each in sent[1:])


@pytest.mark.parametrize("row", LOOKED_AT, ids=lambda row: row.path)
def test_a_page_is_small_and_asks_little(
    costs: dict[Row, Cost], row: Row, record_property: Callable[[str, object], None]
) -> None:
    cost = costs[row]
    record_property("page", f"{row.path}: {cost.sent} bytes, {len(cost.statements)} statements")
    assert cost.status < 400
    assert cost.sent <= PAGE
    assert len(cost.statements) <= STATEMENTS + FRAME, "\n".join(cost.statements)


def test_a_first_visit_is_small(costs: dict[Row, Cost]) -> None:
    assets = Assets()
    loaded = [assets.style, assets.script, assets.sprite, assets.icon, assets.fragments]
    sizes = sum(len(gzip.compress(asset.body, 5)) for asset in loaded if asset is not None)
    assert sizes + max(cost.sent for cost in costs.values()) <= FIRST
