"""What a browser would make of a page: whether text of somebody became markup, ran, or turned round what follows it.

Read by Python's parser of HTML, which is as forgiving as a browser is. The forms of a page are read on the way, so that
a test can send them.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from html.parser import HTMLParser

MARK = re.compile(r"Q[a-z]{2,40}Q")
_RUNS = re.compile(r"on\w+$|hx-on|style$|srcdoc$|formaction$|autofocus$")
_ADDRESSES = ("href", "src", "action", "data-src", "hx-get", "hx-post", "xlink:href", "data-undo")
_LOADS = frozenset({"iframe", "object", "embed", "base", "style", "img", "image", "video", "audio", "frame", "applet"})
_VOID = frozenset(
    {"area", "br", "col", "hr", "img", "input", "link", "meta", "source", "track", "wbr", "path", "use", "rect"}
)
# Where text stands by itself, so that its direction is nobody else's; `prose`: what was Markdown, whose blocks are its
# own.
_ISOLATES = frozenset({"bdi", "textarea", "option", "title", "pre", "desc", "prose"})
# What keeps a value as it was written, and shows it to nobody: a field's value goes back as it came, a copy is a copy.
_VERBATIM = frozenset({"value", "data-copy"})
_RIGHT_TO_LEFT = re.compile("[\u0590-\u05ff]")


@dataclass(slots=True)
class Form:
    """A form of a page: where it goes, how, and its fields (name -> value); `texts`: those that one writes into."""

    action: str
    method: str
    values: list[tuple[str, str]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)


class Reading(HTMLParser):
    """A page, read. `wrong`: what somebody's text did to it; `marks`: those that it shows."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.wrong: list[str] = []
        self.forms: list[Form] = []
        self.links: list[str] = []
        self._open: list[str] = []
        self._select = ""
        self._area = -1
        self.feed(text)
        self.close()
        self.marks = set(MARK.findall(text))
        if "z49z" in text:
            self.wrong.append("an expression was worked out")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag in _LOADS or (tag == "script" and not given.get("src", "").startswith("/")):
            self.wrong.append(f"an element {tag}")
        led_out = tag == "a" and "prose" in self._open and "nofollow" in given.get("rel", "")
        for name, value in given.items():
            if not (led_out and name == "href" and value.startswith("https://")):
                self._look(tag, name, value)
        if tag not in _VOID:
            self._open.append("prose" if "prose" in given.get("class", "").split() else tag)
        self._note(tag, given)

    def handle_endtag(self, tag: str) -> None:
        if tag == "div" and "prose" in self._open:
            tag = "prose" if "div" not in self._open[self._open.index("prose") :] else tag
        if tag in self._open:
            while self._open.pop() != tag:
                pass
        if tag == "textarea":
            self._area = -1
        elif tag == "select":
            self._select = ""

    def handle_data(self, data: str) -> None:
        if self._area >= 0 and self.forms:
            name, value = self.forms[-1].values[self._area]
            self.forms[-1].values[self._area] = (name, value + data)
            return
        self.wrong += [f"{each} is not drawn in {self._where(data)}" for each in hidden(data)]
        if _RIGHT_TO_LEFT.search(data) and not _ISOLATES & set(self._open):
            self.wrong.append(f"nothing isolates {self._where(data)}")

    def _where(self, data: str) -> str:
        return f"{'>'.join(self._open[-4:])}: {' '.join(data.split())[:60]!r}"

    def _look(self, tag: str, name: str, value: str) -> None:
        if _RUNS.match(name) or MARK.search(name) or "<" in name or '"' in name:
            self.wrong.append(f"{tag} has {name}={value[:40]!r}")
        if name in _ADDRESSES and value and not value.startswith(("/", "#", "?")):
            self.wrong.append(f"{tag} leads by {name} to {value[:60]!r}")
        if name in _ADDRESSES and value.startswith("//"):
            self.wrong.append(f"{tag} leads elsewhere by {name}: {value[:60]!r}")
        if name == "hx-get" and value.partition("?")[0] == "/me":
            self.wrong.append(f"{tag} fetches what a text says")
        if name not in _VERBATIM:
            self.wrong += [f"{each} is not drawn in {name} of {tag}: {value[:60]!r}" for each in hidden(value)]

    def _note(self, tag: str, given: dict[str, str]) -> None:
        if tag == "a":
            self.links.append(given.get("href", ""))
        elif tag == "form":
            self.forms.append(Form(given.get("action", ""), given.get("method", "get").lower()))
        elif not self.forms or ("name" not in given and tag != "option"):
            return
        elif tag == "input":
            kind = given.get("type", "text")
            if kind == "password" and given.get("value"):
                self.wrong.append(f"the secret {given['name']} is shown again")
            if kind not in ("checkbox", "radio", "submit", "image") or "checked" in given:
                self.forms[-1].values.append((given["name"], given.get("value", "")))
            if kind in ("text", "search", "url", "number", "datetime-local"):
                self.forms[-1].texts.append(given["name"])
        elif tag == "textarea":
            self._area = len(self.forms[-1].values)
            self.forms[-1].values.append((given["name"], ""))
            self.forms[-1].texts.append(given["name"])
        elif tag == "select":
            self._select = given["name"]
            self.forms[-1].values.append((given["name"], ""))
        elif tag == "option" and self._select and "selected" in given:
            self.forms[-1].values[-1] = (self._select, given.get("value", ""))


def hidden(text: str) -> list[str]:
    """The characters of a text that cannot be seen, or that turn it round."""
    return sorted(
        {
            f"U+{ord(each):04X}"
            for each in text
            if unicodedata.category(each) in ("Cc", "Cf", "Cs", "Co") and each not in "\n\t\r"
        }
    )
