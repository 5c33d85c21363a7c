"""The detector: what is unusual in whom, in words and points; the same each time, and bounded."""

from __future__ import annotations

import pytest

from holdfast.access.errors import Invalid
from holdfast.unusual.detect import observe
from holdfast.unusual.model import DAY, HOUR, SECOND, Alarm, Kind, Seen
from holdfast.unusual.places import REPOSITORY, Places
from holdfast.unusual.profile import Profile, read, write
from holdfast.unusual.tuning import DEFAULT, Sensitivity
from holdfast.unusual.written import Action, canonical, parse
from holdfast.unusual.written import write as write_setting

MONDAY = 19_723 * DAY
ROBOT = Seen("robot:shop+ci", "key:1", "10.1.2.0/24", "docker", "shop/app0", True, 3, 1, 10_000_000, 0)


class Life:
    """A subject, and what it does day by day."""

    def __init__(self) -> None:
        self.profile = Profile(MONDAY)
        self.places = Places()
        self.alarms: list[Alarm] = []

    def does(self, at: int, **what: object) -> Alarm | None:
        """Something at a moment; else as always."""
        found = observe(self.profile, ROBOT._replace(at=at, **what), self.places, DEFAULT)  # type: ignore[arg-type]
        if found is not None:
            self.alarms.append(found)
        return found

    def days(self, many: int = 40, first: int = 0) -> int:
        """So many days as always, at ten o'clock; the morning after them."""
        for day in range(first, first + many):
            for n in range(4):
                at = MONDAY + day * DAY + 10 * HOUR + n * 60 * SECOND
                self.does(at, repository=f"shop/app{n}")
        return MONDAY + (first + many) * DAY + 10 * HOUR


def kinds(alarm: Alarm | None) -> list[Kind]:
    assert alarm is not None
    return [each.kind for each in alarm.findings]


def test_what_is_always_done_is_nothing() -> None:
    life = Life()
    life.days(90)
    assert life.alarms == []


def test_a_stolen_key_is_told_by_network_and_client() -> None:
    life = Life()
    at = life.days()
    alarm = life.does(at, network="198.51.100.0/24", agent="curl")
    assert sorted(kinds(alarm)) == [Kind.AGENT, Kind.NETWORK]
    assert alarm is not None
    assert alarm.score >= DEFAULT.threshold
    network = next(each for each in alarm.findings if each.kind is Kind.NETWORK)
    assert network.usual == "a new network on 0 of the last 28 active days"
    assert "nobody else ever came from 198.51.0.0/16" in network.value
    assert network.text.startswith(f"network +{network.points}: 198.51.100.0/24")


def test_a_new_subject_is_only_watched() -> None:
    life = Life()
    at = life.days(6)
    for n in range(200):
        life.does(at + n * SECOND, repository=f"other/app{n}", network=f"198.51.{n}.0/24", agent=f"a{n}")
    assert life.alarms == []


def test_guessing_a_hundred_names_is_told_of_a_new_subject_too() -> None:
    life = Life()
    for n in range(120):
        life.does(MONDAY + n * SECOND, repository=f"guess/{n}", allowed=False)
    assert kinds(life.alarms[0]) == [Kind.ENUMERATION]
    assert "100 different names refused in one hour" in life.alarms[0].findings[0].value


def test_pulling_everything_is_told() -> None:
    life = Life()
    at = life.days()
    for n in range(60):
        life.does(at + n * SECOND, repository=f"shop/other{n}")
    assert Kind.BULK in kinds(life.alarms[0])
    assert "at most 4" in next(each.usual for each in life.alarms[0].findings if each.kind is Kind.BULK)


def test_a_dead_key_that_comes_alive_is_told() -> None:
    life = Life()
    life.does(MONDAY, credential="key:9")
    life.does(MONDAY + DAY, credential="key:9")
    at = life.days(60, 2)
    alarm = life.does(at, credential="key:9")
    assert kinds(alarm)[0] is Kind.DEAD_KEY
    assert alarm is not None
    assert alarm.findings[0].value == "key:9 was unused for 61 days"


