"""Every page for who may do least of those that see it, and for a stranger, who is refused by a right page."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.browser.filled import Filled, fill
from tests.browser.page import Eyes
from tests.browser.walking import PAGES, PHONE_BY_NIGHT, Case, roles_beside, walk
from tests.console.rows import Row
from tests.serving import running_server


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    env = {"HOLDFAST_ALLOW_PRIVATE_TARGETS": "127.0.0.1/32"}
    with running_server(tmp_path_factory.mktemp("filled"), env=env) as server:
        yield fill(server)


@pytest.mark.walk
@pytest.mark.parametrize(
    ("row", "role"),
    [pytest.param(row, role, id=f"{row.path}-{role}") for row in PAGES for role in roles_beside(row)],
)
def test_for(eyes: Eyes, filled: Filled, row: Row, role: str) -> None:
    walk(eyes, filled, Case(row, role), (PHONE_BY_NIGHT,))
