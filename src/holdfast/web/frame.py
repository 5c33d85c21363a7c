"""What pages are made with: who asks, templates, forms, the menu, tabs and boxes, and what is said after a change."""

from __future__ import annotations

import re
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from markupsafe import Markup

from holdfast.access.service import Access
from holdfast.access.signin.sessions import Sessions
from holdfast.telemetry.events import Events
from holdfast.web.caller import Caller
from holdfast.web.cookies import Cookies
from holdfast.web.formats import urlpath
from holdfast.web.forms import ONCE, Fields, Forms, Repeated
from holdfast.web.place import Place
from holdfast.web.slots import About, Added, Column, Drawn, NavItem, Slot, draw
from holdfast.web.templates import Templates
from holdfast.web.toasts import COOKIE, SECONDS, Toasts
from holdfast.web.visit import Answer, Look, Toast, Visit

SESSION = "session"
"""The cookie of who is signed in."""
THEME = "theme"
"""The cookie of the theme that this browser was told last, for pages of nobody."""
THEME_SECONDS = 365 * 86400
BROWSER = "browser"
"""The cookie that the forms of who is not signed in belong to."""
_BROWSER = re.compile(r"[A-Za-z0-9_-]{22}\Z")
_BROWSER_BYTES = 16
_HTML = ("content-type", "text/html; charset=utf-8")


class Crumb(NamedTuple):
    """A part of the way to a page. `href` '': the page itself."""

    text: str
    href: str = ""


class Shown(NamedTuple):
    """A tab or an entry of the menu as a page shows it."""

    title: str
    href: str
    current: bool
    icon: str = ""


async def _always(_token: str) -> bool:
    return True


class Later(Sequence[Shown]):
    """Tabs or a menu, made when a template shows them: a part of a page that is polled or drawn by itself does not."""

    def __init__(self, make: Callable[[], list[Shown]]) -> None:
        self._make = make
        self._made: list[Shown] | None = None

    def _all(self) -> list[Shown]:
        if self._made is None:
            self._made = self._make()
        return self._made

    def __getitem__(self, index: Any) -> Any:
        return self._all()[index]

    def __len__(self) -> int:
        return len(self._all())


async def _no_look(_account: int) -> Look:
    return Look()


async def _none(_caller: Caller) -> int:
    return 0


