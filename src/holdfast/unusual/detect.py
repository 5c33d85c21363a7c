"""The detector: from what a subject did to what is unusual in it, with points that say why.

Promises: a pure function of what was seen, in its order; no clock, no chance, no look-up: the same stream gives the
same alarms wherever it is read. It learns while it looks: what was seen is known, but for what raised an alarm.
"""

from __future__ import annotations

import zlib
from functools import lru_cache
from ipaddress import ip_address, ip_network

from holdfast.registry.quotas.model import written
from holdfast.unusual.memory import points
from holdfast.unusual.model import CROWDS, DAY, HOUR, SECOND, Alarm, Kind, Seen
from holdfast.unusual.places import AGENT, ARRIVED, NETWORK, REPOSITORY, SURGE, WIDE, Places
from holdfast.unusual.profile import (
    BYTES,
    MOST_AGENTS,
    MOST_IN_AN_HOUR,
    MOST_KEYS,
    MOST_NETWORKS,
    MOST_REPOSITORIES,
    MOST_SPACES,
    MOST_WIDE,
    NAMES,
    REFUSALS,
    REPOSITORIES,
    Found,
    KeyUse,
    Profile,
)
from holdfast.unusual.tuning import Tuning

_LATELY = 7 * DAY
_USED_STILL = 30 * DAY
_AGAIN = 6 * HOUR
_AT_ONCE = 600 * SECOND
_EVERYTHING = 100
"""Who pulls from so many repositories (a mirror, a scanner) says nothing of who uses one of them."""
_WHILE_LEARNING = 0.3
"""How much a new thing counts while a subject is new itself."""


def observe(profile: Profile, seen: Seen, places: Places, tuning: Tuning) -> Alarm | None:
    """Look at one thing that happened, and learn it. An alarm: the score reached the threshold, and there is something
    to tell (a new cause or kind, or a minute is over)."""
    profile.turn(seen.at)
    learning = seen.at - profile.born < tuning.learning or profile.days < tuning.learned_days
    person = not seen.subject.startswith(CROWDS)
    if seen.allowed:
        if person:
            _novelties(profile, seen, places, learning=learning or profile.days <= 1)
            _key(profile, seen, tuning)
        _volumes(profile, seen, places, tuning, learning=learning)
    else:
        _refusals(profile, seen, tuning, learning=learning)
    return _alarm(profile, seen, tuning) if profile.found else None


def _novelties(profile: Profile, seen: Seen, places: Places, *, learning: bool) -> None:
    day = profile.day
    counts = 0.0 if profile.days <= 1 else _WHILE_LEARNING if learning else 1.0
    if seen.network and (
        profile.networks.meet(seen.network, day, MOST_NETWORKS, counts=counts)
        or profile.is_suspect(Kind.NETWORK, seen.network)
    ):
        _network(profile, seen, places, counts=counts, learning=learning)
    if seen.agent and (
        profile.agents.meet(seen.agent, day, MOST_AGENTS, counts=counts) or profile.is_suspect(Kind.AGENT, seen.agent)
    ):
        _agent(profile, seen, places, learning=learning)
    if seen.repository and (
        profile.repositories.meet(f"{zlib.crc32(seen.repository.encode()):x}", day, MOST_REPOSITORIES, counts=counts)
        or profile.is_suspect(Kind.REPOSITORY, seen.repository)
    ):
        _repository(profile, seen, places, counts=counts, learning=learning)
    if seen.agent:
        places.meet(AGENT, seen.agent, seen.subject, seen.at, _AGAIN)
    if seen.network:
        places.meet(NETWORK, seen.network, seen.subject, seen.at, _AGAIN)
        places.meet(WIDE, wide_of(seen.network), seen.subject, seen.at, _AGAIN)
    if seen.repository and len(profile.repositories.values) < _EVERYTHING:
        places.meet(REPOSITORY, seen.repository, seen.subject, seen.at, _AGAIN)


