"""Forms that are refused: values stay, secrets do not; the summary takes the focus, and the error is told at its field.

Every form of the console that one writes into, and every field of it (form_rows.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser

import pytest
from tests.browser.filled import Filled, fill
from tests.browsing import Browser, Page
from tests.console.form_rows import APART, FORGETS, FORMS, FREE, UNTIED, Written
from tests.console.rows import ROWS
from tests.databases import Tables
from tests.management.api import Asker
from tests.openid import new_key, own_provider
from tests.serving import running_server

ENV = {"HOLDFAST_OUTBOUND_ALLOW": "127.0.0.0/8", "HOLDFAST_ALLOW_PRIVATE_TARGETS": "127.0.0.0/8"}
WRITTEN = ("text", "url", "search", "password", "number", "textarea")
TRIED = [pytest.param(form, name, id=f"{form.route} {name}") for form in FORMS for name in form.bad]


@dataclass
class Control:
    """A field as a page has it. `errors`: what is told at it."""

    name: str
    kind: str
    value: str
    checked: bool
    described: list[str]
    invalid: bool


@dataclass
class Sheet(HTMLParser):
    """A page: its forms that change something (where each goes, its fields), what has the focus, and the texts of
    errors by their ids."""

    page: Page
    forms: list[tuple[str, list[Control]]] = field(default_factory=list)
    focused: list[str] = field(default_factory=list)
    errors: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__init__()
        self._controls: list[Control] = []
        self._into: Control | None = None
        self._first = False
        self._said: str | None = None
        self._depth = 0
        self.feed(self.page.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if self._depth:
            self._depth += tag == "div"
        elif "data-focus" in given and given.get("role") == "alert":
            self.focused.append("")
            self._depth = 1
        if "error" in given.get("class", "").split() and "id" in given:
            self._said = given["id"]
            self.errors[self._said] = ""
        if tag == "form":
            self._controls = []
            if given.get("method") == "post":
                self.forms.append((given.get("action", ""), self._controls))
        elif tag in ("input", "textarea", "select", "button") and "name" in given:
            kind = given.get("type", "text") if tag in ("input", "button") else tag
            control = Control(
                given["name"],
                kind,
                given.get("value", ""),
                "checked" in given,
                given.get("aria-describedby", "").split(),
                given.get("aria-invalid") == "true",
            )
            self._controls.append(control)
            self._into, self._first = (control, True) if tag in ("textarea", "select") else (None, False)
        elif tag == "option" and self._into is not None and ("selected" in given or self._first):
            self._into.value, self._first = given.get("value", ""), False

    def handle_endtag(self, tag: str) -> None:
        if tag in ("textarea", "select"):
            self._into = None
        self._depth -= bool(self._depth) and tag == "div"
        self._said = None if tag == "p" else self._said

    def handle_data(self, data: str) -> None:
        if self._into is not None and self._into.kind == "textarea":
            self._into.value += data
        if self._said is not None:
            self.errors[self._said] += data
        if self._depth:
            self.focused[-1] += data.strip()

    def form(self, to: re.Pattern[str], name: str) -> tuple[str, list[Control]]:
        """Where the form goes that goes there and has this field, and its fields; none: it is not on the page."""
        for action, controls in self.forms:
            if to.fullmatch(action.partition("?")[0]) and name in [each.name for each in controls]:
                return action, controls
        return "", []


@dataclass
class Desk:
    """A filled registry, and the browsers of its administrator and of nobody."""

    filled: Filled
    admin: Browser
    nobody: Browser

    def browser(self, form: Written) -> Browser:
        return self.nobody if form.route == "/sign-in" else self.admin

    def shown(self, form: Written) -> Sheet:
        page = self.browser(form).get(self.filled.server.url + form.page.format_map(self.filled.names))
        assert page.status == 200, (page.url, page.text[-800:])
        return Sheet(page)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with own_provider() as provider, running_server(tmp_path_factory.mktemp("forms"), env=ENV) as server:
        filled = fill(server)
        admin = Asker.named(server, server.admin.username, server.admin.password)
        try:
            known = {"keys": [new_key("kept").as_dict(private=False)]}
            issuer = {"name": "kept-issuer", "iss": "https://ci.example", "audience": "registry", "jwks": known}
            admin.do(201, "POST", "/issuers", issuer)
            client = {"client_id": "holdfast", "client_secret": "a-secret-of-the-client"}
            admin.do(201, "POST", "/providers", {"name": "corp", "issuer": provider.issuer, **client})
        finally:
            admin.close()
        filled.names |= {"provider": "corp", "alert": alert_of(filled)}
        browser = Browser()
        page = browser.get(f"{server.url}/sign-in")
        known_admin = {"name": server.admin.username, "password": server.admin.password}
        assert browser.submit(page, "/sign-in", **known_admin).status == 303
        for at, do, picks in (
            ("/r/team/app", "promote", ["v1.9"]),
            ("/r/team/app", "retag", ["v1.9"]),
            ("/n/team", "delete", ["team/app", "team/empty"]),
        ):
            fields = browser.get(f"{server.url}{at}{'/-/tags' if at[1] == 'r' else '?view=flat'}").forms()
            asked = {**fields[f"{at}/-/selected"], "do": do, "pick": picks}
            filled.names[do] = browser.post(f"{server.url}{at}/-/selected", asked).location.rpartition("/")[2]
        yield Desk(filled, browser, Browser())


def alert_of(filled: Filled) -> str:
    """An alert, as the detector writes one once it has looked for a week."""
    tables = Tables(filled.server.env.get("HOLDFAST_DATABASE") or str(filled.server.data / "holdfast.db"))
    try:
        now = tables.sql("select max(made_at) from job")[0]
        tables.sql(
            "insert into unusual_alert (path, subject, credential, network, cause, score, began_at, last_at, times,"
            " findings, also) values ('team', 'robot:team+ci', '', '', 'activity', 80, ?, ?, 1, '[]', '[]')",
            *(now, now),
        )
        return str(tables.sql("select max(id) from unusual_alert")[0])
    finally:
        tables.close()


def pattern(route: str) -> re.Pattern[str]:
    """The addresses of a route, as forms write them."""
    names = re.sub(r"\\\{\w+:name\\\}", "[^?]+?", re.escape(route))
    return re.compile(re.sub(r"\\\{\w+\\\}", "[^/?]+", names))


def sent(form: Written, name: str, controls: Sequence[Control], password: str) -> dict[str, list[str]]:
    """What a browser sends of the form that is filled in, with one field that is wrong."""
    fields: dict[str, list[str]] = {}
    for each in controls:
        if each.kind == "submit" or (each.kind in ("checkbox", "radio") and not each.checked):
            continue
        fields.setdefault(each.name, []).append(each.value)
    given = {key: [password if value == "{password}" else value] for key, value in form.given.items()}
    assert set(given) <= {each.name for each in controls}, "the table names a field that the form has not"
    return {**fields, **given, name: [form.bad[name]]}


def lost(form: Written, name: str, fields: Mapping[str, list[str]], again: Sheet) -> list[str]:
    """What is wrong with the other fields of a form that comes back: values that went, secrets that stayed."""
    found, controls = [], again.form(pattern(form.route), name)[1]
    for each in controls:
        values = fields.get(each.name, [])
        if each.kind == "password" or (form.route, each.name) in FORGETS:
            found += [f"{each.name} is filled in again"] if each.value else []
            found += [f"{each.name} is told again"] if any(text and text in again.page.text for text in values) else []
        elif each.name == name or each.kind in ("hidden", "submit") or not values:
            found += [f"{each.name} was not checked"] if each.kind in ("checkbox", "radio") and each.checked else []
        elif each.kind in ("checkbox", "radio"):
            found += [f"{each.name} is not what it was"] if each.checked != (each.value in values) else []
        elif each.value.replace("\r\n", "\n").strip() != values[0].strip():
            found.append(f"{each.name} was {values[0]!r}, is {each.value!r}")
    return found if controls else ["the form does not come back"]


@pytest.mark.parametrize(("form", "name"), TRIED)
def test_a_refused_form_keeps_what_was_written(desk: Desk, form: Written, name: str) -> None:
    action, controls = desk.shown(form).form(pattern(form.route), name)
    assert action, "the page has no such form"
    fields = sent(form, name, controls, desk.filled.server.admin.password)
    page = desk.browser(form).post(desk.filled.server.url + action, fields)
    assert 400 <= page.status < 500, (page.status, page.location)
    again = Sheet(page)
    assert lost(form, name, fields, again) == []
    assert len(again.focused) == 1
    assert again.focused[0], "one summary, which says something and takes the focus"
    at = again.form(pattern(form.route), name)[1]
    told = {each.name for each in at if each.invalid and any(again.errors.get(id) for id in each.described)}
    assert told == (set() if (form.route, name) in UNTIED else {name}), again.focused


def test_every_form_is_in_a_table(desk: Desk) -> None:
    """Each route of a form that has a field to write in on some page, and each such field."""
    tried = {(form.route, name) for form in FORMS for name in form.bad}
    assert {route for route, _ in (*tried, *FREE)} | set(APART) <= {row.path for row in ROWS if row.method == "POST"}
    known = [(pattern(row.path), row.path) for row in ROWS if row.method == "POST"]
    known.sort(key=lambda each: "{" in each[1])
    absent = set()
    for row in ROWS:
        if row.method != "GET" or not row.example:
            continue
        browser = desk.nobody if row.path.startswith("/sign-in") else desk.admin
        page = browser.get(desk.filled.server.url + row.example.format_map(desk.filled.names))
        for action, controls in Sheet(page).forms:
            route = next((path for to, path in known if to.fullmatch(action.partition("?")[0])), "")
            absent |= {(route, each.name) for each in controls if route and each.kind in WRITTEN and route not in APART}
    assert absent - tried - set(FREE) == set()
