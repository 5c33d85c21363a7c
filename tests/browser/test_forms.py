"""A form that is refused, as who works by keyboard or by ear meets it; every form without a browser is in
tests/console/test_forms.py."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect
from tests.browser.page import Eyes, checked
from tests.serving import Server, running_server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("forms")) as running:
        yield running


@pytest.mark.parametrize(
    ("path", "label", "press"),
    [("/n/-/new", "Name", "Make the repository"), ("/me/keys", "Name", "Make the key")],
)
def test_the_summary_takes_the_focus_and_the_field_is_described(
    eyes: Eyes, server: Server, path: str, label: str, press: str
) -> None:
    page = eyes.signed_in(server, server.admin)
    page.goto(server.url + path)
    page.get_by_role("main").get_by_label(label, exact=True).fill("Not A Name!")
    page.get_by_role("button", name=press).click()
    summary = page.get_by_role("main").get_by_role("alert")
    expect(summary).to_be_focused()
    field = page.get_by_role("main").get_by_label(label, exact=True)
    expect(field).to_have_value("Not A Name!")
    expect(field).to_have_attribute("aria-invalid", "true")
    described = str(field.get_attribute("aria-describedby")).split()[-1]
    assert page.locator(f"#{described}").inner_text() == summary.inner_text().strip()
    checked(page)