def _network(profile: Profile, seen: Seen, places: Places, *, counts: float, learning: bool) -> None:
    wide, outside = wide_of(seen.network), is_public(seen.network)
    near = not profile.wides.meet(wide, profile.day, MOST_WIDE, counts=counts)
    came_outside = profile.outside
    profile.outside = outside or came_outside
    if learning:
        return
    amount = profile.networks.surprise(profile.weight)
    said = [seen.network]
    others = places.others(NETWORK, seen.network, seen.subject, seen.at - _LATELY)
    suspect = profile.is_suspect(Kind.NETWORK, seen.network)
    bonus = 0.0
    if others and not suspect:
        amount *= 0.2 if others >= 3 else 0.6
        said.append(f"{others} others came from it lately")
    if near and not suspect:
        amount *= 0.5
        said.append(f"near known ones ({wide})")
    if outside and not came_outside:
        bonus += 0.3
        said.append("a public address, until now all were private")
    if not near and not others and not places.others(WIDE, wide, seen.subject):
        bonus += 0.2
        said.append(f"nobody else ever came from {wide}")
    elapsed = seen.at - profile.place_at
    if seen.subject.startswith("user:") and not near and profile.place not in {"", wide} and elapsed < _AT_ONCE:
        value = f"{seen.network} {max(elapsed, 0) // (60 * SECOND)} minutes after {profile.place}"
        profile.find(Kind.APART, Found(0.8 * amount, seen.at, value, "one place at a time", seen.repository))
    usual = _usual(profile.networks.before, profile, "a new network")
    profile.find(Kind.NETWORK, Found(amount * (1.0 + bonus), seen.at, ", ".join(said), usual, seen.repository))


def _agent(profile: Profile, seen: Seen, places: Places, *, learning: bool) -> None:
    if learning:
        return
    amount = profile.agents.surprise(profile.weight)
    said = [seen.agent]
    others = places.others(AGENT, seen.agent, seen.subject)
    if not others:
        amount *= 1.5
        said.append("nobody else ever used it")
    elif places.others(ARRIVED, seen.agent, seen.subject, seen.at - _LATELY) and not profile.is_suspect(
        Kind.AGENT, seen.agent
    ):
        amount *= 0.4
        said.append("others begin to use it, too")
    else:
        amount *= 0.8
    places.meet(ARRIVED, seen.agent, seen.subject, seen.at, _AGAIN)
    profile.find(
        Kind.AGENT,
        Found(
            amount, seen.at, ", ".join(said), _usual(profile.agents.before, profile, "a new client"), seen.repository
        ),
    )


def _repository(profile: Profile, seen: Seen, places: Places, *, counts: float, learning: bool) -> None:
    space = seen.repository.partition("/")[0]
    near = not profile.spaces.meet(space, profile.day, MOST_SPACES, counts=counts)
    if learning:
        return
    amount = profile.repositories.surprise(profile.weight)
    said = [seen.repository]
    others = places.others(REPOSITORY, seen.repository, seen.subject, seen.at - _USED_STILL, DAY)
    laid = places.first(REPOSITORY, seen.repository)
    if laid is None or seen.at - laid < _LATELY:
        amount *= 0.4
        said.append("new for everybody")
    elif others >= 3:
        amount *= 0.4
        said.append("many pull from it")
    if near:
        amount *= 0.4
        said.append(f"beside others of {space}/")
    elif others <= 2 and laid is not None and seen.at - laid >= _LATELY:
        amount *= 1.6
        said.append(f"only {others} others pull from it" if others else "nobody else pulls from it")
    if _surge(places, seen):
        amount *= 0.4
        said.append("many are busy just now")
    before = profile.found.get(Kind.REPOSITORY)
    if before is not None:
        alone = laid is not None and others <= 2 and not near
        amount = max(amount, before.points) + (5.0 if alone and before.times < 5 else 0.0)
        said.append(f"and {before.times} more")
    usual = _usual(profile.repositories.before, profile, "a new repository")
    profile.find(Kind.REPOSITORY, Found(amount, seen.at, ", ".join(said), usual, seen.repository))


