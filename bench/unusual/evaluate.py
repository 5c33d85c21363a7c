"""Runs the detector over generated traffic and counts: what was found of what was planted, how late, and what was not
meant. An alarm outside every planted attack on its subject is false, benign shocks included."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

from bench.unusual.attacks import Attack, plant
from bench.unusual.shocks import prepare, strike
from bench.unusual.traffic import START, World, live, populate
from holdfast.unusual.detect import observe
from holdfast.unusual.model import DAY, HOUR, SECOND, Alarm, Kind, Seen
from holdfast.unusual.places import Places
from holdfast.unusual.profile import Profile
from holdfast.unusual.tuning import DEFAULT, Tuning

QUIET_DAYS = 14


class Of(NamedTuple):
    """Attacks of one kind: how many, how many were found, and how late (seconds, median and most)."""

    kind: str
    planted: int
    found: int
    delay: int
    longest: int


class Outcome(NamedTuple):
    """The outcome of some worlds. `by_kind`: false alarms by the kind that gave the most points."""

    kinds: list[Of]
    subject_days: int
    false: int
    by_kind: Counter[Kind]
    rows: int

    @property
    def rate(self) -> float:
        """False alarms per 1,000 subject-days."""
        return 1000 * self.false / max(self.subject_days, 1)


class Run(NamedTuple):
    """One world: alerts that begin, the attacks, subject-days after the quiet ones."""

    alerts: list[Alarm]
    attacks: list[Attack]
    subject_days: int
    rows: int


def world(seed: int, days: int = 70, of_each: int = 3) -> tuple[World, list[Attack]]:
    """A whole world, its rows in order."""
    found = populate(seed, days)
    prepare(found)
    live(found)
    strike(found)
    attacks = plant(found, of_each)
    found.rows.sort(key=lambda row: row.at)
    return found, attacks


def run(seed: int, tuning: Tuning = DEFAULT, days: int = 70) -> Run:
    """Generate one world and look at it."""
    found, attacks = world(seed, days)
    profiles: dict[str, Profile] = {}
    places = Places()
    alerts: list[Alarm] = []
    last: dict[str, int] = {}
    active: set[tuple[str, int]] = set()
    for row in found.rows:
        profile = profiles.get(row.subject)
        if profile is None:
            profile = profiles[row.subject] = Profile(row.at)
        alarm = observe(profile, row, places, tuning)
        if row.at >= START + QUIET_DAYS * DAY:
            active.add((row.subject, row.at // DAY))
        if alarm is not None:
            if row.subject not in last or row.at - last[row.subject] >= tuning.cool_down:
                alerts.append(alarm)
            last[row.subject] = row.at
    return Run(alerts, attacks, len(active), len(found.rows))


def judge(runs: Sequence[Run]) -> Outcome:
    """Count over all runs."""
    planted: Counter[str] = Counter()
    delays: dict[str, list[int]] = {}
    false, by_kind = 0, Counter[Kind]()
    for each in runs:
        met: dict[Attack, int] = {}
        for attack in each.attacks:
            planted[attack.kind] += 1
        for alarm in each.alerts:
            hit = next((attack for attack in each.attacks if _meets(attack, alarm)), None)
            if hit is None:
                false += 1
                by_kind[alarm.findings[0].kind] += 1
            else:
                met.setdefault(hit, alarm.at - hit.begins)
        for attack, delay in met.items():
            delays.setdefault(attack.kind, []).append(max(delay, 0))
    kinds = []
    for kind in planted:
        late = sorted(delays.get(kind, []))
        kinds.append(
            Of(
                kind,
                planted[kind],
                len(late),
                int(median(late)) // SECOND if late else 0,
                late[-1] // SECOND if late else 0,
            )
        )
    return Outcome(kinds, sum(each.subject_days for each in runs), false, by_kind, sum(each.rows for each in runs))


def _meets(attack: Attack, alarm: Alarm) -> bool:
    return alarm.subject == attack.subject and attack.begins <= alarm.at <= attack.ends + HOUR


def rows_of(seed: int, days: int = 70) -> list[Seen]:
    """The rows of a world."""
    return world(seed, days)[0].rows
