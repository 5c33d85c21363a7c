"""Every page on PostgreSQL, as the administrator and as a reader, in one look; the other looks and people are those of
SQLite (test_routes.py, test_roles.py)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.browser.filled import Filled, fill, on_postgres
from tests.browser.page import Eyes
from tests.browser.walking import DESK_BY_DAY, PAGES, Case, viewer, walk
from tests.console.rows import Row
from tests.serving import running_server


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    directory = tmp_path_factory.mktemp("filled")
    env = {**on_postgres(directory), "HOLDFAST_ALLOW_PRIVATE_TARGETS": "127.0.0.1/32"}
    with running_server(directory, env=env) as server:
        yield fill(server)


@pytest.mark.walk
@pytest.mark.parametrize("row", PAGES, ids=lambda row: row.path)
def test_full(eyes: Eyes, filled: Filled, row: Row) -> None:
    walk(eyes, filled, Case(row, viewer(row)), (DESK_BY_DAY,))


@pytest.mark.walk
@pytest.mark.parametrize("row", PAGES, ids=lambda row: row.path)
def test_for_a_reader(eyes: Eyes, filled: Filled, row: Row) -> None:
    walk(eyes, filled, Case(row, "reader"), (DESK_BY_DAY,))
