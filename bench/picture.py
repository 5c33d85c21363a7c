"""Draws the ratios of a run as an SVG: two panels of bars on logarithmic axes, rate and CPU per operation."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

_LABELS = 232
_PANEL = 300
_GAP = 56
_ROW = 24
_TOP = 92
_BETTER = "#2b6cb0"
_WORSE = "#c05621"
_INK = "#1a202c"
_FAINT = "#718096"
_FONT = "font-family='system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif'"


@dataclass(frozen=True, slots=True)
class Bar:
    """One work's ratios, holdfast divided by the better peer."""

    title: str
    rate: float
    cpu: float


def draw(bars: Sequence[Bar], subtitle: str) -> str:
    """The picture as SVG text; ratios must be greater than 0."""
    width = _LABELS + 2 * _PANEL + _GAP + 24
    bottom = _TOP + _ROW * len(bars)
    height = bottom + 62
    title = "holdfast against the better peer"
    parts = [
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {height}' width='{width}' height='{height}' "
        f"role='img' aria-labelledby='title desc' {_FONT}>",
        f"<title id='title'>{title}</title>",
        "<desc id='desc'>Bars on logarithmic axes; the line at 1 means equal. "
        "Rate: longer to the right is faster. CPU per operation: longer to the left is cheaper.</desc>",
        f"<rect width='{width}' height='{height}' fill='#ffffff'/>",
        _text(12, 26, title, size=17, weight=600),
        _text(12, 46, subtitle, size=12, fill=_FAINT),
    ]
    parts += [
        _text(_LABELS - 10, _TOP + n * _ROW + _ROW / 2 + 4, bar.title, size=12, anchor="end")
        for n, bar in enumerate(bars)
    ]
    parts += _panel(_LABELS, "requests per second (higher is better)", [bar.rate for bar in bars], higher=True)
    parts += _panel(
        _LABELS + _PANEL + _GAP,
        "server CPU per operation (lower is better)",
        [bar.cpu for bar in bars],
        higher=False,
    )
    parts += _legend(bottom + 46)
    return "\n".join([*parts, "</svg>", ""])


def ticks(values: Sequence[float]) -> list[float]:
    """The 1-2-5 steps that enclose all values and 1, at least from 0.5 to 2."""
    low, high = min([0.5, *values]), max([2.0, *values])
    steps = [float(f"{digit}e{power}") for power in range(-6, 7) for digit in (1, 2, 5)]
    first = max((step for step in steps if step <= low), default=steps[0])
    last = min((step for step in steps if step >= high), default=steps[-1])
    return [step for step in steps if first <= step <= last]


def _panel(left: float, title: str, values: Sequence[float], *, higher: bool) -> list[str]:
    marks = ticks(values)
    low, high = math.log(marks[0]), math.log(marks[-1])
    inner = _PANEL - 44  # room for the figure beside the longest bar
    bottom = _TOP + _ROW * len(values)

    def place(value: float) -> float:
        return left + 22 + (math.log(value) - low) / (high - low) * inner

    parts = [_text(left + _PANEL / 2, _TOP - 18, title, size=12, weight=600, anchor="middle")]
    labelled = marks if len(marks) <= 7 else [mark for mark in marks if f"{mark:g}".strip("0.")[0] == "1"]
    for mark in marks:
        x = place(mark)
        parts.append(
            f"<line x1='{x:.1f}' y1='{_TOP - 4}' x2='{x:.1f}' y2='{bottom + 4}' "
            f"stroke='{_INK if mark == 1 else '#e2e8f0'}' stroke-width='1'/>"
        )
        if mark in labelled:
            parts.append(_text(x, bottom + 18, f"{mark:g}x", size=11, fill=_FAINT, anchor="middle"))
    for n, value in enumerate(values):
        one, end = place(1), place(value)
        better = value >= 1 if higher else value <= 1
        y = _TOP + n * _ROW + 4
        parts.append(
            f"<rect x='{min(one, end):.1f}' y='{y}' width='{max(abs(end - one), 1):.1f}' height='{_ROW - 8}' "
            f"fill='{_BETTER if better else _WORSE}'/>"
        )
        right = value >= 1
        parts.append(
            _text(end + (4 if right else -4), y + 12, _figure(value), size=11, anchor="start" if right else "end")
        )
    return parts


def _legend(y: float) -> list[str]:
    return [
        f"<rect x='{_LABELS}' y='{y - 10}' width='12' height='12' fill='{_BETTER}'/>",
        _text(_LABELS + 18, y, "holdfast is better", size=12),
        f"<rect x='{_LABELS + 150}' y='{y - 10}' width='12' height='12' fill='{_WORSE}'/>",
        _text(_LABELS + 168, y, "the peer is better", size=12),
    ]


def _figure(value: float) -> str:
    return f"{value:.0f}x" if value >= 10 else f"{value:.1f}x" if value >= 2 else f"{value:.2f}x"


def _text(
    x: float,
    y: float,
    content: str,
    *,
    size: int,
    fill: str = _INK,
    weight: int = 400,
    anchor: str = "start",
) -> str:
    return (
        f"<text x='{x:.1f}' y='{y:.1f}' font-size='{size}' font-weight='{weight}' fill='{fill}' "
        f"text-anchor='{anchor}'>{escape(content)}</text>"
    )