@dataclass(slots=True, kw_only=True)
class Frame:
    """What pages are made with. `now`: the database's clock, microseconds; `once`: remembers the value of a form, and
    says whether it is new; `looks`: how an account wants pages to look; `running`: how many jobs that the caller may
    see run now. `added` is what features add, once they have been asked."""

    place: Place
    cookies: Cookies
    forms: Forms
    toasts: Toasts
    templates: Templates
    sessions: Sessions
    access: Access
    events: Events
    now: Callable[[], int]
    once: Callable[[str], Awaitable[bool]] = _always
    looks: Callable[[int], Awaitable[Look]] = _no_look
    running: Callable[[Caller], Awaitable[int]] = _none
    added: Added = field(default_factory=Added)

    def caller(self, visit: Visit) -> Caller:
        """Who asks: the anonymous subject where nobody is signed in."""
        assert visit.caller is not None, "asked before the visit was recognised"
        return visit.caller

    def signed_in(self, visit: Visit) -> Caller:
        """Who asks. Raises `Unauthenticated` where nobody is signed in: the site leads to the sign-in page."""
        visit.signed_in  # noqa: B018 - raises
        return self.caller(visit)

    def page(
        self,
        visit: Visit,
        template: str,
        /,
        *,
        status: int = 200,
        headers: Sequence[tuple[str, str]] = (),
        fragment: str = "",
        **values: object,
    ) -> Answer:
        """The page of a template for this visit, or its block `fragment` where a script asks for a part. Its forms are
        bound to the session, unless `form` says otherwise."""
        more = list(headers)
        if visit.session is None and "form" not in values:
            browser, told = self.browser(visit)
            values["form"] = self.forms.mark(browser)
            more += told
        given = self._given(visit, values)
        if fragment and visit.partial:
            body = self.templates.fragment(template, fragment, given)
            return Answer(status, body.encode(), (_HTML, *headers))
        if visit.toast is not None:
            more.append(("set-cookie", self.cookies.write(COOKIE, "", 0)))
        return Answer(status, self.templates.render(template, **given).encode(), (_HTML, *more))

    async def changes(self, visit: Visit) -> Fields:
        """The fields of a form of somebody who is signed in, once it is sure that it comes from a page of ours and was
        not sent before.

        Raises `Unauthenticated`, `ForeignForm`, `BadForm`, `FormTooLarge`, `Repeated`.
        """
        fields = await visit.form()
        session = visit.signed_in
        self.forms.check(visit.headers, fields, self.cookies.read(visit.headers.get("cookie", ""), SESSION))
        token = fields.get(ONCE, "")
        if token and not visit.counted:
            if not await self.once(f"{session.key[:32]}.{token[:32]}"):
                raise Repeated
            visit.counted = True
        return fields

    def browser(self, visit: Visit) -> tuple[str, list[tuple[str, str]]]:
        """What tells the browser of somebody who is not signed in from others, and the header that gives it that."""
        known = self.cookies.read(visit.headers.get("cookie", ""), BROWSER)
        if _BROWSER.match(known):
            return known, []
        made = secrets.token_urlsafe(_BROWSER_BYTES)
        return made, [("set-cookie", self.cookies.write(BROWSER, made))]

    async def own_form(self, visit: Visit) -> Fields:
        """The fields of a form that also somebody may send who is not signed in, once it is sure that it comes from a
        page of ours that this browser was given. Raises `ForeignForm`, `BadForm`, `FormTooLarge`."""
        fields = await visit.form()
        name = BROWSER if visit.session is None else SESSION
        self.forms.check(visit.headers, fields, self.cookies.read(visit.headers.get("cookie", ""), name))
        return fields

    def done(self, visit: Visit, path: str, text: str, *, undo: str = "") -> Answer:
        """Go on to `path`, where `text` says what was done."""
        cookie = self.cookies.write(COOKIE, self.toasts.write(Toast(text, undo)), SECONDS)
        return redirect(path, cookie)

    def tabs(self, visit: Visit, scope: str, path: str, current: str) -> Sequence[Shown]:
        """The tabs of a repository ('r') or namespace ('n') that the caller sees. `current`: the key of one."""
        caller = self.caller(visit)
        return Later(lambda: self._tabs(caller, scope, path, current))

    def _tabs(self, caller: Caller, scope: str, path: str, current: str) -> list[Shown]:
        permit = caller.at(path)
        found = [tab for tab in self.added.tabs if scope in tab.scopes and tab.seen(permit, path)]
        return [
            Shown(tab.title, self.at(scope, path, tab.suffix), tab.key == current)
            for tab in sorted(found, key=lambda tab: tab.rank)
        ]

    def at(self, scope: str, path: str, suffix: str = "") -> str:
        """The URL of a page of a repository ('r') or namespace ('n')."""
        return f"/{scope}/{urlpath(path)}" + (f"/-/{suffix}" if suffix else "")

    def crumbs(self, scope: str, path: str, *more: Crumb) -> list[Crumb]:
        """The way to a page of a repository or namespace: each namespace above it a link; the last one is where one
        is."""
        parts = path.split("/") if path else []
        found = [Crumb("Repositories", "/n")]
        for end in range(1, len(parts) + 1):
            last = end == len(parts)
            found.append(Crumb(parts[end - 1], self.at(scope if last else "n", "/".join(parts[:end]))))
        found.extend(more)
        return [*found[:-1], Crumb(found[-1].text)]

    async def boxes(self, visit: Visit, slot: Slot, about: About) -> list[Drawn]:
        """What features say in a slot of this page."""

        def render(template: str, values: Mapping[str, object]) -> str:
            return Markup(self.templates.render(template, **self._given(visit, values)))  # noqa: S704 - of a template

        return await draw(self.added.panels, slot, self.caller(visit), about, render, self.events)

    @property
    def columns(self) -> tuple[Column, ...]:
        """What features add to the table of tags."""
        return self.added.columns

    @property
    def repository_columns(self) -> tuple[Column, ...]:
        """What features add to the table of repositories."""
        return self.added.repository_columns

    def _given(self, visit: Visit, values: Mapping[str, object]) -> dict[str, object]:
        if visit.session is not None and "form" not in values:
            mark = self.forms.mark(self.cookies.read(visit.headers.get("cookie", ""), SESSION))
            values = {**values, "form": mark}
        return {
            "session": visit.session,
            "host": self.place.host,
            "origin": self.place.origin,
            "request_id": visit.id,
            "here": visit.here,
            "back": visit.here if visit.method in ("GET", "HEAD") else "",
            "running": visit.running,
            "confined": visit.confined,
            "look": visit.look,
            "now": self.now(),
            "toast": visit.toast,
            "wrong_at": visit.wrong,
            "nav": Later(lambda: self._nav(visit)),
            "crumbs": (),
            "tabs": (),
            "form": "",
            **values,
        }

    def _nav(self, visit: Visit) -> list[Shown]:
        if visit.caller is None or visit.confined:
            return []
        permit = visit.caller.at("")
        found: list[NavItem] = [item for item in self.added.nav if item.seen(permit)]
        first = visit.path.split("/")[1]
        return [
            Shown(item.title, item.href, _under(first, visit.path, item), item.icon)
            for item in sorted(found, key=lambda item: item.rank)
        ]


def _under(first: str, path: str, item: NavItem) -> bool:
    """Whether a page belongs to an entry of the menu: repositories have two first segments."""
    if item.href == "/n":
        return first in ("n", "r")
    return path == item.href or (item.href != "/" and path.startswith(item.href + "/"))


def redirect(path: str, *cookies: str) -> Answer:
    """Go on elsewhere, by GET."""
    return Answer(303, b"", (("location", path), *(("set-cookie", cookie) for cookie in cookies)))
