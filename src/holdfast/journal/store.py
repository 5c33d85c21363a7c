"""The statement that appends to the journal. Nothing updates or deletes a row; `pos` is the sealer's."""

from __future__ import annotations

from holdfast.db.query import Command

APPEND = Command(
    """
    insert into journal (repo_id, seq, at, actor, request, kind, data, origin, path)
    values (:repo_id, :seq, :at, :actor, :request, :kind, :data, :origin, :path)
    """
)
