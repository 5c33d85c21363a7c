"""That `checked` sees what it is for: each page here has one thing wrong."""

from __future__ import annotations

import pytest
from playwright.sync_api import Route
from tests.browser.page import NARROW, Eyes, checked

_PAGE = (
    '<!doctype html><html lang="en"><head><meta name="viewport" content="width=device-width, initial-scale=1">'
    "<title>A page</title>{head}</head><body><main><h1>A page</h1>{body}</main></body></html>"
)
_POLICY = "default-src 'none'; script-src 'self'; style-src 'self'"


def served(eyes: Eyes, body: str, head: str = "", script: str = "") -> str:
    """What `checked` says of a page, '' when it finds nothing."""
    page = eyes.anonymous(NARROW)

    def answer(route: Route) -> None:
        if route.request.url.endswith("none.js"):
            route.fulfill(status=404)
        elif route.request.url.endswith(".js"):
            route.fulfill(body=script, content_type="text/javascript")
        else:
            text = _PAGE.format(head=head, body=body)
            route.fulfill(body=text, content_type="text/html", headers={"Content-Security-Policy": _POLICY})

    page.route("http://page.test/**", answer)
    page.goto("http://page.test/")
    page.wait_for_load_state("networkidle")
    try:
        checked(page, "harness")
    except AssertionError as error:
        return str(error)
    return ""


def test_a_right_page_passes(eyes: Eyes) -> None:
    assert served(eyes, "<p>Some text.</p>") == ""


@pytest.mark.parametrize(
    ("body", "head", "script", "said"),
    [
        ('<img src="/none.png">', "", "", "axe: image-alt"),
        ("<script>1</script>", "", "", "the policy refused script-src"),
        ('<p style="color: red">x</p>', "", "", "the policy refused style-src"),
        ('<svg width="1000" height="9"></svg>', "", "", "wider than the window"),
        ('<a href="javascript:alert(1)">x</a>', "", "", "foreign markup: href"),
        ('<p onclick="alert(1)">x</p>', "", "", "foreign markup: onclick"),
        ("<p>x</p>", '<script src="/a.js"></script>', "alert('mine')", "a script of somebody ran: mine"),
        ("<p>x</p>", '<script src="/none.js"></script>', "404", "answers 404"),
        ("<p>x</p>", '<script src="/a.js"></script>', "console.error('it failed')", "error: it failed"),
        ("<p>x</p>", '<script src="/a.js"></script>', "nothing.at.all", "error: nothing is not defined"),
        (
            "<p>x</p><p>y</p>",
            '<script src="/a.js" defer></script>',
            "requestAnimationFrame(() => setTimeout(() => { const box = document.createElement('canvas');"
            " document.querySelector('p').before(box); }, 50))",
            "moved after it was drawn",
        ),
    ],
)
def test_a_wrong_page_does_not(eyes: Eyes, body: str, head: str, script: str, said: str) -> None:
    assert said in served(eyes, body, head, script)
