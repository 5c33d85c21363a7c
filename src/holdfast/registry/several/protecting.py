"""Protecting tags: a rule of immutable tags for exactly each, and what the rules of the repository are with them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from holdfast.access.errors import Changed
from holdfast.access.model import PathPermit
from holdfast.db.port import Database
from holdfast.registry.immutability import rules as immutability
from holdfast.registry.immutability.rules import SETTING
from holdfast.registry.immutability.service import KIND as IMMUTABLE
from holdfast.registry.namespaces.settings import Change, SettingsTree

_TRIES = 5


class Protection(NamedTuple):
    """What protecting tags does to the rules of immutable tags: what holds, from which path (None: nowhere), and what
    would hold at the repository, as people write it."""

    held: str
    path: str | None
    then: str


class Protecting:
    """Puts rules for exactly some tags, and takes them away."""

    def __init__(self, db: Database) -> None:
        self._settings = SettingsTree(db, (IMMUTABLE,))

    async def look(self, permit: PathPermit, tags: Sequence[str]) -> Protection:
        """What protecting these tags of the permit's repository would do. Raises `Unknown`, `Denied`."""
        held = await self._settings.show(permit, SETTING)
        return Protection(held.value, held.origins[0].path, protected(held.value, tags))

    async def set(self, permit: PathPermit, tags: Sequence[str], *, back: bool) -> None:
        """Put the rules of these tags, or take them away. Raises `Denied`, `Invalid`, `Changed`."""
        for _ in range(_TRIES):
            held = await self._settings.show(permit, SETTING)
            above = next((each.value for each in held.origins if each.path != permit.path), "none")
            text: str | None = unprotected(held.value, tags) if back else protected(held.value, tags)
            if back and text == above:
                text = None
            seen = await self._put(permit, text, None)
            if await self._settings.show(permit, SETTING) != held:
                continue
            await self._put(permit, text, seen.sight)
            return
        raise Changed("the rules change all the while")

    async def _put(self, permit: PathPermit, text: str | None, sight: str | None) -> Change:
        """Set the rules, or with None let those above hold; without `sight` only look."""
        if text is None:
            return await self._settings.reset(permit, SETTING, dry_run=sight is None, sight=sight)
        return await self._settings.set(permit, SETTING, text, dry_run=sight is None, sight=sight)


def protected(held: str, tags: Sequence[str]) -> str:
    """The rules `held`, as people write them, and one for exactly each of `tags`."""
    rules = list(immutability.read(IMMUTABLE.read(held), "").rules)
    known = set(rules)
    added = [rule for tag in tags if (rule := immutability.Rule(tag)) not in known]
    return IMMUTABLE.write(immutability.canonical([*rules, *added]))


def unprotected(held: str, tags: Sequence[str]) -> str:
    """The rules `held` without those that `protected` adds for `tags`."""
    gone = {immutability.Rule(tag) for tag in tags}
    rules = immutability.read(IMMUTABLE.read(held), "").rules
    return IMMUTABLE.write(immutability.canonical(rule for rule in rules if rule not in gone))
