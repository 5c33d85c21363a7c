"""What happened when, in rows, over an axis of time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple

from markupsafe import Markup

from holdfast.web.charts.svg import WIDTH, cut, framed, label, linked, shape, titled

_TOP, _BOTTOM, _ROW, _LEFT, _RIGHT = 4.0, 20.0, 24.0, 120.0, 12.0
_LETTERS = 18
_SIZE = 5.0
_TICKS = 4
_DAY, _MINUTE = 86_400_000_000, 60_000_000


class Shape(StrEnum):
    """How a mark looks, beside its colour."""

    DOT = "dot"
    SQUARE = "square"
    CROSS = "cross"


class Mark(NamedTuple):
    """Something that happened. `at`: microseconds; `lane`: which row it stands in; `kind`: its colour, 1 to 5."""

    at: int
    said: str
    lane: int = 0
    href: str = ""
    kind: int = 1
    form: Shape = Shape.DOT


class Span(NamedTuple):
    """From when to when (microseconds); `at`: an instant that is looked at, None: none."""

    since: int
    until: int
    at: int | None = None


def timeline(marks: Sequence[Mark], lanes: Sequence[str], span: Span, title: str) -> Markup:
    """Marks in rows by time, and a line at the instant that is looked at."""
    foot = _TOP + _ROW * max(len(lanes), 1)
    drawn = []
    for number, lane in enumerate(lanes):
        y = _y(number)
        drawn.append(shape("line", class_="axis", x1=_LEFT, x2=WIDTH - _RIGHT, y1=y, y2=y))
        drawn.append(label(cut(lane, _LETTERS), 0, y + 4))
    drawn += _axis(span, foot)
    for mark in marks:
        drawn.append(linked(_drawn(mark, _x(mark.at, span), _y(mark.lane)), mark.href, mark.said))
    if span.at is not None:
        x = _x(span.at, span)
        drawn.append(shape("line", class_="line l2", x1=x, x2=x, y1=0, y2=foot))
    return framed(title, f"{len(marks)} events", drawn, foot + _BOTTOM)


def sample(kind: int, form: Shape) -> Markup:
    """A mark alone, for a legend."""
    drawn = _drawn(Mark(0, "", kind=kind, form=form), 7.0, 7.0, told=False)
    return shape("svg", drawn, class_="chart", viewBox="0 0 14 14", aria_hidden="true")


def _drawn(mark: Mark, x: float, y: float, *, told: bool = True) -> Markup:
    said = titled(mark.said) if told else Markup("")
    look = f"c{mark.kind}"
    match mark.form:
        case Shape.SQUARE:
            return shape("rect", said, class_=look, x=x - 4.5, y=y - 4.5, width=9.0, height=9.0, rx=1)
        case Shape.CROSS:
            arms = f"M{x - 4:.1f} {y - 4:.1f}l8 8M{x - 4:.1f} {y + 4:.1f}l8 -8"
            return shape("path", said, class_=f"line thick l{mark.kind}", d=arms)
        case _:
            return shape("circle", said, class_=look, cx=x, cy=y, r=_SIZE)


def _axis(span: Span, foot: float) -> list[Markup]:
    """The times below the rows, as fine as the span asks for; the last one ends where the axis does."""
    length = span.until - span.since
    if length < _TICKS * _MINUTE // 2:
        written = "%H:%M:%S"
    elif length < 2 * _DAY:
        written = "%d %b %H:%M" if _date(span.since) != _date(span.until) else "%H:%M"
    else:
        written = "%d %b" if length < 300 * _DAY else "%b %Y"
    found = []
    for number in range(_TICKS):
        at = span.since + length * number // (_TICKS - 1)
        text = datetime.fromtimestamp(at // 1_000_000, UTC).strftime(written)
        x = _x(at, span)
        if number == _TICKS - 1:
            found.append(label(f"{text} UTC", x, foot + 14, end=True))
        else:
            found.append(label(text, x, foot + 14))
    return found


def _date(at: int) -> int:
    return at // _DAY


def _x(moment: int, span: Span) -> float:
    within = min(max(moment, span.since), span.until) - span.since
    return _LEFT + _SIZE + within / max(span.until - span.since, 1) * (WIDTH - _LEFT - _RIGHT - 2 * _SIZE)


def _y(lane: int) -> float:
    return _TOP + _ROW * lane + _ROW / 2
