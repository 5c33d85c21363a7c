"""Draws how costs grow as an SVG: one line for each cost, on logarithmic axes."""

import math
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

_LEFT, _TOP, _WIDTH, _HEIGHT = 80, 60, 520, 380
_LEGEND = 360
_ROW = 20
_INKS = ("#2b6cb0", "#c05621", "#2f855a", "#6b46c1", "#b83280", "#975a16", "#2c7a7b", "#4a5568", "#e53e3e", "#3182ce")
_FAINT = "#718096"
_FONT = "font-family='system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif'"

Curves = Mapping[str, Sequence[tuple[float, float]]]
"""By name: points of a size and the milliseconds at it, all greater than 0."""


def draw(curves: Curves, title: str) -> str:
    """The picture as SVG text."""
    height = _TOP + max(_HEIGHT, _ROW * len(curves)) + 60
    width = _LEFT + _WIDTH + _LEGEND
    parts = [
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {height}' width='{width}' height='{height}' "
        f"role='img' aria-labelledby='title' {_FONT}>",
        f"<title id='title'>{escape(title)}</title>",
        f"<rect width='{width}' height='{height}' fill='#ffffff'/>",
        _text(12, 28, title, 16),
    ]
    points = [point for curve in curves.values() for point in curve]
    if points:
        across, up = _decades([x for x, _ in points]), _decades([y for _, y in points])
        parts += _axes(across, up)
        for number, (name, curve) in enumerate(curves.items()):
            parts += _curve(name, sorted(curve), across, up, number)
    return "\n".join([*parts, "</svg>", ""])


def _decades(values: Sequence[float]) -> tuple[int, int]:
    """The powers of ten that enclose all values."""
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    return low, max(high, low + 1)


def _place(value: float, decades: tuple[int, int], length: float) -> float:
    return (math.log10(value) - decades[0]) / (decades[1] - decades[0]) * length


def _axes(across: tuple[int, int], up: tuple[int, int]) -> list[str]:
    parts = []
    for power in range(across[0], across[1] + 1):
        x = _LEFT + _place(10**power, across, _WIDTH)
        parts.append(f"<line x1='{x:.1f}' y1='{_TOP}' x2='{x:.1f}' y2='{_TOP + _HEIGHT}' stroke='#e2e8f0'/>")
        parts.append(_text(x, _TOP + _HEIGHT + 18, f"{10**power:,g}", 11, _FAINT, "middle"))
    for power in range(up[0], up[1] + 1):
        y = _TOP + _HEIGHT - _place(10**power, up, _HEIGHT)
        parts.append(f"<line x1='{_LEFT}' y1='{y:.1f}' x2='{_LEFT + _WIDTH}' y2='{y:.1f}' stroke='#e2e8f0'/>")
        parts.append(_text(_LEFT - 8, y + 4, f"{10.0**power:,g} ms", 11, _FAINT, "end"))
    parts.append(_text(_LEFT + _WIDTH / 2, _TOP + _HEIGHT + 40, "size: tags, changes, contents", 12, _FAINT, "middle"))
    return parts


def _curve(
    name: str, curve: Sequence[tuple[float, float]], across: tuple[int, int], up: tuple[int, int], number: int
) -> list[str]:
    ink = _INKS[number % len(_INKS)]
    dashes = "" if number < len(_INKS) else " stroke-dasharray='5 3'"
    places = [
        (_LEFT + _place(x, across, _WIDTH), _TOP + _HEIGHT - _place(y, up, _HEIGHT))
        for x, y in curve
        if x > 0 and y > 0
    ]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    row = _TOP + _ROW * number + 6
    return [
        f"<polyline points='{line}' fill='none' stroke='{ink}' stroke-width='2'{dashes}/>",
        *(f"<circle cx='{x:.1f}' cy='{y:.1f}' r='3' fill='{ink}'/>" for x, y in places),
        f"<line x1='{_LEFT + _WIDTH + 20}' y1='{row}' x2='{_LEFT + _WIDTH + 44}' y2='{row}' stroke='{ink}'"
        f" stroke-width='2'{dashes}/>",
        _text(_LEFT + _WIDTH + 50, row + 4, name, 11),
    ]


def _text(x: float, y: float, content: str, size: int, fill: str = "#1a202c", anchor: str = "start") -> str:
    place = f"x='{x:.1f}' y='{y:.1f}' font-size='{size}' fill='{fill}' text-anchor='{anchor}'"
    return f"<text {place}>{escape(content)}</text>"
