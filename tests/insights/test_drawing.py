"""What is drawn of counts, and what is said where there is too little for a picture."""

from __future__ import annotations

import re

from holdfast.insights.drawing import by_days, by_months, stored
from holdfast.insights.model import Counts, date_text, month_text
from holdfast.insights.showback import Month

TODAY = 738_000
MONTH = 24_322


def month(number: int, held: int | None = 2048) -> Month:
    return Month("team", number, held, held, 3, 1, 0, 0)


def test_one_day_alone_is_said_and_two_are_drawn() -> None:
    first = by_days([(TODAY, Counts(pulls=12, pushes=1))], TODAY - 29, TODAY)
    assert f"All on {date_text(TODAY)}: 12 pulls, 1 push. The chart begins with the second day." in first.svg
    assert (len(first.rows), "<svg" in first.svg) == (30, False)
    before = by_days([(TODAY - 9, Counts(pulls=1))], TODAY - 29, TODAY)
    assert f"All on {date_text(TODAY - 9)}: 1 pull, 0 pushes.</p>" in before.svg
    two = by_days([(TODAY - 9, Counts(pulls=1)), (TODAY, Counts(pushes=1))], TODAY - 29, TODAY)
    assert "<svg" in two.svg


def test_one_month_alone_is_said_and_two_are_drawn() -> None:
    assert (
        f"{month_text(MONTH)} so far: 3 pulls, 1 push. The chart begins with the second month."
        in by_months([month(MONTH)]).svg
    )
    assert re.search(r"2(\.0)? KiB so far. The chart begins with the second month.", stored([month(MONTH)]).svg)
    for drawn in (by_months([month(MONTH), month(MONTH + 1)]), stored([month(MONTH), month(MONTH + 1)])):
        assert "<svg" in drawn.svg
    assert "<svg" not in stored([month(MONTH, None), month(MONTH + 1)]).svg
