"""How a person likes the pages: kept with the account, so that every browser shows them alike."""

from __future__ import annotations

import re
from typing import NamedTuple
from zoneinfo import ZoneInfo

from holdfast.access.errors import Invalid
from holdfast.access.model import Identity
from holdfast.access.signin.profile_store import HIDE_STEPS, PROFILE, SET_PROFILE, STEPS
from holdfast.access.standing import check_permit
from holdfast.db.port import Database, Unit

THEMES = ("auto", "light", "dark")
DENSITIES = ("comfortable", "compact")
_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9+_-]{0,30}(/[A-Za-z0-9+_-]{1,30}){0,2}\Z")


class Profile(NamedTuple):
    """`theme`: one of `THEMES`, auto: what the browser says. `density`: one of `DENSITIES`. `zone`: the IANA name of a
    time zone, '': that of the browser. `keys`: whether single keys are shortcuts."""

    theme: str = "auto"
    density: str = "comfortable"
    zone: str = ""
    keys: bool = True


class Profiles:
    """The profiles of an installation."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def of(self, account_id: int) -> Profile:
        """What the account chose, or what holds for whoever chose nothing."""
        row = await self._db.one(PROFILE, account_id=account_id)
        return Profile(row.theme, row.density, row.zone, bool(row.keys)) if row is not None else Profile()

    async def set(self, caller: Identity, profile: Profile) -> None:
        """Keep what the caller chose. Raises `Invalid`, `StalePermit`."""
        check_profile(profile)

        async def change(unit: Unit) -> None:
            await check_permit(unit, caller)
            values = {**profile._asdict(), "keys": int(profile.keys)}
            await unit.run(SET_PROFILE, account_id=caller.subject.id, **values)

        await self._db.write(change)

    async def set_theme(self, caller: Identity, theme: str) -> None:
        """Keep another theme, and all else as the caller chose it. Raises `Invalid`, `StalePermit`."""
        check_profile(Profile(theme=theme))

        async def change(unit: Unit) -> None:
            await check_permit(unit, caller)
            row = await unit.one(PROFILE, account_id=caller.subject.id)
            known = row._asdict() if row is not None else {**Profile()._asdict(), "keys": 1}
            await unit.run(SET_PROFILE, account_id=caller.subject.id, **{**known, "theme": theme})

        await self._db.write(change)

    async def hides_steps(self, account_id: int) -> bool:
        """Whether the account put the list of first steps away."""
        row = await self._db.one(STEPS, account_id=account_id)
        return row is not None and row.at is not None

    async def hide_steps(self, caller: Identity) -> None:
        """Put the list of first steps away. Raises `StalePermit`."""

        async def change(unit: Unit) -> None:
            await check_permit(unit, caller)
            values = {**Profile()._asdict(), "keys": 1}
            await unit.run(HIDE_STEPS, account_id=caller.subject.id, **values)

        await self._db.write(change)


def check_profile(profile: Profile) -> None:
    """Raise `Invalid` unless every value is one that may be chosen."""
    if profile.theme not in THEMES:
        raise Invalid("theme", f"choose one of {', '.join(THEMES)}")
    if profile.density not in DENSITIES:
        raise Invalid("density", f"choose one of {', '.join(DENSITIES)}")
    if profile.zone and not _is_zone(profile.zone):
        raise Invalid("zone", "give the name of a time zone like Europe/Zurich, or nothing for the browser's")


def _is_zone(name: str) -> bool:
    if not _ZONE.match(name):
        return False
    try:
        ZoneInfo(name)
    except (LookupError, ValueError, OSError):  # OSError: a folder of zones, like Europe
        return False
    return True
