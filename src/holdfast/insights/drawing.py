"""What pages draw of counts: a bar beside a number, days as bars, months as bars and areas. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from markupsafe import Markup

from holdfast.insights.model import Counts, date_text, month_text
from holdfast.insights.showback import Month
from holdfast.web.charts.plots import Series, area, bars, told
from holdfast.web.charts.svg import shape
from holdfast.web.charts.treemap import Part, treemap
from holdfast.web.formats import count, size

WEEKLY = 92
"""More days than this are drawn by weeks."""


class Figure(NamedTuple):
    """A picture, and the same as a table."""

    title: str
    svg: Markup
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]


def share(value: float, most: float) -> Markup:
    """A bar as long as the value is of the most. The number stands beside it."""
    width = max(100.0 * value / most, 1.0) if most and value else 0.0
    bar = shape("rect", class_="c1", width=width, height=8)
    return shape("svg", bar, class_="chart share", viewBox="0 0 100 8", preserveAspectRatio="none", aria_hidden="true")


def by_days(days: Sequence[tuple[int, Counts]], first: int, last: int) -> Figure:
    """Pulls and pushes by day from the first to the last, days without any among them; by week where these are many."""
    known: Mapping[int, Counts] = dict(days)
    step = 1 if last - first < WEEKLY else 7
    starts = range(last - (last - first) // step * step, last + 1, step)
    labels, pulls, pushes = [], [], []
    for start in starts:
        within = [known[day] for day in range(start - step + 1, start + 1) if day in known and day >= first]
        labels.append(date_text(start))
        pulls.append(sum(each.pulls for each in within))
        pushes.append(sum(each.pushes for each in within))
    title = "Pulls and pushes by day" if step == 1 else "Pulls and pushes by week"
    svg = _one_day(labels, pulls, pushes) or bars(
        [Series("pulls", pulls), Series("pushes", pushes)], labels, title, _whole
    )
    heading = "Day (UTC)" if step == 1 else "Week until"
    rows = [(label, count(one), count(other)) for label, one, other in zip(labels, pulls, pushes, strict=True)]
    return Figure(title, svg, (heading, "Pulls", "Pushes"), rows[::-1])


def _one_day(labels: Sequence[str], pulls: Sequence[int], pushes: Sequence[int]) -> Markup | None:
    """What is said instead of bars where all of it was in one of many days or weeks; None: it is drawn."""
    found = [each for each in zip(labels, pulls, pushes, strict=True) if each[1] or each[2]]
    if len(found) != 1 or len(labels) == 1:
        return None
    (label, one, other), last = found[0], labels[-1]
    then = " The chart begins with the second day." if label == last else ""
    return told(f"All on {label}: {_so_many(one, 'pull', 'pulls')}, {_so_many(other, 'push', 'pushes')}.{then}")


def by_months(months: Sequence[Month]) -> Figure:
    """Pulls and pushes of a namespace by month."""
    labels = [month_text(each.month) for each in months]
    title = "Pulls and pushes by month"
    svg = _one_month(months) or bars(
        [Series("pulls", [each.pulls for each in months]), Series("pushes", [each.pushes for each in months])],
        labels,
        title,
        _whole,
    )
    rows = [(month_text(each.month), count(each.pulls), count(each.pushes)) for each in months]
    return Figure(title, svg, ("Month", "Pulls", "Pushes"), rows[::-1])


def _one_month(months: Sequence[Month]) -> Markup | None:
    if len(months) != 1:
        return None
    counted = f"{_so_many(months[0].pulls, 'pull', 'pulls')}, {_so_many(months[0].pushes, 'push', 'pushes')}"
    return told(f"{month_text(months[0].month)} so far: {counted}. The chart begins with the second month.")


def stored(months: Sequence[Month]) -> Figure:
    """What a namespace stored, by month."""
    known = [(month_text(each.month), each.stored, each.average) for each in months if each.stored is not None]
    title = "Stored at the end of each month"
    svg = (
        told(f"{size(known[0][1])} so far. The chart begins with the second month.")
        if len(known) == 1
        else area([Series("stored", [value for _, value, _ in known])], [label for label, *_ in known], title, _bytes)
    )
    rows = [(label, size(value), size(average)) for label, value, average in known]
    return Figure(title, svg, ("Month", "Stored", "Average"), rows[::-1])


def storage_of(parts: Sequence[tuple[str, int, str]], title: str) -> Figure:
    """What namespaces store: name, bytes, and where each leads."""
    svg = treemap([Part(name, value, size(value), href) for name, value, href in parts], title)
    return Figure(title, svg, ("Namespace", "Stored"), [(name, size(value)) for name, value, _ in parts])


def _so_many(number: int, one: str, many: str) -> str:
    return f"{count(number)} {one if number == 1 else many}"


def _whole(value: float) -> str:
    return count(int(value)) if value == int(value) else f"{value:g}"


def _bytes(value: float) -> str:
    return size(int(value))
