"""The page of two artifacts compared: sizes that add up, what people may write for one, and what is offered."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from tests.browser.filled import fill
from tests.console.test_artifact import APP, PRIVATE, Place, data_of, signed_in, texts
from tests.serving import running_server


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with running_server(tmp_path_factory.mktemp("compare"), env=PRIVATE) as server:
        admin = server.admin
        yield Place(fill(server), {"administrator": signed_in(server.url, admin.username, admin.password)})


def test_two_are_compared_and_written_down(place: Place) -> None:
    page = place.get(f"{APP}/compare?a=v1.9&b=v1.10")
    text = " ".join(texts(page).split())
    assert "1 common below" in text
    delta = data_of(page.text.partition("B against A")[2])[0]
    sizes = data_of(page.text.partition('class="figures"')[2])[:2]
    assert abs(delta) == abs(sizes[1] - sizes[0]) or delta == sizes[1] - sizes[0]
    written = html.unescape(page.text.partition('data-copy="### ')[2].partition('"')[0])
    assert "**Layers**: 1 in both" in written
    assert "\n| `entrypoint` |" in written
    assert "hunter2" not in written
    swapped = place.get(f"{APP}/compare?a=v1.10&b=v1.9")
    assert "\N{MINUS SIGN}" in swapped.text.partition("B against A")[2][:200]


def test_others_are_compared_by_name_digest_and_with_the_host(place: Place) -> None:
    host = f"127.0.0.1:{place.filled.server.port}"
    named = place.filled.names["digest"]
    for other in ("open/base:v1", f"{host}/open/base:v1", named, f"@{named}", f"team/app@{named}"):
        assert place.get(f"{APP}/compare?a=v1.9&b={quote(other)}").status == 200, other
    assert place.get(f"{APP}/compare?a=v1.9&b=Not+A+Name").status == 400
    assert place.get(f"{APP}/compare?a=v1.9&b=none").status == 404


def test_without_a_second_one_what_a_tag_was_is_offered(place: Place) -> None:
    page = place.get(f"{APP}/compare?b=latest")
    assert "What it was before" in page.text
    found = re.search(r'href="(/r/team/app/-/compare\?a=sha256[^"]+)"', page.text)
    assert found is not None
    assert place.get(html.unescape(found[1])).status == 200


def test_without_a_platform_in_common_two_are_chosen(place: Place) -> None:
    page = place.get(f"{APP}/compare?a=multi&b=v1.10")
    assert page.status == 409
    assert "no platform in common" in page.text
    found = re.search(r'<li><a href="([^"]+)"><bdi>linux/arm/v7 with linux/amd64', page.text)
    assert found is not None
    assert place.get(html.unescape(found[1])).status == 200
