"""Parts of a whole as rectangles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

from holdfast.web.charts.svg import WIDTH, colour, cut, framed, linked, shape, titled

_HEIGHT = 260.0
_LEGIBLE = (72.0, 36.0)
_SAID = 10


class Part(NamedTuple):
    """A part of a whole. `label`: its value as it is written; `href` '': it leads nowhere."""

    name: str
    value: float
    label: str
    href: str = ""


class _Tile(NamedTuple):
    x: float
    y: float
    width: float
    height: float


def treemap(parts: Sequence[Part], title: str, height: float = _HEIGHT) -> Markup:
    """Rectangles whose areas are to each other as the values; each leads where its part does. `height`: of the picture,
    which is `WIDTH` wide."""
    shown = sorted((part for part in parts if part.value > 0), key=lambda part: -part.value)
    tiles = _tiles([part.value for part in shown], WIDTH, height)
    drawn = [_drawn(part, tile, number) for number, (part, tile) in enumerate(zip(shown, tiles, strict=True))]
    return framed(title, "; ".join(f"{part.name} {part.label}" for part in shown[:_SAID]), drawn, height)


def _drawn(part: Part, tile: _Tile, number: int) -> Markup:
    said = f"{part.name} {part.label}"
    tile_shape = shape("rect", titled(said), class_=f"tile {colour(number)}", **tile._asdict())
    drawn = linked(tile_shape, part.href, said)
    if tile.width > _LEGIBLE[0] and tile.height > _LEGIBLE[1]:
        letters = int((tile.width - 16) / 7)
        lines = (cut(part.name, letters), cut(part.label, letters))
        # By the size of the letters, which the stylesheet makes larger where the picture is small.
        spans = Markup("").join(shape("tspan", line, x=tile.x + 8, dy="1.35em") for line in lines)
        drawn += shape("text", spans, class_="on", y=tile.y + 4)
    return drawn


def _tiles(values: Sequence[float], width: float, height: float) -> list[_Tile]:
    """Rectangles for values from the largest down, in rows as square as they can be (Bruls, Huizing, van Wijk 2000)."""
    whole = sum(values)
    left, top, wide, high = 0.0, 0.0, width, height
    found: list[_Tile] = []
    rest = [value * width * height / whole for value in values] if whole else []
    while rest:
        side = min(wide, high)
        taken = 1
        while taken < len(rest) and _longest(rest[: taken + 1], side) <= _longest(rest[:taken], side):
            taken += 1
        row, rest = rest[:taken], rest[taken:]
        thick = sum(row) / side if side else 0.0
        at = 0.0
        for value in row:
            length = value / thick if thick else 0.0
            found.append(_Tile(left + at, top, length, thick) if wide < high else _Tile(left, top + at, thick, length))
            at += length
        if wide < high:
            top, high = top + thick, high - thick
        else:
            left, wide = left + thick, wide - thick
    return found


def _longest(row: Sequence[float], side: float) -> float:
    """The least square of a row's rectangles: its length to its breadth."""
    total = sum(row)
    if not total or not side:
        return 1.0
    return max(max(side * side * value / total**2, total**2 / (side * side * value)) for value in row)
