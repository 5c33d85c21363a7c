"""The statement that looks through the newest events for those of some paths."""

from __future__ import annotations

from holdfast.db.query import Query
from holdfast.journal.chain import SealedRow

LATEST = Query(
    """
    select pos, id, repo_id, seq, at, actor, request, kind, data, origin, path from journal
    where pos is not null and pos >= :least and pos < :before
      and (path like :like1 or path like :like2 or path like :like3 or path like :like4)
    order by pos desc limit :limit
    """,
    SealedRow,
)
