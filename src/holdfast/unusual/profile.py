"""What is known of one subject: its baseline, its current hour, and what was found in it lately.

Promises: plain values, some kilobytes whatever the subject does; the same things seen in the same order give the same
profile, in whichever process; it can be written as bytes and read again.
"""

from __future__ import annotations

import msgspec

from holdfast.unusual.memory import FADE, Known, Peaks
from holdfast.unusual.model import DAY, HOUR, Finding, Kind

PULLS, REPOSITORIES, BYTES, REFUSALS, NAMES = range(5)
"""The quantities of an hour."""
MOST_IN_AN_HOUR = 1000
"""Different repositories and names that are told apart within an hour."""
MOST_NETWORKS, MOST_WIDE, MOST_AGENTS, MOST_REPOSITORIES, MOST_SPACES, MOST_KEYS = 48, 24, 16, 400, 32, 24
_SUSPECTS = 24
_WEEK = 7 * 24
_MONDAY = 4
"""The day of the epoch on which a week began."""


class Hour(msgspec.Struct, array_like=True):
    """The current hour, by its number since the epoch. Names are kept as numbers."""

    n: int = 0
    pulls: int = 0
    bytes: int = 0
    refusals: int = 0
    repositories: set[int] = msgspec.field(default_factory=set)
    names: set[int] = msgspec.field(default_factory=set)
    path: str | None = None

    def at(self, repository: str) -> None:
        """Something happened at a repository: `path` is what all of this hour lie below."""
        if self.path != repository:
            self.path = repository if self.path is None else common(self.path, repository)

    def amounts(self) -> tuple[int, int, int, int, int]:
        """The quantities, as they are numbered."""
        return self.pulls, len(self.repositories), self.bytes, self.refusals, len(self.names)


class Found(msgspec.Struct, array_like=True):
    """A finding that counts until it is too old. `path`: what all repositories in it lie below; `times`: how often it
    was found meanwhile."""

    points: float
    at: int
    value: str
    usual: str
    path: str
    times: int = 1


class KeyUse(msgspec.Struct, array_like=True):
    """When a credential was used last, and the longest pause that it ever made (microseconds)."""

    last: int
    pause: int = 0


