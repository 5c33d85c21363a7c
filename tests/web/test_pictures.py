"""Pictures: their geometry is right, they begin at zero, and texts of others stay texts."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from holdfast.web.charts.plots import Series, area, bars, sparkline
from holdfast.web.charts.timeline import Mark, Span, timeline
from holdfast.web.charts.treemap import Part, treemap
from holdfast.web.formats import size

HOSTILE = "</svg><script>alert(1)</script>\" onload='x'"


def parsed(drawn: Markup) -> ElementTree.Element:
    return ElementTree.fromstring(f"<div>{drawn}</div>")


def each(drawn: Markup, name: str) -> list[ElementTree.Element]:
    return list(parsed(drawn).iter(name))


@given(st.lists(st.floats(1, 1e9), min_size=1, max_size=40))
def test_the_areas_of_a_treemap_are_to_each_other_as_the_values(values: list[float]) -> None:
    tiles = each(treemap([Part(f"p{at}", value, "") for at, value in enumerate(values)], "All"), "rect")
    assert len(tiles) == len(values)
    for tile, value in zip(tiles, sorted(values, reverse=True), strict=True):
        x, y, width, height = (float(tile.get(name, "")) for name in ("x", "y", "width", "height"))
        wanted = value / sum(values) * 720 * 260
        slack = (width + height) * 0.06 + 1
        assert abs(width * height - wanted) <= slack
        assert x >= 0
        assert y >= 0
        assert x + width <= 721
        assert y + height <= 261


def test_a_bar_is_as_high_as_its_value() -> None:
    drawn = each(bars([Series("pulls", [0, 5, 10])], ["a", "b", "c"], "Pulls"), "rect")
    heights = [float(bar.get("height", "")) for bar in drawn]
    assert heights[0] == 0
    assert heights[1] * 2 == pytest.approx(heights[2], abs=0.2)


def test_areas_stand_on_each_other() -> None:
    drawn = area([Series("live", [1, 1]), Series("history", [2, 2])], ["a", "b"], "Storage")
    low, high = each(drawn, "polygon")
    top_of_low = [point.split(",")[1] for point in (low.get("points") or "").split()[:2]]
    bottom_of_high = [point.split(",")[1] for point in (high.get("points") or "").split()[2:]]
    assert top_of_low == bottom_of_high


def test_one_value_alone_is_an_area_from_end_to_end() -> None:
    (drawn,) = each(area([Series("live", [5])], ["2026-11"], "Storage"), "polygon")
    left, right = ((drawn.get("points") or "").split())[:2]
    assert left.split(",")[0] == "0.0"
    assert right.split(",")[0] == "720.0"
    assert left.split(",")[1] == right.split(",")[1]


def test_few_bars_are_no_wider_than_many() -> None:
    for labels in (["2026-11"], ["2026-10", "2026-11"]):
        drawn = each(
            bars([Series("pulls", [1] * len(labels)), Series("pushes", [2] * len(labels))], labels, "Use"), "rect"
        )
        thick = [bar for bar in drawn if bar.get("height") not in (None, "10")]
        assert max(float(bar.get("width", "")) for bar in thick) <= 32


def test_axes_of_bytes_end_at_a_round_number_of_their_unit() -> None:
    drawn = area([Series("live", [700 << 20])], ["a"], "Storage", lambda value: size(int(value)))
    assert [text.text for text in each(drawn, "text")][-2:] == ["500 MiB", "1000 MiB"]


@pytest.mark.parametrize(
    "drawn",
    [
        bars([Series("pulls", [])], [], "Empty"),
        area([], [], "Empty"),
        treemap([], "Empty"),
        timeline([], [], Span(5, 5), "Empty"),
        sparkline([], "nothing"),
        sparkline([0, 0], "nothing"),
    ],
)
def test_nothing_is_drawn_as_nothing(drawn: Markup) -> None:
    assert not re.search(r"nan|inf", str(drawn), re.IGNORECASE)
    assert parsed(drawn) is not None


@pytest.mark.parametrize(
    "drawn",
    [
        bars([Series(HOSTILE, [1]), Series("b", [2])], [HOSTILE], HOSTILE),
        area([Series(HOSTILE, [1])], [HOSTILE], HOSTILE),
        treemap([Part(HOSTILE, 1, HOSTILE, "/x?" + HOSTILE)], HOSTILE),
        timeline([Mark(1, HOSTILE, href="/" + HOSTILE)], [HOSTILE], Span(0, 2, 1), HOSTILE),
        sparkline([1], HOSTILE),
    ],
)
def test_texts_of_others_stay_texts(drawn: Markup) -> None:
    assert not each(drawn, "script")
    assert all("onload" not in element.attrib for element in parsed(drawn).iter())
    assert "style=" not in drawn


def test_a_mark_stands_where_its_time_is() -> None:
    marks = [Mark(0, "first"), Mark(50, "half"), Mark(100, "last"), Mark(900, "later")]
    found = [float(dot.get("cx", "")) for dot in each(timeline(marks, ["tags"], Span(0, 100), "Tags"), "circle")]
    assert found[1] == pytest.approx((found[0] + found[2]) / 2, abs=0.1)
    assert found[3] == found[2], "what is later stands at the end"


def test_a_timeline_tells_marks_apart_by_shape_and_says_when() -> None:
    from holdfast.web.charts.timeline import Mark, Shape, Span, sample, timeline

    day = 86_400_000_000
    marks = [
        Mark(0, "a created", 0, "/r/a", 3),
        Mark(day, "a moved", 0, "", 1, Shape.SQUARE),
        Mark(2 * day, "<b>", 1, "", 2, Shape.CROSS),
    ]
    svg = str(timeline(marks, ["a", "<i>"], Span(0, 3 * day, day), "Changes"))
    assert svg.count("<circle") == svg.count("<rect") == svg.count("<path") == 1
    assert "<b>" not in svg
    assert "<i>" not in svg
    assert 'href="/r/a"' in svg
    assert "01 Jan" in svg
    assert "04 Jan UTC" in svg
    assert "<title>" not in str(sample(1, Shape.CROSS))
