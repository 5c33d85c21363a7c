"""A stage for the script alone: the real frame, stylesheet, script and policy around a few lines of a test's own, at an
address that no server has. `http://` is a plain origin, where browsers offer no clipboard; `https://` is a secure one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Page, Request, Route
from tests.browser.page import Eyes

from holdfast.web.assets import Assets
from holdfast.web.frame import Crumb, Shown
from holdfast.web.site import POLICY
from holdfast.web.templates import Templates
from holdfast.web.visit import Look, Toast

Answer = tuple[int, str]
"""A status and a body."""
_ASSETS = Assets()
_NAV = [
    Shown("Home", "/", False, "home"),
    Shown("Repositories", "/n", True, "repository"),
    Shown("Jobs", "/jobs", False),
]


class Stage:
    """Pages of the frame. `answers`: path -> what is answered there; `asked`: the requests so far, but for assets."""

    def __init__(self, eyes: Eyes, origin: str = "http://page.test", **more: Any) -> None:
        self.page = eyes.anonymous(**more)
        self.origin = origin
        self.answers: dict[str, Answer | Callable[[Request], Answer]] = {}
        self.asked: list[str] = []
        self._templates = Templates("holdfast.console", assets=_ASSETS)
        self.page.route(f"{origin}/**", self._answer)

    def show(self, main: str, path: str = "/here", **values: object) -> Page:
        """Go to a page with this inside; `values`: of the frame."""
        self.answers[path] = (200, self.whole(main, **values))
        self.page.goto(self.origin + path)
        return self.page

    def whole(self, main: str, **values: object) -> str:
        """A page with this inside."""
        given: dict[str, object] = {
            "session": None,
            "host": "page.test",
            "origin": self.origin,
            "request_id": "r-1",
            "here": "/here",
            "look": Look(),
            "now": 0,
            "toast": None,
            "wrong_at": {},
            "nav": _NAV,
            "running": 0,
            "back": "/here",
            "crumbs": [Crumb("Here")],
            "tabs": [],
            "form": "",
            **values,
        }
        text = (
            '{% extends "frame.html" %}{% block title %}A page{% endblock %}{% block main %}' + main + "{% endblock %}"
        )
        return self._templates._environment.from_string(text).render(**self._templates._with_parts(given))

    def _answer(self, route: Route, request: Request) -> None:
        path = urlsplit(request.url).path
        asset = _ASSETS.at(path)
        if asset is not None:
            route.fulfill(body=asset.body, content_type=asset.media_type)
            return
        self.asked.append(f"{request.method} {request.url.removeprefix(self.origin)}")
        given = self.answers.get(path, (404, self.whole("<h1>There is no such page</h1>")))
        status, body = given(request) if callable(given) else given
        policy = {"Content-Security-Policy": POLICY}
        route.fulfill(status=status, body=body, content_type="text/html; charset=utf-8", headers=policy)


def toast(text: str, undo: str = "") -> Toast:
    """What a page says of the one before it."""
    return Toast(text, undo)