def _key(profile: Profile, seen: Seen, tuning: Tuning) -> None:
    if not seen.credential.startswith(("key:", "password")):
        return
    known = profile.keys.get(seen.credential)
    if known is None:
        if len(profile.keys) >= MOST_KEYS:
            del profile.keys[min(profile.keys, key=lambda each: (profile.keys[each].last, each))]
        profile.keys[seen.credential] = KeyUse(seen.at)
    else:
        pause = seen.at - known.last
        if pause >= tuning.dead_after and pause >= 3 * known.pause:
            longest = max(known.pause, DAY)
            amount = 45.0 + min(40.0, 30.0 * (pause / tuning.dead_after - 1.0)) + min(10.0, pause / longest)
            if seen.subject.startswith("user:") and profile.last < known.last + DAY:
                amount *= 0.7  # somebody was away, with all keys
            value = f"{seen.credential} was unused for {pause // DAY} days"
            usual = f"its longest pause was {_span(known.pause)}"
            profile.find(Kind.DEAD_KEY, Found(amount, seen.at, value, usual, seen.repository))
        if pause > 0:
            known.pause = max(known.pause, pause)
            known.last = seen.at
    if seen.network:
        profile.place, profile.place_at = wide_of(seen.network), seen.at


def _volumes(profile: Profile, seen: Seen, places: Places, tuning: Tuning, *, learning: bool) -> None:
    hour = profile.hour
    hour.at(seen.repository)
    hour.pulls += seen.pulls
    hour.bytes += seen.bytes
    grown = False
    if seen.repository and len(hour.repositories) < MOST_IN_AN_HOUR:
        before = len(hour.repositories)
        hour.repositories.add(zlib.crc32(seen.repository.encode()))
        grown = len(hour.repositories) > before
    if learning:
        return
    distinct = len(hour.repositories)
    if grown and distinct >= tuning.least_repositories:
        rise = profile.peaks[REPOSITORIES].rise(distinct, profile.weight, 4)
        value = f"{distinct} repositories in one hour"
        _bulk(profile, seen, places, Found(rise.points, seen.at, value, f"at most {rise.most}", hour.path or ""))
    if hour.bytes >= tuning.least_bytes and seen.bytes:
        rise = profile.peaks[BYTES].rise(hour.bytes, profile.weight, tuning.least_bytes / 8)
        value, usual = f"{written(hour.bytes)} in one hour", f"at most {written(rise.most)}"
        _bulk(profile, seen, places, Found(rise.points, seen.at, value, usual, hour.path or ""))
    if hour.pulls >= tuning.least_pulls and seen.pulls and not profile.busy(hour.n):
        _hours(profile, seen, places, tuning)