def test_a_burst_at_night_is_told() -> None:
    life = Life()
    at = life.days() - 7 * HOUR
    for n in range(80):
        life.does(at + n * SECOND)
    assert kinds(life.alarms[0]) == [Kind.HOURS]


def test_many_refusals_are_told_but_a_broken_job_is_not() -> None:
    life = Life()
    at = life.days()
    for n in range(200):
        life.does(at + n * SECOND, allowed=False)
    assert life.alarms == []
    life = Life()
    life.days()
    for n in range(200):
        life.does(at + n * SECOND, repository=f"shop/app{n % 4}", allowed=False)
    assert kinds(life.alarms[0]) == [Kind.DENIALS]


def test_one_cause_is_told_once_and_grows() -> None:
    life = Life()
    at = life.days()
    for n in range(100):
        life.does(at + n * SECOND, network="198.51.100.0/24", agent="curl")
    fresh = [each for each in life.alarms if each.fresh]
    assert len(fresh) == 1
    assert len(life.alarms) <= 3  # once a minute


def test_what_raised_an_alarm_stays_unusual_until_it_is_expected() -> None:
    life = Life()
    at = life.days()
    for later in (0, 3, 6):
        assert life.does(at + later * DAY, network="198.51.100.0/24", agent="curl") is not None
    life.profile.expect()
    assert life.does(at + 9 * DAY, network="198.51.100.0/24", agent="curl") is None


def test_what_others_do_is_less_unusual() -> None:
    alone, among = Life(), Life()
    alone.days()
    at = among.days()
    for n in range(4):
        other = ROBOT._replace(subject=f"user:{n}", network="198.51.100.0/24", agent="curl", at=at - HOUR)
        observe(Profile(MONDAY), other, among.places, DEFAULT)
    assert alone.does(at, network="198.51.100.0/24") is None
    assert among.does(at, network="198.51.100.0/24") is None
    assert alone.profile.found[Kind.NETWORK].points > 4 * among.profile.found[Kind.NETWORK].points


def test_a_profile_is_bounded_and_the_same_after_writing() -> None:
    life = Life()
    at = life.days(15)
    for n in range(20_000):
        life.does(
            at + n * SECOND,
            repository=f"hostile/{n}",
            network=f"{n % 223}.{n % 255}.{n % 251}.0/24",
            agent=f"agent{n}",
            credential=f"key:{n}",
            allowed=n % 3 != 0,
        )
        if n % 1000 == 0:
            life.profile = read(write(life.profile))
    assert len(write(life.profile)) < 40_000
    assert len(life.places.found["repository", "hostile/1"].subjects) == 1


def test_passers_by_do_not_hide_who_comes_again() -> None:
    places = Places()
    for day in range(3):
        for who in ("user:a", "user:b", "user:c"):
            places.meet(REPOSITORY, "x", who, MONDAY + day * DAY, HOUR)
    for n in range(100):
        places.meet(REPOSITORY, "x", f"user:passer{n}", MONDAY + 3 * DAY + n, HOUR)
    assert places.others(REPOSITORY, "x", "user:z", 0, DAY) == 3


def test_the_setting_is_read_strictly() -> None:
    found = parse('{"sensitivity": "high", "off": ["hours"], "actions": {"bulk": "suspend"}, "learning": "30d"}')
    assert found.tuning.sensitivity is Sensitivity.HIGH
    assert found.tuning.learning == 30 * DAY
    assert found.action((Kind.HOURS, Kind.BULK)) is Action.SUSPEND
    assert found.action((Kind.HOURS,)) is Action.EVENT
    assert write_setting(canonical("none")) == "none"
    assert parse(canonical('{"off": ["hours"], "least_names": 9}')) == parse('{"least_names": 9, "off": ["hours"]}')
    for wrong in (
        "[]",
        "{",
        '{"x": 1}',
        '{"off": ["canary"]}',
        '{"off": "hours"}',
        '{"least_names": 0}',
        '{"least_names": true}',
        '{"learning": "soon"}',
        '{"actions": {"bulk": "explode"}}',
        '{"actions": []}',
        '{"sensitivity": []}',
        "1" * 5000,
    ):
        with pytest.raises(Invalid):
            parse(wrong)
