"""Whose pulls are no use: those of scanners, as far as settings say so.

Promises: what is asked with every pull costs a look into a dict where no path says anything; the settings are those
of a moment that `EVERY` (service.py) bounds. Who is a scanner by the name of its program alone is ignored only where a
path says so, for anyone may give that name, and what is not used may be dropped.
"""

from __future__ import annotations

from holdfast.access.usage.classes import Declared, SubjectClass, class_of, declared_class
from holdfast.access.usage.model import agent_name
from holdfast.db.port import Reader
from holdfast.registry.effective.service import prefixes_of
from holdfast.registry.lastuse import store
from holdfast.registry.lastuse.classes import SUBJECT_CLASSES, USE_BY_SCANNERS, ScannerUse, declared

_REMEMBERED = 8192
_Said = tuple[ScannerUse, tuple[Declared, ...]]


class Scanners:
    """What the settings of all paths say."""

    def __init__(self) -> None:
        self._said: dict[tuple[str, str], str] = {}
        self._of: dict[str, _Said] = {}

    async def read(self, reader: Reader) -> None:
        """Read the settings anew. Raises `DatabaseError`."""
        rows = await reader.all(store.SAID, names=[SUBJECT_CLASSES, USE_BY_SCANNERS])
        said = {(row.name, row.path): row.value for row in rows}
        if said != self._said:
            self._said, self._of = said, {}

    def ignore(self, repository: str, subject: str, agent: str) -> bool:
        """Whether what this subject (as the journal has actors) pulls with this agent is not used by that."""
        if not self._said:
            return False
        use, classes = self._of.get(repository) or self._find(repository)
        if use is ScannerUse.COUNTS:
            return False
        decide = declared_class if use is ScannerUse.DECLARED else class_of
        return decide(subject, agent_name(agent), classes) is SubjectClass.SCANNER

    def _find(self, repository: str) -> _Said:
        use, classes = ScannerUse.DECLARED, ""
        for prefix in prefixes_of(repository):
            use = ScannerUse(self._said.get((USE_BY_SCANNERS, prefix), use))
            classes = self._said.get((SUBJECT_CLASSES, prefix), classes)
        if len(self._of) >= _REMEMBERED:
            self._of.clear()
        found = self._of[repository] = use, declared(classes)
        return found
