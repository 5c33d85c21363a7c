"""A real Chromium, begun for the first test of a file that wants it and ended with the file.

Per file, and not per process: while Playwright runs, the thread that began it cannot run a loop of its own, and the
tests of other files do.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import sync_playwright
from tests.browser.page import Eyes, chromium, flags


@pytest.fixture(scope="module")
def browser_of_file() -> Iterator[Eyes]:
    program = chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=flags())
        try:
            yield Eyes(browser)
        finally:
            browser.close()


@pytest.fixture
def eyes(browser_of_file: Eyes) -> Iterator[Eyes]:
    """The browser of this file, with no page open."""
    yield browser_of_file
    browser_of_file.close_pages()
