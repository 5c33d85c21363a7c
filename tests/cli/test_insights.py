"""Bars, spreadsheets, and what `holdfast insights` refuses before it asks anybody."""

from __future__ import annotations

import csv

import pytest
from click.testing import CliRunner

from holdfast.cli.main import main
from holdfast.cli.sparkline import WIDEST, sparkline
from holdfast.cli.spreadsheet import csv_lines


@pytest.mark.parametrize(
    ("numbers", "encoding", "bars"),
    [
        ([], "utf-8", ""),
        ([0, 0], "utf-8", "▁▁"),
        ([0, 1, 8], "utf-8", "▁▂█"),
        ([5], "utf-8", "█"),
        ([0, 1, 8], "ascii", "_.#"),
        ([0, 8], "no such thing", "_#"),
    ],
)
def test_bars(numbers: list[int], encoding: str, bars: str) -> None:
    assert sparkline(numbers, encoding) == bars


def test_many_numbers_are_put_together() -> None:
    bars = sparkline([1] * 400, "utf-8")
    assert len(bars) <= WIDEST
    assert set(bars[:-1]) == {"█"}


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "|x", "%x"])
def test_no_cell_is_a_formula(text: str) -> None:
    (_, cells) = csv.reader("".join(csv_lines(("path", "sent"), [{"path": text, "sent": -1}])).splitlines())
    assert cells[0].startswith("'")
    assert cells[1] == "-1", "a number is a number"


@pytest.mark.parametrize(
    "words",
    [("--who", "--top"), ("--top", "--idle", "90d"), ("--tag", "v1"), ("--digest", "x"), ("--csv",), ("--by", "moon")],
)
def test_what_makes_no_sense_is_said(words: tuple[str, ...]) -> None:
    done = CliRunner().invoke(main, ["insights", "shop/web", *words], env={"HOLDFAST_URL": "http://127.0.0.1:1"})
    assert done.exit_code == 2, done.output
