"""Pages in a real browser, and what must be true of every one of them.

Promises: a page made here remembers what its console said, what its content security policy refused and what moved
after it was drawn; `checked` fails with all that is wrong at once, and takes a picture where `HOLDFAST_SCREENSHOTS`
names a directory. Nobody's password is asked for twice: who signed in by HTTP is signed in here.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Dialog, Page, Response
from tests.browsing import Browser as Clerk
from tests.serving import Credentials, Server

WIDE, NARROW, ZOOMED = 1280, 390, 320
"""Widths in CSS pixels: a desk, a phone, and the desk at 400 %."""
HEIGHTS = {WIDE: 900, NARROW: 844, ZOOMED: 256}
THEMES = ("light", "dark")
Theme = Literal["light", "dark"]
SECONDS = 20.0
_AXE = Path(__file__).resolve().parents[2] / ".tools/bin/axe.min.js"
COLOURS = ("color-contrast", "link-in-text-block")
"""The rules of axe-core that ask about colours: what else they find does not change with the theme."""
# What is wrong with a page while it loads, kept where `checked` finds it.
_OBSERVE = """
window.__wrong = {policy: [], moved: []};
document.addEventListener("securitypolicyviolation", (event) => {
  window.__wrong.policy.push(`${event.violatedDirective}: ${event.blockedURI} ${event.sourceFile || ""}`);
});
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) {
    if (!entry.hadRecentInput && entry.value > 0) {
      window.__wrong.moved.push(entry.sources.map((source) => {
        const node = source.node && (source.node.nodeType === 1 ? source.node : source.node.parentElement);
        return node ? node.outerHTML.slice(0, 120) : "something";
      }).join(" | ") + ` by ${entry.value}`);
    }
  }
}).observe({type: "layout-shift", buffered: true});
"""
_WHOLE = """() => typeof htmx === "undefined" || !document.querySelector('[hx-trigger="load"]')"""
_SETTLED = """
() => document.fonts.ready
  .then(() => Promise.allSettled(document.getAnimations()
    .filter((each) => each.effect.getComputedTiming().endTime !== Infinity).map((each) => each.finished)))
  .then(() => new Promise((go) => requestAnimationFrame(() => setTimeout(go, 0))))
"""
_WIDER = """
() => {
  const room = document.documentElement.clientWidth;
  if (document.scrollingElement.scrollWidth <= room) return [];
  const over = (each) => each.getBoundingClientRect().right > room + 1;
  return [...document.querySelectorAll("body *")]
    .filter((each) => over(each) && ![...each.children].some(over))
    .map((each) => `${each.outerHTML.slice(0, 140)} ends at ${Math.round(each.getBoundingClientRect().right)}`)
    .slice(0, 6).concat(`the page is ${document.scrollingElement.scrollWidth} wide, not ${room}`);
}
"""
_TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
_RULES = """
(only) => axe.run(document, {resultTypes: ["violations"], runOnly: only}).then((found) => found.violations.map(
  (each) => `${each.id}: ${each.help}\\n` + each.nodes.slice(0, 4).map((node) => {
    const why = (node.failureSummary || "").split("\\n").slice(1).join(" ");
    return `      ${node.html.slice(0, 200)}\\n        ${why}`;
  }).join("\\n")))
"""
# The page as axe-core sees it, but for what differs each time: marks of forms, addresses and the id of the request.
_PRINT = """
() => {
  // In a document of its own, where nothing is loaded.
  const copy = document.implementation.createHTMLDocument("").importNode(document.documentElement, true);
  copy.querySelectorAll(".foot .mono").forEach((each) => { each.textContent = ""; });
  copy.querySelectorAll("*").forEach((each) => {
    ["href", "action"].forEach((name) => each.hasAttribute(name) && each.setAttribute(name, "/"));
    if (["form", "once", "next"].includes(each.getAttribute("name"))) each.removeAttribute("value");
  });
  return copy.outerHTML;
}
"""
# Markup that no page of ours has: of text that became a part of the page, or of a template that forgot the policy.
_FOREIGN = """
() => [...document.querySelectorAll("*")].flatMap((each) => [...each.attributes]
  .filter((one) => one.name.startsWith("on") || (one.name === "style" && one.value) || one.name.startsWith("hx-on")
    || (one.name === "hx-get" && one.value === "/me")
    || (["href", "src", "action", "formaction"].includes(one.name) && /^\\s*(javascript|data):/i.test(one.value)))
  .map((one) => `${one.name}="${one.value.slice(0, 80)}" of ${each.tagName.toLowerCase()}`))
  .concat([...document.querySelectorAll("script:not([src])")].map(() => "an inline script")).slice(0, 6)
