"""From the feed of use to alerts: profiles and places are read, looked at, and written in the unit that tells the uses.

Promises: exactly once, in whichever process, for what is known is in the tables alone; rows are bounded whatever
clients do: subjects with an account, so many networks without a name, so many places, and the oldest go first.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from holdfast.access.usage.feed import FedUse
from holdfast.db.port import Unit
from holdfast.registry.effective.service import Effective, effective, prefixes_of
from holdfast.unusual import canaries, store
from holdfast.unusual.alerts import raise_alert
from holdfast.unusual.detect import observe, wide_of
from holdfast.unusual.model import CROWDS, Seen
from holdfast.unusual.places import AGENT, ARRIVED, NETWORK, REPOSITORY, SURGE, WIDE, Place, Places
from holdfast.unusual.profile import Profile, read, write
from holdfast.unusual.written import NOTHING, SETTING, Watching, parse

MOST_SUBJECTS, MOST_CROWDS, MOST_PLACES = 50_000, 5_000, 100_000
_VARIOUS = "various"
_PULL = "pull"
_write_place = msgspec.msgpack.Encoder().encode
_read_place = msgspec.msgpack.Decoder(Place).decode


async def on_use(unit: Unit, uses: Sequence[FedUse]) -> None:
    """Look at what was used and refused. Raises `holdfast.db.errors`."""
    told = [use for use in uses if use.subject != _VARIOUS and use.times]
    if not told:
        return
    await canaries.on_use(unit, told)
    seen = sorted((_seen(use) for use in told if use.action), key=lambda each: each.at)
    watching = Tunings(await effective(unit, _prefixes(seen)))
    profiles = await _profiles(unit, seen)
    places = Places(await _places(unit, seen))
    for each in seen:
        profile = profiles.get(each.subject)
        if profile is None:
            continue
        holds = watching.at(each.repository)
        alarm = observe(profile, each, places, holds.tuning)
        if alarm is not None:
            await raise_alert(unit, alarm, holds)
    for subject, profile in sorted(profiles.items()):
        await unit.run(store.SET_PROFILE, subject=subject, data=write(profile), seen_at=unit.now)
    await _keep(unit, places)


class Tunings:
    """What holds at the repositories of a batch."""

    def __init__(self, found: Effective) -> None:
        self._said = {row.path: row.value for row in found.every(SETTING)}
        self._known: dict[str, Watching] = {}

    def at(self, repository: str) -> Watching:
        """What holds at a repository, or for everything ('')."""
        known = self._known.get(repository)
        if known is None:
            said = next((self._said[path] for path in reversed(prefixes_of(repository)) if path in self._said), None)
            known = self._known[repository] = NOTHING if said is None else parse(said)
        return known


def subject_of(use: FedUse) -> str:
    """As whom a use is looked at: who has no name counts by the network that he comes from."""
    return f"{use.subject} {use.network}" if use.subject in CROWDS else use.subject


def _seen(use: FedUse) -> Seen:
    return Seen(
        subject_of(use),
        use.credential,
        use.network,
        use.agent,
        use.repository,
        use.allowed,
        use.times,
        use.times if use.action == _PULL and use.digest and not use.head else 0,
        use.bytes,
        use.last_at,
    )


def _prefixes(seen: Sequence[Seen]) -> list[str]:
    return sorted({prefix for each in seen for prefix in prefixes_of(each.repository)})


async def _profiles(unit: Unit, seen: Sequence[Seen]) -> dict[str, Profile]:
    """The profiles of all who were seen, new ones where there is room."""
    first: dict[str, int] = {}
    for each in seen:
        first.setdefault(each.subject, each.at)
    found = {row.subject: read(row.data) for row in await unit.all(store.PROFILES, subjects=sorted(first))}
    for crowd, most in ((0, MOST_SUBJECTS), (1, MOST_CROWDS)):
        new = [each for each in sorted(first) if each not in found and each.startswith(CROWDS) == bool(crowd)]
        if not new:
            continue
        row = await unit.one(store.PROFILES_OF, crowd=crowd)
        for subject in new[: max(most - (row.number if row is not None else 0), 0)]:
            profile = found[subject] = Profile(first[subject])
            await unit.run(store.ADD_PROFILE, subject=subject, crowd=crowd, data=write(profile), seen_at=unit.now)
    return found


async def _places(unit: Unit, seen: Sequence[Seen]) -> dict[tuple[str, str], Place]:
    named = [each for each in seen if not each.subject.startswith(CROWDS)]
    names = {
        NETWORK: {each.network for each in named},
        WIDE: {wide_of(each.network) for each in named},
        AGENT: {each.agent for each in named},
        ARRIVED: {each.agent for each in named},
        REPOSITORY: {each.repository for each in named},
        SURGE: {""},
    }
    found = {}
    for kind, wanted in names.items():
        for row in await unit.all(store.PLACES, kind=kind, names=sorted(wanted)):
            found[row.kind, row.name] = _read_place(row.data)
    return found


async def _keep(unit: Unit, places: Places) -> None:
    """Write the places that changed, new ones where there is room."""
    room: int | None = None
    for kind, name in sorted(places.changed):
        data = _write_place(places.found[kind, name])
        if await unit.run(store.SET_PLACE, kind=kind, name=name, data=data, seen_at=unit.now):
            continue
        if room is None:
            row = await unit.one(store.PLACES_COUNT)
            room = MOST_PLACES - (row.number if row is not None else 0)
        if room > 0:
            room -= 1
            await unit.run(store.ADD_PLACE, kind=kind, name=name, data=data, seen_at=unit.now)
