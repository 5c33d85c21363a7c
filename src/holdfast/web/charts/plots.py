"""Numbers over time: a small line for a cell of a table, bars, and areas on top of each other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from typing import NamedTuple

from markupsafe import Markup

from holdfast.web.charts.svg import WIDTH, colour, framed, label, shape, titled

_HEIGHT, _LEFT, _BOTTOM, _TOP = 200.0, 0.0, 24.0, 24.0
_LINES = 3
_KIBI = 1024.0
_SPARK_WIDTH, _SPARK_HEIGHT = 96.0, 24.0
_THICKEST = 32.0
Written = Callable[[float], str]
"""How a value is written."""


class Series(NamedTuple):
    """A named row of numbers, from the oldest to the newest."""

    name: str
    values: Sequence[float]


def sparkline(values: Sequence[float], said: str) -> Markup:
    """A small line without axes. `said`: what it shows, in words."""
    top = max([*values, 1])
    step = _SPARK_WIDTH / max(len(values) - 1, 1)
    tall = _SPARK_HEIGHT - 4
    points = _points((index * step, _SPARK_HEIGHT - 2 - value / top * tall) for index, value in enumerate(values))
    line = shape("polyline", class_="line l1", points=points)
    return shape("svg", line, class_="chart spark", viewBox="0 0 96 24", role="img", aria_label=said)


def bars(series: Sequence[Series], labels: Sequence[str], title: str, written: Written = str) -> Markup:
    """Bars side by side for each label, one colour a series."""
    top = _nice(max([value for each in series for value in each.values] or [0]))
    width = (WIDTH - _LEFT) / max(len(labels), 1)
    thick = min(max(width * 0.8 / max(len(series), 1), 1.0), _THICKEST)
    left = (width - thick * len(series)) / 2 if len(labels) > 1 else 0.0
    drawn = [
        shape(
            "rect",
            titled(f"{labels[index]}: {written(value)} {each.name}"),
            class_=colour(number),
            x=_LEFT + index * width + left + number * thick,
            y=_y(value, top),
            width=thick,
            height=_y(0, top) - _y(value, top),
        )
        for number, each in enumerate(series)
        for index, value in enumerate(each.values)
    ]
    return _plot(series, labels, title, written, top, drawn)


def area(series: Sequence[Series], labels: Sequence[str], title: str, written: Written = str) -> Markup:
    """Areas of bytes on top of each other, the first at the bottom."""
    heights = list(accumulate((list(each.values) for each in series), _added, initial=[0.0] * len(labels)))
    top = _nice_bytes(max(heights[-1] or [0.0]))
    drawn = []
    for number, each in enumerate(series):
        upper, lower = _across(heights[number + 1], top), _across(heights[number], top)
        points = _points([*upper, *reversed(lower)])
        drawn.append(shape("polygon", titled(each.name), class_=f"{colour(number)} soft", points=points))
        drawn.append(shape("polyline", class_=f"line l{number % _LINES + 1}", points=_points(upper)))
    return _plot(series, labels, title, written, top, drawn)


def told(text: str) -> Markup:
    """What stands where there is too little for a picture."""
    return Markup('<p class="muted">{}</p>').format(text)


def legend(names: Sequence[str]) -> Markup:
    """Which colour is which series."""
    return shape("ul", Markup("").join(_entry(number, name) for number, name in enumerate(names)), class_="legend")


def _entry(number: int, name: str) -> Markup:
    patch = shape("rect", class_=colour(number), width=10, height=10)
    return shape("li", shape("svg", patch, class_="chart", viewBox="0 0 10 10", aria_hidden="true") + name)


def _plot(  # noqa: PLR0917 - the parts of one picture
    series: Sequence[Series], labels: Sequence[str], title: str, written: Written, top: float, drawn: Sequence[Markup]
) -> Markup:
    parts = [_axis(top), _foot(labels), *drawn, _scale(top, written)]
    picture = framed(title, _said(series, labels, written), parts, _HEIGHT)
    return picture + legend([each.name for each in series]) if len(series) > 1 else picture


def _axis(top: float) -> Markup:
    heights = [_y(value, top) for value in (0.0, *_marks(top))]
    return Markup("").join(shape("line", class_="axis", x1=_LEFT, x2=WIDTH, y1=y, y2=y) for y in heights)


def _marks(top: float) -> tuple[float, ...]:
    """The heights that lines stand for, beside the ground: there is no half of one."""
    return (top / 2, top) if top > 1 else (top,)


def _scale(top: float, written: Written) -> Markup:
    """What the lines stand for: inside, above them, so that no size of letters cuts it off, and over what is drawn."""
    return Markup("").join(
        label(written(value).replace(".0 ", " "), _LEFT, _y(value, top) - 5) for value in _marks(top)
    )


def _foot(labels: Sequence[str]) -> Markup:
    if not labels:
        return Markup("")
    first = label(labels[0], _LEFT, _HEIGHT - 6)
    return first + label(labels[-1], WIDTH, _HEIGHT - 6, end=True) if len(labels) > 1 else first


def _said(series: Sequence[Series], labels: Sequence[str], written: Written) -> str:
    if not labels:
        return "Nothing yet"
    said = [
        f"{each.name}: {written(each.values[-1])} at the end, at most {written(max(each.values))}"
        for each in series
        if each.values
    ]
    return f"From {labels[0]} to {labels[-1]}. {'; '.join(said)}"


def _across(values: list[float], top: float) -> list[tuple[float, float]]:
    """The values from the left to the right; one alone is as high all the way."""
    heights = [_y(value, top) for value in (values * 2 if len(values) == 1 else values)]
    step = (WIDTH - _LEFT) / max(len(heights) - 1, 1)
    return [(_LEFT + index * step, height) for index, height in enumerate(heights)]


def _points(places: Iterable[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in places)


def _added(below: list[float], values: list[float]) -> list[float]:
    return [low + value for low, value in zip(below, values, strict=True)]


def _y(value: float, top: float) -> float:
    return _HEIGHT - _BOTTOM - value / top * (_HEIGHT - _BOTTOM - _TOP)


def _nice(most: float) -> float:
    """A round number at or above `most`, so that the axis reads well."""
    if most <= 1:
        return 1.0
    power = 10.0 ** (len(str(int(most))) - 1)
    return next(step * power for step in (1, 2, 5, 10) if step * power >= most)


def _nice_bytes(most: float) -> float:
    """The same for bytes, whose units go by 1024."""
    unit = 1.0
    while most / unit >= _KIBI:
        unit *= _KIBI
    return _nice(most / unit) * unit
