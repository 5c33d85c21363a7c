"""The settings that hold for one path: each from the longest prefix that says something, and where that is.

One statement reads them all. Values are text in canonical form: times are microseconds, switches `true` or `false`,
anything larger is JSON; whoever owns a setting reads it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from holdfast.db.port import Reader
from holdfast.registry.effective.store import SETTINGS, SettingRow
from holdfast.registry.settings import RegistrySettings

WINDOW = "window"
"""How long history reaches back, microseconds; 0: not at all."""
HISTORY_CUT = "history-cut"
"""A moment, microseconds: history before it counts no more at and below a path, whatever the window."""


class Effective:
    """What holds for a path. Iterates over nothing: a setting is asked for by its name."""

    __slots__ = ("_all", "_rows")

    def __init__(self, rows: Iterable[SettingRow]) -> None:
        rows = self._all = tuple(rows)
        found: dict[str, SettingRow] = {}
        for row in rows:
            known = found.get(row.name)
            if known is None or len(row.path) > len(known.path):
                found[row.name] = row
        self._rows = found

    def row(self, name: str) -> SettingRow | None:
        """The setting and the path that says it; None: nobody does, the default holds."""
        return self._rows.get(name)

    def every(self, name: str) -> list[SettingRow]:
        """The setting wherever a path on the way down says it, for what adds up instead of taking another's place."""
        return [row for row in self._all if row.name == name]

    def text(self, name: str) -> str | None:
        """The value, None: the default holds."""
        row = self._rows.get(name)
        return row.value if row is not None else None

    def window(self, default: int) -> int:
        """How long history reaches back here, microseconds."""
        text = self.text(WINDOW)
        return int(text) if text is not None else default

    def since(self, default: int, now: int) -> int:
        """What happened after this moment (microseconds) counts as history here, and nothing before."""
        return max(now - self.window(default), *(int(row.value) for row in self.every(HISTORY_CUT)), 0)

    def collectable(self, settings: RegistrySettings, at: int) -> int:
        """When the collector may look at what lost its root at `at`: history and a lease later (data model, rule 3)."""
        return at + self.window(settings.window) + settings.lease


async def effective(reader: Reader, prefixes: Sequence[str]) -> Effective:
    """What holds for the path that `prefixes` lead to ('' first, the path itself last)."""
    return Effective(await reader.all(SETTINGS, prefixes=list(prefixes)))


def prefixes_of(path: str) -> tuple[str, ...]:
    """'' first, then each longer path, the path itself last."""
    parts = path.split("/") if path else []
    return tuple("/".join(parts[:depth]) for depth in range(len(parts) + 1))