class Profile(msgspec.Struct, array_like=True):
    """One subject. `day`: the current one; `last`: when at the latest it was seen before; `weight`: faded active days;
    `top`: the highest hour of today, of each quantity; `names`: the names refused today; `outside`: whether it ever
    came from a public address; `alarm_*`: the last alarm of the cause that goes on."""

    born: int
    day: int = 0
    last: int = 0
    days: int = 0
    weight: float = 0.0
    networks: Known = msgspec.field(default_factory=Known)
    wides: Known = msgspec.field(default_factory=Known)
    agents: Known = msgspec.field(default_factory=Known)
    repositories: Known = msgspec.field(default_factory=Known)
    spaces: Known = msgspec.field(default_factory=Known)
    hours: list[int] = msgspec.field(default_factory=lambda: [0] * _WEEK)
    peaks: list[Peaks] = msgspec.field(default_factory=lambda: [Peaks() for _ in range(5)])
    top: list[int] = msgspec.field(default_factory=lambda: [0] * 5)
    keys: dict[str, KeyUse] = msgspec.field(default_factory=dict)
    hour: Hour = msgspec.field(default_factory=Hour)
    names: set[int] = msgspec.field(default_factory=set)
    found: dict[str, Found] = msgspec.field(default_factory=dict)
    suspects: dict[str, int] = msgspec.field(default_factory=dict)
    outside: bool = False
    place: str = ""
    place_at: int = 0
    alarm_at: int = 0
    alarm_told: int = 0
    alarm_kinds: list[str] = msgspec.field(default_factory=list)

    def turn(self, at: int) -> None:
        """Time goes on to `at`: close the hour and the day that are over."""
        hour = at // HOUR
        if hour <= self.hour.n:
            return
        self._end_hour()
        self.hour = Hour(hour)
        day = at // DAY
        if day > self.day:
            self.last = (self.day + 1) * DAY
            self._end_day()
            self.day = day
            self.days += 1

    def _end_hour(self) -> None:
        over = self.hour
        for n, amount in enumerate(over.amounts()):
            self.top[n] = max(self.top[n], amount)
        if over.pulls and Kind.HOURS not in self.found:
            at = hour_of_week(over.n)
            self.hours[at] = min(self.hours[at] + 1, 255)

    def _end_day(self) -> None:
        if not self.days:
            return
        for peaks, amount in zip(self.peaks, self.top, strict=True):
            peaks.fade()
            peaks.add(amount)
        self.top = [0] * 5
        self.names.clear()
        self.weight = self.weight * FADE + 1.0
        for known in (self.networks, self.wides, self.agents, self.repositories, self.spaces):
            known.fade()

    def is_suspect(self, kind: Kind, value: str) -> bool:
        """Whether an alarm was raised for this value, which nobody called expected."""
        return bool(self.suspects) and f"{kind} {value}" in self.suspects

    def suspect(self, kind: Kind, value: str, at: int) -> None:
        """This value belongs to an alarm: it stays unusual until somebody calls it expected."""
        if len(self.suspects) >= _SUSPECTS:
            del self.suspects[min(self.suspects, key=lambda each: (self.suspects[each], each))]
        self.suspects[f"{kind} {value}"] = at

    def find(self, kind: Kind, new: Found) -> None:
        """Note a finding; the strongest of each kind counts."""
        before = self.found.get(kind)
        if before is None:
            self.found[kind] = new
            return
        if new.points >= before.points:
            before.points, before.value, before.usual = new.points, new.value, new.usual
        before.at = new.at
        before.path = common(before.path, new.path)
        before.times += 1

    @property
    def path(self) -> str:
        """What all that was found lately lies below."""
        paths = [each.path for each in self.found.values()]
        found = paths[0] if paths else ""
        for each in paths[1:]:
            found = common(found, each)
        return found

    def findings(self, since: int, off: frozenset[Kind]) -> list[Finding]:
        """What counts still, the most points first; what is older than `since` is forgotten."""
        for kind in [kind for kind, each in self.found.items() if each.at < since]:
            del self.found[kind]
        kept = (
            Finding(Kind(kind), round(each.points), each.value, each.usual)
            for kind, each in self.found.items()
            if Kind(kind) not in off
        )
        return sorted((each for each in kept if each.points > 0), key=lambda each: (-each.points, each.kind))

    def busy(self, hour: int) -> int:
        """On how many days of its kind (working days, or week-ends) the subject was there around this hour."""
        day, clock = divmod(hour_of_week(hour), 24)
        days = range(5) if day < 5 else range(5, 7)
        around = ((clock - 1) % 24, clock, (clock + 1) % 24)
        return sum(self.hours[each * 24 + n] for each in days for n in around)

    def odd_hours(self, hour: int) -> float:
        """How irregular its hours are on such days: half the hours of the day at which it was just once."""
        day = hour_of_week(hour) // 24
        days = range(5) if day < 5 else range(5, 7)
        return 0.5 * sum(1 for clock in range(24) if sum(self.hours[each * 24 + clock] for each in days) == 1)

    def expect(self) -> None:
        """What was found lately is usual from now on: somebody says so."""
        self.suspects.clear()
        for kind, quantity in _TAUGHT:
            if kind in self.found:
                self.peaks[quantity].add(max(self.top[quantity], self.hour.amounts()[quantity]), 5.0)
        if Kind.HOURS in self.found:
            at = hour_of_week(self.hour.n)
            self.hours[at] = min(self.hours[at] + 1, 255)
        self.found.clear()
        self.alarm_at = self.alarm_told = 0
        self.alarm_kinds = []


_TAUGHT = (
    (Kind.BULK, REPOSITORIES),
    (Kind.BULK, BYTES),
    (Kind.DENIALS, REFUSALS),
    (Kind.ENUMERATION, NAMES),
    (Kind.HOURS, PULLS),
)
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Profile).decode


def write(profile: Profile) -> bytes:
    """The profile as it is kept."""
    return _encode(profile)


def read(data: bytes) -> Profile:
    """A profile that was kept."""
    return _decode(data)


def common(path: str, other: str) -> str:
    """The longest path that both are at or below."""
    if path == other:
        return path
    parts = []
    for one, two in zip(path.split("/"), other.split("/"), strict=False):
        if one != two:
            break
        parts.append(one)
    return "/".join(parts)


def hour_of_week(hour: int) -> int:
    """0: Monday, midnight to one o'clock (UTC); 167: the last of Sunday. `hour`: since the epoch."""
    day, clock = divmod(hour, 24)
    return (day - _MONDAY) % 7 * 24 + clock
