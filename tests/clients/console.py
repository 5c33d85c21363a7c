"""The console as somebody looks at it who then types what it shows: what its copy buttons would copy, by place."""

from __future__ import annotations

import html
import json
import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tests.browsing import Browser, Page
from tests.serving import Credentials, Server

PASSWORD = "the long password of somebody"
_PANEL = re.compile(r'<div class="client" role="tabpanel" id="[a-z]+-([a-z]+)"')
_COPY = re.compile(r'data-copy="([^"]*)"')


def copied(text: str) -> list[str]:
    """What the copy buttons of some markup copy, in its order."""
    return [html.unescape(each) for each in _COPY.findall(text)]


def referring(page: Page) -> list[str]:
    """What the page of an artifact to which nothing refers has for it: the line of cosign, of oras, and the log-in."""
    return [each for each in copied(page.text) if each.startswith(("cosign ", "oras "))]


@dataclass(slots=True)
class Console:
    """One registry's console. `origin`: where it says that it stands, by default where it is."""

    server: Server
    origin: str = ""
    _browsers: dict[str, Browser] = field(default_factory=dict)

    @property
    def host(self) -> str:
        """The registry as its pages call it."""
        return urlsplit(self.origin or self.server.url).netloc

    def get(self, path: str, who: Credentials) -> Page:
        """A page, as somebody sees it."""
        page = self.browser(who).get(self.server.url + path)
        assert page.status == 200, f"{path}: {page.status}"
        return page

    def submit(self, path: str, action: str, who: Credentials, **values: str) -> Page:
        """Send a form of a page, and follow."""
        browser = self.browser(who)
        page = self.get(path, who)
        said = {"Origin": self.origin or self.server.url}
        return browser.follow(browser.post(self.server.url + action, {**page.forms()[action], **values}, said))

    def clients(self, path: str, who: Credentials) -> dict[str, list[str]]:
        """What is copied for each client on a page that has them in tabs: the commands, then what the client has to be
        told before."""
        text = self.get(path, who).text
        marks = list(_PANEL.finditer(text))
        ends = [each.start() for each in marks[1:]] + [text.index("</section>", marks[-1].start())]
        return {mark[1]: copied(text[mark.start() : end]) for mark, end in zip(marks, ends, strict=True)}

    def browser(self, who: Credentials) -> Browser:
        """The browser of somebody who is signed in."""
        if who.username not in self._browsers:
            browser = self._browsers[who.username] = Browser()
            asked = browser.get(f"{self.server.url}/sign-in")
            fields = {**asked.forms()["/sign-in"], "name": who.username, "password": who.password}
            said = {"Origin": self.origin or self.server.url}
            done = browser.post(f"{self.server.url}/sign-in", fields, said)
            assert done.status == 303, done.text[-500:]
        return self._browsers[who.username]

    def api(self, method: str, path: str, body: object = None) -> object:
        """A call of the management API as the administrator."""
        sent = json.dumps(body).encode() if body is not None else None
        headers = {"Authorization": self.server.admin.basic, "Content-Type": "application/json"}
        page = Browser().ask(method, f"{self.server.url}/api/v1{path}", sent, headers)
        assert page.status < 300, page.text
        return json.loads(page.text) if page.text else None

    def person(self, name: str, *grants: tuple[str, str]) -> Credentials:
        """Somebody new, with these roles at these scopes."""
        self.api("POST", "/users", {"name": name, "password": PASSWORD})
        for role, scope in grants:
            self.api("POST", "/grants", {"subject": f"user:{name}", "role": role, "scope": scope})
        return Credentials(name, PASSWORD)
