"""Writes very many tags straight into holdfast's database: pushing 10^6 of them would take an hour.

`seed_tags` writes the rows that as many manifest pushes would have left in `tag`, `tag_event`, `repository` and
`usage_delta`, in their order; it leaves out the `journal`, which no pull and no list reads. The server may run
meanwhile: each transaction is short, and SQLite's own lock keeps the two apart.
"""

import time
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import apsw

from holdfast.oci.version import version_key

_BATCH = 2000
_WAIT_MS = 30_000
_MAGIC = b"SQLite format 3\0"


def database_file(data: Path) -> Path:
    """The one SQLite database of a data directory; raises ValueError when there is none or several."""
    found = [file for file in sorted(data.iterdir()) if file.is_file() and _begins(file) == _MAGIC]
    if len(found) != 1:
        raise ValueError(f"expected one database in the data directory, found {len(found)}")
    return found[0]


def _begins(file: Path) -> bytes:
    with file.open("rb") as opened:
        return opened.read(len(_MAGIC))


def seed_tags(data: Path, repository: str, pattern: str, names: Iterable[str]) -> int:
    """Add tags to `repository` that all point where its tag `pattern` points; returns how many were added.

    Each tag takes a place of its own in the repository's history. The names must be new; raises LookupError when the
    repository or the pattern is not there, `apsw.ConstraintError` when a name is taken.
    """
    connection = apsw.Connection(str(database_file(data)))
    try:
        connection.set_busy_timeout(_WAIT_MS)
        cursor = connection.cursor()
        cursor.execute("pragma synchronous = normal")
        rows = list(
            cursor.execute(
                "select r.id, t.content_id from repository r join tag t on t.repo_id = r.id and t.name = ?"
                " where r.path = ? and r.gone_at is null",
                (pattern, repository),
            )
        )
        if not rows:
            raise LookupError(f"no {repository}:{pattern} to copy")
        repo_id, content_id = int(rows[0][0]), int(rows[0][1])
        return sum(_add(cursor, repo_id, content_id, batch) for batch in _batches(names))
    finally:
        connection.close()


def _batches(names: Iterable[str]) -> Iterator[list[str]]:
    left = iter(names)
    while batch := list(islice(left, _BATCH)):
        yield batch


def _add(cursor: apsw.Cursor, repo_id: int, content_id: int, names: list[str]) -> int:
    now = time.time_ns() // 1000
    cursor.execute("begin immediate")
    try:
        ((seq, last_at),) = cursor.execute("select seq, last_at from repository where id = ?", (repo_id,))
        at = max(now, int(last_at) + len(names))
        first = int(seq) + 1
        cursor.executemany(
            "insert into tag (repo_id, name, content_id, seq, version_key) values (?, ?, ?, ?, ?)",
            [(repo_id, name, content_id, first + n, version_key(name)) for n, name in enumerate(names)],
        )
        cursor.executemany(
            "insert into tag_event (repo_id, seq, name, now_id, at) values (?, ?, ?, ?, ?)",
            [(repo_id, first + n, name, content_id, at - len(names) + n + 1) for n, name in enumerate(names)],
        )
        cursor.execute(
            "update repository set seq = seq + ?, last_at = ? where id = ?",
            (len(names), at, repo_id),
        )
        cursor.execute(
            "insert into usage_delta (path, bytes, repositories, tags)"
            " select path, 0, 0, ? from repository where id = ?",
            (len(names), repo_id),
        )
    except BaseException:
        cursor.execute("rollback")
        raise
    cursor.execute("commit")
    return len(names)
