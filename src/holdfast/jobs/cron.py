"""Cron expressions of five fields, in UTC: minute, hour, day of month, month, day of week.

A field is `*`, a number, a range `a-b`, either with a step `/n`, or a list of those with commas. Months and days of the
week have their English names of three letters too; Sunday is 0 and 7. Where both day fields are restricted (neither
begins with `*`) a day fits when one of them does, as everywhere in cron.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

_NAMES_OF_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTHS = {name: n for n, name in enumerate(_NAMES_OF_MONTHS, 1)}
_DAYS = {"sun": 0, "mon": 1, "tue": 2, "wed": 3, "thu": 4, "fri": 5, "sat": 6}
_YEARS = 41
"""The longest wait that there is: from one 29th of February on a given day of the week to the next, over 2100."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class _Field(NamedTuple):
    name: str
    low: int
    high: int
    names: Mapping[str, int]


_FIELDS = (
    _Field("minute", 0, 59, {}),
    _Field("hour", 0, 23, {}),
    _Field("day of month", 1, 31, {}),
    _Field("month", 1, 12, _MONTHS),
    _Field("day of week", 0, 7, _DAYS),
)


@dataclass(frozen=True, slots=True)
class Cron:
    """When something is due. Made by `Cron.parse`."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either_day: bool

    @classmethod
    def parse(cls, text: str) -> Cron:
        """Read five fields. Raises ValueError, naming the field, also when no day will ever fit."""
        parts = text.split()
        if len(parts) != len(_FIELDS):
            raise ValueError(f"{text[:64]!r} has {len(parts)} fields, and cron has five")
        minutes, hours, days, months, weekdays = (
            _values(part, field) for part, field in zip(parts, _FIELDS, strict=True)
        )
        either = not parts[2].startswith("*") and not parts[4].startswith("*")
        cron = cls(minutes, hours, days, months, frozenset(day % 7 for day in weekdays), either)
        if cron._next(datetime(2000, 1, 1, tzinfo=UTC)) is None:
            raise ValueError(f"{text[:64]!r} never happens")
        return cron

    def after(self, moment: int) -> int:
        """The first time that fits after `moment`, both in microseconds since the epoch."""
        found = self._next(_EPOCH + timedelta(microseconds=moment))
        assert found is not None, "parse has seen that there is one"
        return (found - _EPOCH) // timedelta(microseconds=1)

    def _next(self, moment: datetime) -> datetime | None:
        at = moment.replace(second=0, microsecond=0) + timedelta(minutes=1)
        last = at.year + _YEARS
        while at.year <= last:
            if at.month not in self.months:
                at = (at.replace(day=1, hour=0, minute=0) + timedelta(days=32)).replace(day=1)
            elif not self._is_day(at):
                at = at.replace(hour=0, minute=0) + timedelta(days=1)
            elif at.hour not in self.hours:
                at = at.replace(minute=0) + timedelta(hours=1)
            elif at.minute not in self.minutes:
                at += timedelta(minutes=1)
            else:
                return at
        return None

    def _is_day(self, at: datetime) -> bool:
        by_month, by_week = at.day in self.days, at.isoweekday() % 7 in self.weekdays
        return by_month or by_week if self.either_day else by_month and by_week


def _values(text: str, field: _Field) -> frozenset[int]:
    found: set[int] = set()
    for part in text.split(","):
        span, slash, step = part.partition("/")
        width = _number(step, field, {}) if slash else 1
        if width < 1:
            raise ValueError(f"the step of the {field.name} in {part[:32]!r} is not above 0")
        first, dash, last = span.partition("-")
        if span == "*":
            low, high = field.low, field.high
        else:
            low = _number(first, field, field.names)
            high = _number(last, field, field.names) if dash else (field.high if slash else low)
            if not field.low <= low <= high <= field.high:
                raise ValueError(f"the {field.name} {span[:32]!r} is not within {field.low}-{field.high}")
        found.update(range(low, high + 1, width))
    return frozenset(found)


def _number(text: str, field: _Field, names: Mapping[str, int]) -> int:
    if text.lower() in names:
        return names[text.lower()]
    if not (text.isascii() and text.isdigit() and len(text) <= 4):
        raise ValueError(f"{text[:32]!r} is not a {field.name}")
    return int(text)
