"""The statements over the journal and its chain.

A row is appended with its change and never changed, save that the sealer gives it its place (`pos`, and its `path`
where the repository tells it). Rows go only when their segment was archived.
"""

from __future__ import annotations

from typing import NamedTuple

from holdfast.db.query import Command, Query
from holdfast.journal.chain import Checkpoint, SealedRow, Segment


class Number(NamedTuple):
    """One number, None where there is none."""

    number: int | None


class Seal(NamedTuple):
    """When the journal was sealed last."""

    sealed_at: int


class Standing(NamedTuple):
    """Whether rows wait to be sealed, the head of the chain, and the newest checkpoint (its segment, and when)."""

    waiting: int | None
    head: int | None
    checkpoint: int | None
    checkpoint_at: int | None


class Tail(NamedTuple):
    """The rows that are not sealed: how many, and the time of the oldest."""

    rows: int
    oldest: int | None


APPEND = Command(
    """
    insert into journal (repo_id, seq, at, actor, request, kind, data, origin, path)
    values (:repo_id, :seq, :at, :actor, :request, :kind, :data, :origin, :path)
    """
)

# -- sealing ----------------------------------------------------------------------------------------------------------

STANDING = Query(
    """
    select (select min(j.id) from journal j where j.pos is null) as waiting,
      (select max(s.n) from audit_segment s) as head,
      (select max(c.n) from audit_checkpoint c) as checkpoint,
      (select d.made_at from audit_checkpoint d where d.n > 0 order by d.n desc limit 1) as checkpoint_at
    """,
    Standing,
)
LOCK_SEAL = Query("select sealed_at from audit_seal where id = 1 for update skip locked", Seal)
SET_SEAL = Command("update audit_seal set sealed_at = :now where id = 1")
WAITING = Query("select id as number from journal where pos is null and id > 0 order by id limit :limit", Number)
PLACE = Command(
    """
    update journal set pos = placed.pos,
      path = coalesce(journal.path, (select coalesce(r.was_path, r.path) from repository r
        where r.id = journal.repo_id), '')
    from (select id, :base + row_number() over (order by id) as pos from journal where id = any(:ids)) placed
    where journal.id = placed.id
    """
)
HIGHEST = Query("select max(pos) as number from journal where pos is not null", Number)
LOWEST = Query("select min(pos) as number from journal where pos is not null", Number)
_SEGMENT = "select n, first_pos, last_pos, rows_hash, hash, sealed_at, archived_at from audit_segment"
HEAD = Query(_SEGMENT + " where n > 0 order by n desc limit 1", Segment)
ADD_SEGMENT = Command(
    """
    insert into audit_segment (n, first_pos, last_pos, rows_hash, hash, sealed_at)
    values (:n, :first_pos, :last_pos, :rows_hash, :hash, :sealed_at)
    """
)
ADD_CHECKPOINT = Command(
    """
    insert into audit_checkpoint (n, text, signature, kid, made_at) values (:n, :text, :signature, :kid, :made_at)
    on conflict (n) do nothing
    """
)
_ROW = "select pos, id, repo_id, seq, at, actor, request, kind, data, origin, path from journal"
ROWS = Query(_ROW + " where pos between :first_pos and :last_pos order by pos limit :limit", SealedRow)

# -- checking and archiving -------------------------------------------------------------------------------------------

SEGMENTS = Query(_SEGMENT + " where n > :after order by n limit :limit", Segment)
SEGMENT = Query(_SEGMENT + " where n = :n", Segment)
_CHECKPOINT = "select n, text, signature, kid, made_at from audit_checkpoint"
CHECKPOINTS = Query(_CHECKPOINT + " where n > :after and n <= :through order by n", Checkpoint)
BEYOND = Query(_CHECKPOINT + " where n > :head order by n desc limit 1", Checkpoint)
LAST_CHECKPOINT = Query(_CHECKPOINT + " where n > 0 order by n desc limit 1", Checkpoint)
BELOW = Query("select min(pos) as number from journal where pos < :first_pos", Number)
ABOVE = Query("select min(pos) as number from journal where pos > :last_pos", Number)
TAIL = Query("select count(*) as rows, min(at) as oldest from journal where pos is null and id > 0", Tail)
OLDEST_KEPT = Query("select min(n) as number from audit_segment where archived_at is null", Number)
DROP_ROWS = Command("delete from journal where pos between :first_pos and :last_pos")
SET_ARCHIVED = Command("update audit_segment set archived_at = :now where n = :n and archived_at is null")

# -- reading ----------------------------------------------------------------------------------------------------------

_PLACED = _ROW + " where pos is not null"
NEWEST = Query(_PLACED + " and pos < :before order by pos desc limit :limit", SealedRow)
OLDEST = Query(_PLACED + " and pos > :after order by pos limit :limit", SealedRow)
# What is looked for is a range and part of the order: by an equation PostgreSQL walks the places themselves when many
# rows are of one actor, path or request, and so through all that are newer than the last of them.
_NEWEST_OF = (
    _PLACED + " and <by> >= :value and (<by>, pos) < (:value, :before) order by <by> desc, pos desc limit :limit"
)
_OLDEST_OF = _PLACED + " and <by> <= :value and (<by>, pos) > (:value, :after) order by <by>, pos limit :limit"
NEWEST_OF_ACTOR = Query(_NEWEST_OF.replace("<by>", "actor"), SealedRow)
NEWEST_OF_PATH = Query(_NEWEST_OF.replace("<by>", "path"), SealedRow)
NEWEST_OF_REQUEST = Query(_NEWEST_OF.replace("<by>", "request"), SealedRow)
OLDEST_OF_ACTOR = Query(_OLDEST_OF.replace("<by>", "actor"), SealedRow)
OLDEST_OF_PATH = Query(_OLDEST_OF.replace("<by>", "path"), SealedRow)
OLDEST_OF_REQUEST = Query(_OLDEST_OF.replace("<by>", "request"), SealedRow)
AT = Query(_ROW + " where pos = any(:places) order by pos", SealedRow)
POS_FROM = Query(
    "select pos as number from journal where at >= :at and pos is not null order by at, id limit 1", Number
)
