"""What stands on home and on the page of storage where one day alone was counted."""

from __future__ import annotations

from holdfast.console.home import area_of
from holdfast.registry.ledger.figures_store import DayRow


def test_one_day_of_storage_is_said_and_two_are_drawn() -> None:
    days = [DayRow("", day, 1024, 512, 512, 1024, 512, 512) for day in (20_000, 20_001)]
    for kept in (False, True):
        assert "2.0 KiB so far. The chart begins with the second day." in area_of(days[:1], stored=kept)
        assert "<svg" in area_of(days, stored=kept)
