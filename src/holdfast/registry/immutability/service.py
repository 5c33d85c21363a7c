"""What the use-cases ask before they move or delete tags, in the unit that does it.

The rules are read in the same transaction, after the repository is locked, so that of two first pushes of a tag the
later one meets the tag of the earlier one. Whether the caller may see the tags is decided before.
"""

from __future__ import annotations

from collections.abc import Sequence

from holdfast.db.port import Reader
from holdfast.registry.effective.kinds import SettingKind, Shape
from holdfast.registry.effective.service import Effective, effective
from holdfast.registry.errors import Immutable
from holdfast.registry.immutability import rules
from holdfast.registry.immutability.rules import SETTING, Blocked, Rules

KIND = SettingKind(
    SETTING,
    "Which tags may not move to another digest, and which may not be deleted.",
    "rules between semicolons: GLOB [except GLOB ...] [allow-move] [allow-delete]; or none",
    rules.read_written,
    rules.write,
    "none",
    title="Immutable tags",
    shape=Shape.RULES,
    words=rules.in_words,
)


def rules_of(settings: Effective) -> Rules:
    """The rules among the settings that hold for a repository."""
    row = settings.row(SETTING)
    return rules.read(row.value, row.path) if row is not None else Rules()


async def rules_for(reader: Reader, prefixes: Sequence[str]) -> Rules:
    """The rules that hold for the repository that `prefixes` lead to."""
    return rules_of(await effective(reader, prefixes))


def refuse(found: Blocked | None) -> None:
    """Raise `Immutable` when a change is forbidden."""
    if found is not None:
        raise Immutable(
            str(found), tag=found.tag, change=str(found.change), rule=str(found.rule), path=found.path or "(everything)"
        )