"""
# What a page loads: the bytes as they are sent, of the page itself and of all that it brings.
_BYTES = """
() => [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
  .map((each) => [new URL(each.name).pathname, each.encodedBodySize])
"""

_found: dict[tuple[str, str], list[str]] = {}
"""What axe-core found: by the look with the rules, and by the page. Refusals are one page at many addresses."""
_said: WeakKeyDictionary[Page, list[str]] = WeakKeyDictionary()


class Eyes:
    """One browser and the people who look with it. `signed_in` and `anonymous` give pages; all are closed in the
    end."""

    def __init__(self, browser: Browser) -> None:
        self.browser = browser
        self._contexts: list[BrowserContext] = []
        self._cookies: dict[tuple[str, str], dict[str, str]] = {}

    def anonymous(
        self, width: int = WIDE, theme: Theme = "light", *, script: bool = True, host: str = "", **more: Any
    ) -> Page:
        """A page of somebody who is not signed in. `more`: of the browser's context, such as `reduced_motion`."""
        context = self.browser.new_context(
            viewport={"width": width, "height": HEIGHTS.get(width, 900)},
            color_scheme=theme,
            java_script_enabled=script,
            timezone_id="UTC",
            locale="en-GB",
            **more,
        )
        self._contexts.append(context)
        context.set_default_timeout(SECONDS * 1000)
        context.add_init_script(_OBSERVE)
        page = context.new_page()
        _said[page] = said = []

        def hear(message: ConsoleMessage) -> None:
            # The browser also tells of every answer that is an error: that is for the test to say.
            if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
                said.append(f"{message.type}: {message.text} ({message.location.get('url', '')})")

        def hear_refusal(answer: Response) -> None:
            if answer.status >= 400 and answer.request.resource_type != "document":
                said.append(f"error: {answer.url} answers {answer.status}")

        def hear_dialog(dialog: Dialog) -> None:
            said.append(f"error: a script of somebody ran: {dialog.message}")
            dialog.dismiss()

        page.on("console", hear)
        page.on("response", hear_refusal)
        page.on("dialog", hear_dialog)
        page.on("pageerror", lambda error: said.append(f"error: {error}"))
        return page

    def signed_in(
        self, server: Server, user: Credentials, width: int = WIDE, theme: Theme = "light", **more: Any
    ) -> Page:
        """A page of somebody who is signed in; nothing is loaded yet."""
        page = self.anonymous(width, theme, **more)
        cookies = self._session(server, user)
        page.context.add_cookies([{"name": name, "value": value, "url": server.url} for name, value in cookies.items()])
        return page

    def forget_session(self, server: Server, user: Credentials) -> None:
        """Sign this person in anew for the next page: the test ends the session that pages have shared."""
        self._cookies.pop((server.url, user.username), None)

    def close_pages(self) -> None:
        """Close every page that is open."""
        while self._contexts:
            self._contexts.pop().close()

    def _session(self, server: Server, user: Credentials) -> dict[str, str]:
        known = self._cookies.get((server.url, user.username))
        if known is None:
            known = self._cookies[server.url, user.username] = session_of(server, user)
        return known


def session_of(server: Server, user: Credentials) -> dict[str, str]:
    """The cookies of a new session: name -> value."""
    clerk = Clerk()
    asked = clerk.get(f"{server.url}/sign-in")
    done = clerk.submit(asked, "/sign-in", name=user.username, password=user.password)
    assert done.status == 303, f"{user.username} cannot sign in: {done.status}\n{done.text[-500:]}"
    return clerk.cookies["127.0.0.1"]


def settled(page: Page) -> Page:
    """Wait for the parts that come after the page, for fonts, and for what fades in."""
    page.wait_for_function(_WHOLE)
    page.evaluate(_SETTLED)
    return page


def checked(page: Page, name: str = "", *, axe: bool = True, rules: tuple[str, ...] = ()) -> Page:
    """Fail with everything that is wrong with the page as it is now. `name`: of its picture, by default its path.
    `rules`: those of axe-core to ask, by default all."""
    settled(page)
    picture(page, name)
    wrong = [*_said.get(page, ())]
    seen = page.evaluate("() => window.__wrong")
    wrong += [f"the policy refused {each}" for each in seen["policy"]]
    wrong += [f"moved after it was drawn: {each}" for each in seen["moved"]]
    wrong += [f"foreign markup: {each}" for each in page.evaluate(_FOREIGN)]
    wrong += [f"wider than the window: {each}" for each in page.evaluate(_WIDER)]
    if axe:
        wrong += [f"axe: {each}" for each in violations(page, rules)]
    width = (page.viewport_size or {"width": 0})["width"]
    assert not wrong, f"{page.url} at {width} px:\n  " + "\n  ".join(wrong)
    return page


def violations(page: Page, rules: tuple[str, ...] = ()) -> list[str]:
    """What axe-core finds wrong by these rules, by default all. It is asked once of what looks the same."""
    dark = page.evaluate("() => matchMedia('(prefers-color-scheme: dark)').matches")
    key = f"{page.viewport_size} {dark} {rules}", blake2b(page.evaluate(_PRINT).encode()).hexdigest()
    if key not in _found:
        if not page.evaluate("() => typeof axe === 'object'"):
            page.evaluate(_AXE.read_text(encoding="utf-8"))
        only = {"type": "rule", "values": rules} if rules else {"type": "tag", "values": _TAGS}
        _found[key] = page.evaluate(_RULES, only)
    return _found[key]


def loaded(page: Page) -> dict[str, int]:
    """What the page loaded: path -> bytes, compressed as they were sent."""
    return dict(page.evaluate(_BYTES))


def said(page: Page) -> list[str]:
    """The errors and warnings of the page's console so far."""
    return _said[page]


def picture(page: Page, name: str = "") -> None:
    """Take a picture of the whole page, where pictures are asked for."""
    place = os.environ.get("HOLDFAST_SCREENSHOTS")
    if not place:
        return
    size, dark = (
        page.viewport_size or {"width": 0},
        page.evaluate("() => matchMedia('(prefers-color-scheme: dark)').matches"),
    )
    slug = re.sub(r"[^a-z0-9.]+", "-", (name or urlsplit(page.url).path).lower()).strip("-") or "home"
    Path(place).mkdir(parents=True, exist_ok=True)
    page.screenshot(path=Path(place) / f"{slug}-{size['width']}-{'dark' if dark else 'light'}.png", full_page=True)


@contextmanager
def hidden(page: Page) -> Iterator[None]:
    """The page as one in a tab that nobody sees."""
    set_hidden = """(hidden) => {
      const state = hidden ? "hidden" : "visible";
      Object.defineProperty(document, "hidden", {configurable: true, get: () => hidden});
      Object.defineProperty(document, "visibilityState", {configurable: true, get: () => state});
      document.dispatchEvent(new Event("visibilitychange"));
    }"""
    page.evaluate(set_hidden, True)
    try:
        yield
    finally:
        page.evaluate(set_hidden, False)


def tree(page: Page, selector: str = "body") -> str:
    """What a screen reader finds, as lines of roles and names."""
    return page.locator(selector).aria_snapshot()


def focused(page: Page) -> str:
    """What has the focus: its role or tag, and its name or text."""
    found: str = page.evaluate(
        """() => {
          const it = document.activeElement;
          const name = it.getAttribute("aria-label") || it.innerText || it.value || it.name || it.id || "";
          return `${it.tagName.toLowerCase()} ${name.trim().slice(0, 60)}`.trim();
        }"""
    )
    return found


def ringed(page: Page) -> bool:
    """Whether what has the focus shows it."""
    ring: bool = page.evaluate(
        """() => {
          const look = getComputedStyle(document.activeElement);
          return (look.outlineStyle !== "none" && parseFloat(look.outlineWidth) > 0) || look.boxShadow !== "none";
        }"""
    )
    return ring


def chromium() -> str:
    """The browser's program; skips, saying why, where it or axe-core is missing. The one without a surface of its own
    asks for half as much of the machine."""
    program = shutil.which("chromium-headless-shell") or shutil.which("chromium")
    if program is None:
        pytest.skip("chromium is not on this machine; `make tools` brings it")
    if not _AXE.exists():
        pytest.skip("axe-core is not on this machine; `make tools` brings it")
    return program


def flags() -> list[str]:
    """What the browser is begun with: run by root it has no sandbox of its own, and what it loads here is ours."""
    return ["--font-render-hinting=none", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
