"""Every page as the administrator sees it on a filled registry: at a desk by day or on a phone by night, by turns; and,
slowly, in every other way, at 400 %, empty, and refused."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.browser.filled import Filled, fill
from tests.browser.page import HEIGHTS, ZOOMED, Eyes, checked
from tests.browser.walking import EMPTY_PAGES, OPPOSITES, PAGES, Case, looks_of, parameters, viewer, walk
from tests.console.rows import Row
from tests.serving import running_server

ENV = {"HOLDFAST_ALLOW_PRIVATE_TARGETS": "127.0.0.1/32"}


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    with running_server(tmp_path_factory.mktemp("filled"), env=ENV) as server:
        yield fill(server)


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    """A registry in which nobody did anything yet."""
    with running_server(tmp_path_factory.mktemp("bare"), env=ENV) as server:
        yield Filled(server, {"administrator": server.admin})


@pytest.mark.parametrize("row", PAGES, ids=lambda row: row.path)
def test_full(eyes: Eyes, filled: Filled, row: Row) -> None:
    walk(eyes, filled, Case(row, viewer(row)), looks_of(row)[:1])


@pytest.mark.walk
@pytest.mark.parametrize("row", PAGES, ids=lambda row: row.path)
def test_full_in_every_other_way(eyes: Eyes, filled: Filled, row: Row) -> None:
    page = walk(eyes, filled, Case(row, viewer(row)), looks_of(row)[1])
    page.set_viewport_size({"width": ZOOMED, "height": HEIGHTS[ZOOMED]})
    page.reload()
    checked(page, Case(row, viewer(row), "zoomed").name, axe=False)


@pytest.mark.walk
@pytest.mark.parametrize("row", EMPTY_PAGES, ids=lambda row: row.path)
def test_empty(eyes: Eyes, filled: Filled, bare: Filled, row: Row) -> None:
    """What names nothing is looked at on a registry that is empty; the rest at an empty repository."""
    walk(eyes, filled if parameters(row) else bare, Case(row, viewer(row), "empty"), OPPOSITES)


@pytest.mark.walk
@pytest.mark.parametrize("row", PAGES, ids=lambda row: row.path)
def test_error(eyes: Eyes, filled: Filled, row: Row) -> None:
    walk(eyes, filled, Case(row, viewer(row), "error"), looks_of(row)[:1])
