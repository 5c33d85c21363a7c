"""A browser without a screen: cookies by host, redirects, forms with their hidden fields, an Origin on every POST."""

from __future__ import annotations

import http.client
import re
import ssl
from collections.abc import Mapping, Sequence
from html.parser import HTMLParser
from typing import Any, NamedTuple
from urllib.parse import urlencode, urljoin, urlsplit


class Page(NamedTuple):
    """What came back, and from where."""

    url: str
    status: int
    headers: http.client.HTTPMessage
    text: str

    @property
    def location(self) -> str:
        """Where a redirect leads, absolute."""
        return urljoin(self.url, str(self.headers["Location"] or ""))

    def forms(self) -> dict[str, dict[str, str]]:
        """The forms of the page: action -> fields with their values."""
        found = _Forms()
        found.feed(self.text)
        return found.forms


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: dict[str, dict[str, str]] = {}
        self._fields: dict[str, str] = {}
        self._select = ""
        self._text = ""

    def handle_data(self, data: str) -> None:
        if self._text:
            self._fields[self._text] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self._text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._fields = self.forms.setdefault(given["action"], {})
        elif tag == "input" and "name" in given:
            if given.get("type") not in ("checkbox", "radio") or "checked" in given:
                self._fields[given["name"]] = given.get("value", "")
        elif tag == "textarea":
            self._text = given["name"]
            self._fields[self._text] = ""
        elif tag == "select":
            self._select = given["name"]
        elif tag == "option" and self._select and ("selected" in given or self._select not in self._fields):
            self._fields[self._select] = given["value"]


class Browser:
    """One browser; its cookies are those of each host, whatever the port."""

    def __init__(self) -> None:
        self.cookies: dict[str, dict[str, str]] = {}
        self.set: list[str] = []

    def get(self, url: str, headers: Mapping[str, str] | None = None) -> Page:
        """GET, without following a redirect."""
        return self.ask("GET", url, None, headers or {})

    def post(
        self, url: str, fields: Mapping[str, str | Sequence[str]], headers: Mapping[str, str | None] | None = None
    ) -> Page:
        """POST a form; a list is a field that comes many times. `headers`: replaces what a browser says by itself;
        None: not sent."""
        parts = urlsplit(url)
        said: dict[str, Any] = {
            "Origin": f"{parts.scheme}://{parts.netloc}",
            "Content-Type": "application/x-www-form-urlencoded",
            **(headers or {}),
        }
        return self.ask(
            "POST", url, urlencode(fields, doseq=True).encode(), {k: v for k, v in said.items() if v is not None}
        )

    def submit(self, page: Page, action: str, **values: str) -> Page:
        """Send the form of `page` that goes to `action`, filled in with `values`."""
        return self.post(urljoin(page.url, action), {**page.forms()[action], **values})

    def follow(self, page: Page, most: int = 5) -> Page:
        """Go where redirects lead."""
        while page.status in (302, 303) and most:
            page = self.get(page.location)
            most -= 1
        return page

    def ask(self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]) -> Page:
        """Any request, with the cookies of its host; by https whoever signed the certificate."""
        parts = urlsplit(url)
        host = parts.hostname or ""
        jar = self.cookies.setdefault(host, {})
        sent = dict(headers)
        if jar and "Cookie" not in sent:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in jar.items())
        connection = _connection(parts.scheme, host, parts.port)
        try:
            connection.request(method, parts.path + (f"?{parts.query}" if parts.query else ""), body, sent)
            answer = connection.getresponse()
            text = answer.read().decode("utf-8", "replace")
        finally:
            connection.close()
        for line in answer.headers.get_all("Set-Cookie") or []:
            self.set.append(line)
            name, _, value = line.partition(";")[0].partition("=")
            if re.search(r"max-age=0(;|$)", line, re.IGNORECASE):
                jar.pop(name, None)
            else:
                jar[name] = value
        return Page(url, answer.status, answer.headers, text)


def _connection(scheme: str, host: str, port: int | None) -> http.client.HTTPConnection:
    if scheme == "https":
        anyone = ssl.create_default_context()
        anyone.check_hostname, anyone.verify_mode = False, ssl.CERT_NONE
        return http.client.HTTPSConnection(host, port, timeout=30, context=anyone)
    return http.client.HTTPConnection(host, port or 80, timeout=30)
