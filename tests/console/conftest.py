"""A registry with sign-in, and what its tests do all the time."""

from __future__ import annotations

import base64
import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.browsing import Browser, Page
from tests.databases import Tables
from tests.openid import OwnProvider, RealProvider, own_provider, real_provider
from tests.serving import Server, running_server

FLAGS = ("--outbound-allow", "127.0.0.0/8")


class Place:
    """A registry and the calls of the tests."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.url = server.url
        self._admin: Browser | None = None

    def api(self, method: str, path: str, body: object = None, *, status: int | None = None) -> Any:
        """A call of the management API as the administrator; `status`: what it must answer, None: 2xx."""
        headers = {"Authorization": self.server.admin.basic}
        data = None
        if body is not None:
            data = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        answer, text = self.ask(method, f"/api/v1{path}", data, headers)
        assert answer.status == status if status is not None else answer.status < 300, text
        return json.loads(text) if text else None

    def sql(self, statement: str, *values: object) -> list[Any]:
        """Read rows beside the registry."""
        tables = Tables(self.server.env.get("HOLDFAST_DATABASE") or str(self.server.data / "holdfast.db"))
        try:
            return tables.sql(statement, *values)
        finally:
            tables.close()

    def admin_browser(self) -> Browser:
        """The browser of the administrator, signed in once."""
        if self._admin is None:
            self._admin = Browser()
            page = self._admin.get(f"{self.url}/sign-in")
            known = self.server.admin
            assert self._admin.submit(page, "/sign-in", name=known.username, password=known.password).status == 303
        return self._admin

    def groups(self, user: str) -> set[str]:
        """The groups that a user is in."""
        return set(
            self.sql(
                "select g.name from user_group g join membership m on m.group_id = g.id "
                "join account a on a.id = m.account_id where a.name = ?",
                user,
            )
        )

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[http.client.HTTPResponse, str]:
        """Any call of the registry."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=30)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer, answer.read().decode()
        finally:
            connection.close()

    def with_key(self, name: str, secret: str) -> int:
        """The status of `/v2/` for a key in Basic."""
        pair = base64.b64encode(f"{name}:{secret}".encode()).decode()
        return self.ask("GET", "/v2/", None, {"Authorization": f"Basic {pair}"})[0].status

    def add_provider(self, name: str, issuer: str, secret: str = "a-secret-of-the-client", **more: object) -> Any:
        """Add a provider."""
        body = {"name": name, "issuer": issuer, "client_id": "holdfast", "client_secret": secret, **more}
        return self.api("POST", "/providers", body)

    def begin(self, browser: Browser, name: str, next_path: str = "/me") -> str:
        """Begin a sign-in; gives the provider's address."""
        page = browser.get(f"{self.url}/sign-in/{name}?next={next_path}")
        assert page.status == 303, page.text
        return page.location

    def sign_in(self, browser: Browser, name: str, provider: OwnProvider) -> Page:
        """Sign in with a provider of the test's own, and go to where it leads."""
        return browser.follow(browser.get(provider.approve(self.begin(browser, name))))

    def make_key(self, browser: Browser, name: str = "laptop", **values: str) -> str:
        """Make a key on the page; gives its secret."""
        page = browser.submit(browser.get(f"{self.url}/me/keys"), "/me/keys", name=name, **values)
        assert page.status == 200, page.text
        return page.text.partition('<pre class="secret" tabindex="0">')[2].partition("</pre>")[0]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with running_server(tmp_path_factory.mktemp("console"), *FLAGS) as server:
        yield Place(server)


@pytest.fixture(scope="module")
def real() -> Iterator[RealProvider]:
    with real_provider() as provider:
        yield provider


@pytest.fixture
def own() -> Iterator[OwnProvider]:
    with own_provider() as provider:
        yield provider


@pytest.fixture
def browser() -> Browser:
    return Browser()


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Place]:
    with running_server(tmp_path, *FLAGS) as server:
        yield Place(server)
