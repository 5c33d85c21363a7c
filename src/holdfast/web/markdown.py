"""Markdown that people wrote, as markup that can do nothing: no raw HTML, no pictures, no links but to the web."""

from __future__ import annotations

from functools import cache
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

LONGEST = 1 << 16
_SCHEMES = ("http", "https")
_DEEPEST = 6
_BELOW = 2
"""A heading of a text stands below those of the page."""


def markdown(text: str) -> Markup:
    """The markup of a text, of which at most `LONGEST` characters are looked at."""
    parser = _parser()
    tokens = parser.parse(text[:LONGEST])
    for token in tokens:
        _tame(token)
        for child in token.children or ():
            _tame(child)
    return Markup(parser.renderer.render(tokens, parser.options, {}))  # noqa: S704 - made of escaped text by the parser


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    parser.validateLink = _may_link  # type: ignore[method-assign]
    return parser


def _may_link(url: str) -> bool:
    """Whether a link may lead there: to the web, or to somewhere here."""
    if any(character <= " " or character in "\\\x7f" for character in url):
        return False
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in _SCHEMES if parts.scheme else not parts.netloc and not url.startswith("//")


def _tame(token: Token) -> None:
    if token.type in ("heading_open", "heading_close"):
        token.tag = f"h{min(int(token.tag[1:]) + _BELOW, _DEEPEST)}"
    elif token.type == "link_open":
        token.attrSet("rel", "nofollow noopener ugc")
    elif token.type in ("th_open", "td_open"):
        token.attrs.pop("style", None)
