"""The parts of pictures."""

from __future__ import annotations

from collections.abc import Sequence
from zlib import crc32

from markupsafe import Markup

WIDTH = 720.0
COLOURS = 5
_NOTHING = Markup("")


def shape(name: str, content: Markup | str = _NOTHING, /, **attributes: object) -> Markup:
    """An element. `class_` is its class, `_` in the names of attributes is `-`; numbers have one digit behind the
    point."""
    written = Markup("").join(
        Markup(' {}="{}"').format(key.rstrip("_").replace("_", "-"), _number(value))
        for key, value in attributes.items()
    )
    return Markup("<{}{}>{}</{}>").format(name, written, content, name)


def label(text: str, x: float, y: float, *, end: bool = False) -> Markup:
    """Text that begins or, with `end`, ends at a point."""
    more: dict[str, object] = {"text_anchor": "end"} if end else {}
    return shape("text", text, x=x, y=y, **more)


def titled(text: str) -> Markup:
    """What is said of the element that one points at."""
    return shape("title", text)


def linked(drawn: Markup, href: str, said: str) -> Markup:
    """The element as a link, if there is anywhere to go."""
    return shape("a", drawn, href=href, aria_label=said) if href else drawn


def framed(title: str, said: str, shapes: Sequence[Markup], height: float) -> Markup:
    """The whole picture: a title, and in words what it shows."""
    name = f"chart-{crc32(title.encode()):x}"
    body = shape("title", title, id=name) + shape("desc", said) + _NOTHING.join(shapes)
    return shape(
        "svg", body, class_="chart", viewBox=f"0 0 {WIDTH:.0f} {height:.0f}", role="group", aria_labelledby=name
    )


def colour(number: int) -> str:
    """The class of the colour of the series of this number."""
    return f"c{number % COLOURS + 1}"


def cut(text: str, letters: int) -> str:
    """At most so many letters of a text."""
    return text if len(text) <= letters else text[: max(letters - 1, 1)] + "\N{HORIZONTAL ELLIPSIS}"


def _number(value: object) -> object:
    return f"{value:.1f}" if isinstance(value, float) else value
