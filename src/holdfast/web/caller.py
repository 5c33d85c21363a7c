"""Who asks for a page."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.access.model import Identity, PathPermit
from holdfast.access.service import Access
from holdfast.access.signin.model import Session
from holdfast.journal.model import Origin


class Caller(NamedTuple):
    """Who asks: with the rights of this moment, the session (None: nobody is signed in), and from where."""

    who: Identity
    session: Session | None
    origin: Origin
    access: Access

    def at(self, path: str) -> PathPermit:
        """The permit to see and manage what lies at and below `path` ('': everything)."""
        return self.access.path(self.who, path, self.origin)
