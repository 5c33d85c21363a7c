"""The statements of lists as files."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.db.query import Command, Query


class ExportRow(NamedTuple):
    """A row of `list_file`."""

    id: int
    account: int
    list: str
    path: str
    query: str
    origin: str
    job: int | None
    rows: int | None
    size: int
    whole: bool
    why: str | None
    made_at: int


class PartRow(NamedTuple):
    """A part of a file."""

    number: int
    data: str


class IdRow(NamedTuple):
    """The id of a file."""

    id: int


_FILE = "select id, account, list, path, query, origin, job, rows, size, whole, why, made_at from list_file"
FILE = Query(_FILE + " where id = :id", ExportRow)
ADD = Query(
    """
    insert into list_file (account, list, path, query, origin, made_at)
    values (:account, :list, :path, :asked, :origin, :now) returning id
    """,
    IdRow,
)
SET_JOB = Command("update list_file set job = :job where id = :id")
FILLED = Command("update list_file set rows = :rows, size = :size, whole = :whole, why = :why where id = :id")
ADD_PART = Command("insert into list_file_part (file_id, number, data) values (:id, :number, :data)")
PARTS = Query(
    "select number, data from list_file_part where file_id = :id and number > :after order by number limit :limit",
    PartRow,
)
DROP_PARTS = Command("delete from list_file_part where file_id = :id")
DROP = Command("delete from list_file where id = :id")
OLD = Query("select id from list_file where made_at < :before order by made_at, id limit 1", IdRow)
# The newest ones of an account stay.
BEYOND = Query("select id from list_file where account = :account and id < :last order by id desc limit :limit", IdRow)
