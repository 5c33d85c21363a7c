"""The page of what managing costs: growth is found in the tables of every part, and drawn."""

from __future__ import annotations

from bench.curves import draw
from bench.managing import growth, tables
from bench.report import table

COLLECTION = table(("contents kept", "seconds", "objects/s"), [("1,000", "0.50", "10"), ("10,000", "0.60", "8")])
HISTORY = table(("what", "ms"), [("tags page, 10 tags", "0.01"), ("tags page, 1,000 tags", "0.02"), ("once", "3.00")])
RETENTION = table(("tags", "would go", "plan, s"), [("100", "1", "0.0"), ("1,000", "10", "0.2")])
SEARCH = table(("what", "ms, 10 tags", "ms, 1,000 tags", "growth"), [("a tag", "0.10", "0.20", "2.0 x")])


def test_growth_is_read_from_every_table() -> None:
    both = tables(f"words\n\n{COLLECTION}\n\nmore words\n\n{HISTORY}\n")
    assert [len(rows) for rows in both] == [3, 4]
    assert growth("Collection", both[0]) == {"Collection": [(1000, 500), (10_000, 600)]}
    assert growth("History", both[1]) == {"tags page, tags": [(10, 0.01), (1000, 0.02)]}
    assert growth("Retention", tables(RETENTION)[0]) == {"Retention": [(100, 1), (1000, 200)]}
    assert growth("Search", tables(SEARCH)[0]) == {"a tag": [(10, 0.1), (1000, 0.2)]}


def test_a_table_without_sizes_shows_no_growth() -> None:
    assert growth("x", tables(table(("what", "found"), [("objects", "1"), ("files", "2")]))[0]) == {}


def test_every_curve_is_drawn_and_named() -> None:
    picture = draw({"a < b": [(10, 0.5), (1000, 2)], "c": [(1, 1), (10, 10)]}, "growth")
    assert picture.count("<polyline") == 2
    assert "a &lt; b" in picture
    assert draw({}, "nothing").endswith("</svg>\n")