def _bulk(profile: Profile, seen: Seen, places: Places, told: Found) -> None:
    amount, value = told.points, told.value
    if amount <= 0:
        return
    places.meet(SURGE, "", seen.subject, seen.at, HOUR // 4)
    others = _surge(places, seen)
    if others:
        amount *= 0.4
        value += f", as {others} others just now"
    profile.find(Kind.BULK, Found(amount, seen.at, value, told.usual, told.path))


def _hours(profile: Profile, seen: Seen, places: Places, tuning: Tuning) -> None:
    hour = profile.hour
    places.meet(SURGE, "", seen.subject, seen.at, HOUR // 4)
    week_end = (hour.n // 24 + 3) % 7 >= 5
    elapsed = min(profile.day - profile.born // DAY, 90)
    days = elapsed * (2 if week_end else 5) / 7
    amount = min(45.0, points(profile.odd_hours(hour.n), days)) + min(
        30.0, 12.0 * (hour.pulls / tuning.least_pulls - 1.0)
    )
    clock = hour.n % 24
    value = f"{hour.pulls} pulls between {clock:02}:00 and {(clock + 1) % 24:02}:00 UTC"
    others = _surge(places, seen)
    if others:
        amount *= 0.4
        value += f", as {others} others just now"
    of = "week-end days" if week_end else "working days"
    usual = f"never there around that hour on {round(days)} {of}"
    profile.find(Kind.HOURS, Found(amount, seen.at, value, usual, hour.path or ""))


def _surge(places: Places, seen: Seen) -> int:
    """How many others are busier than usual just now, 0 where they are few; a subject that asks is one."""
    others = places.others(SURGE, "", seen.subject, seen.at - 2 * HOUR)
    return others if others >= 3 else 0


def _refusals(profile: Profile, seen: Seen, tuning: Tuning, *, learning: bool) -> None:
    hour = profile.hour
    hour.at(seen.repository)
    hour.refusals += seen.times
    name = zlib.crc32(seen.repository.encode())
    for told in (hour.names, profile.names):
        if len(told) < MOST_IN_AN_HOUR:
            told.add(name)
    names, today = len(hour.names), len(profile.names)
    if today >= 3 * tuning.least_names and not learning and names < tuning.least_names:
        rise = profile.peaks[NAMES].rise(today / 3, profile.weight, 2)
        value = f"{today} different names refused in one day, the last {seen.repository}"
        profile.find(Kind.ENUMERATION, Found(rise.points, seen.at, value, f"at most {rise.most} in one hour", ""))
    if names >= tuning.least_names * (10 if learning else 1):
        rise = profile.peaks[NAMES].rise(names, profile.weight, 2)
        value = f"{names} different names refused in one hour, the last {seen.repository}"
        amount = 100.0 if names >= 10 * tuning.least_names else rise.points
        profile.find(Kind.ENUMERATION, Found(amount, seen.at, value, f"at most {rise.most}", hour.path or ""))
    elif hour.refusals >= tuning.least_refusals and not learning:
        rise = profile.peaks[REFUSALS].rise(hour.refusals, profile.weight, 5)
        amount = rise.points if names > 1 else min(rise.points, 30.0)
        of = f"{names} names" if names > 1 else f"one name, {seen.repository or 'none'}"
        value = f"{hour.refusals} refusals in one hour, of {of}"
        profile.find(Kind.DENIALS, Found(amount, seen.at, value, f"at most {rise.most}", hour.path or ""))


def _alarm(profile: Profile, seen: Seen, tuning: Tuning) -> Alarm | None:
    at = seen.at
    findings = profile.findings(at - tuning.together, tuning.off)
    score = sum(each.points for each in findings)
    if score < tuning.threshold:
        return None
    if at - profile.alarm_at >= tuning.cool_down:
        profile.alarm_kinds = []
        profile.alarm_told = 0
    profile.alarm_at = at
    fresh = tuple(each.kind for each in findings if each.kind not in profile.alarm_kinds)
    if not fresh and at - profile.alarm_told < 60 * SECOND:
        return None
    profile.alarm_told = at
    profile.alarm_kinds += list(fresh)
    if Kind.NETWORK in fresh:
        profile.suspect(Kind.NETWORK, seen.network, at)
    if Kind.AGENT in fresh:
        profile.suspect(Kind.AGENT, seen.agent, at)
    return Alarm(seen.subject, seen.credential, seen.network, profile.path, at, min(score, 100), tuple(findings), fresh)


def _usual(before: float, profile: Profile, what: str) -> str:
    return f"{what} on {before:.0f} of the last {profile.weight:.0f} active days"


def _span(microseconds: int) -> str:
    days = microseconds // DAY
    return f"{days} days" if days > 1 else f"{microseconds // HOUR} hours"


@lru_cache(8192)
def wide_of(network: str) -> str:
    """The neighbourhood of a network block: its /16 of IPv4, its /40 of IPv6; itself, where it is none."""
    try:
        parsed = ip_network(network)
    except ValueError:
        return network
    return str(parsed.supernet(new_prefix=16 if parsed.version == 4 else 40))


@lru_cache(8192)
def is_public(network: str) -> bool:
    """Whether it is of the Internet at large."""
    try:
        return ip_address(network.partition("/")[0]).is_global
    except ValueError:
        return False
