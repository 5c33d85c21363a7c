"""The pictures of the README, from a real server: `python -m tests.browser.screenshots`, which is `make screenshots`.

They are taken at `https://registry.example.com`, which the browser is led to this server for: no port of a moment is in
them.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, Request, Route, sync_playwright
from tests.browser.page import NARROW, WIDE, Eyes, Theme, chromium, flags, settled
from tests.browser.showcase import lay
from tests.browsing import Browser as Clerk
from tests.serving import Credentials, Server, running_server

PLACE = Path(__file__).resolve().parents[2] / "docs/screenshots"
ORIGIN = "https://registry.example.com"


class Picture(NamedTuple):
    """One picture."""

    name: str
    path: str
    width: int = WIDE
    theme: Theme = "light"


PICTURES = (
    Picture("home", "/"),
    Picture("tags", "/r/shop/api/-/tags"),
    Picture("artifact", "/r/shop/api/-/tags/v1.10.1"),
    Picture("history", "/n/shop/-/history", theme="dark"),
    Picture("explain", "/explain?who=user%3Atom&action=overwrite&repository=platform%2Fbase&tag=3.21"),
    Picture("phone", "/r/shop/api", NARROW, "dark"),
)


def cookies(server: Server, user: Credentials) -> dict[str, str]:
    """The cookies of a session at `ORIGIN`."""
    clerk = Clerk()
    asked = clerk.get(f"{server.url}/sign-in")
    fields = {**asked.forms()["/sign-in"], "name": user.username, "password": user.password}
    done = clerk.post(f"{server.url}/sign-in", fields, {"Origin": ORIGIN})
    assert done.status == 303, done.text[-500:]
    return clerk.cookies["127.0.0.1"]


def lead(page: Page, server: Server, session: dict[str, str]) -> None:
    """Let a page find this server at `ORIGIN`, signed in."""

    def answer(route: Route, request: Request) -> None:
        parts = urlsplit(request.url)
        target = server.url + parts.path + (f"?{parts.query}" if parts.query else "")
        route.fulfill(response=route.fetch(url=target, max_redirects=0))

    page.route(f"{ORIGIN}/**", answer)
    page.context.add_cookies(
        [{"name": name, "value": value, "url": ORIGIN, "secure": True} for name, value in session.items()]
    )


def take(place: Path, program: str) -> list[Path]:
    """Take every picture into `place`; gives the files."""
    place.mkdir(parents=True, exist_ok=True)
    taken = []
    with tempfile.TemporaryDirectory() as scratch, running_server(Path(scratch), "--public-url", ORIGIN) as server:
        session = cookies(server, lay(server))
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=program, args=flags())
            eyes = Eyes(browser)
            for each in PICTURES:
                page = eyes.anonymous(each.width, each.theme)
                lead(page, server, session)
                found = page.goto(ORIGIN + each.path)
                assert found is not None
                assert found.status == 200, f"{each.path}: {found.status}"
                settled(page)
                page.screenshot(path=place / f"{each.name}.png")
                taken.append(place / f"{each.name}.png")
                eyes.close_pages()
            browser.close()
    return taken


def main() -> int:
    """Take them into docs/screenshots."""
    try:
        program = chromium()
    except pytest.skip.Exception as why:
        print(why, file=sys.stderr)
        return 1
    for path in take(PLACE, program):
        print(f"{path.name}: {path.stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
