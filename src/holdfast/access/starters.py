"""Who started what: accounts as the audit names them."""

from __future__ import annotations

from collections.abc import Iterable

from holdfast.access.jobs_store import STARTERS
from holdfast.access.model import Subject, SubjectKind
from holdfast.db.port import Database


async def starters_of(db: Database, accounts: Iterable[int]) -> dict[int, str]:
    """The actors of these accounts (0: nobody's), gone or not, by id. At most one statement."""
    ids = sorted({account for account in accounts if account})
    rows = await db.all(STARTERS, ids=ids) if ids else []
    return {row.id: Subject(row.id, row.name, SubjectKind(row.kind)).actor for row in rows}
