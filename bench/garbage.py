"""Garbage for the bench of collection, and what is kept beside it: rows and files, laid beside the program."""

import os
import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path

import apsw

from holdfast.blobs.key import new_key
from holdfast.blobs.volume import Volume

SIZE = 4096
LONG_AGO = 1_700_000_000_000_000
_BATCH = 20_000


def lay(data: Path, contents: int, garbage: int) -> None:
    """Rows of images that tags keep, `contents` manifests, configs and layers; and blobs that nothing keeps any more,
    each with its file."""
    connection = apsw.Connection(str(data / "holdfast.db"))
    connection.set_busy_timeout(10_000)
    with connection:
        connection.execute(
            "insert into repository (id, path, born, seq, last_at) values (1, 'bench/kept', 1, 1, 1),"
            " (2, 'bench/garbage', 1, 1, 1)"
        )
        _lay_images(connection, contents // 3)
    for first in range(0, garbage, _BATCH):
        keys = [new_key(LONG_AGO + n) for n in range(first, min(first + _BATCH, garbage))]
        for _ in files(data / "store" / "objects", keys):
            pass
        with connection:
            _lay_garbage(connection, keys)
    connection.execute("pragma wal_checkpoint(truncate)")
    connection.close()


def _lay_images(connection: apsw.Connection, images: int) -> None:
    first = 10
    kinds = {first + n: 1 if n % 3 == 0 else 0 for n in range(3 * images)}
    connection.executemany(
        "insert into content (id, digest, size, state) values (?, ?, 1, 0)", [(n, _digest()) for n in kinds]
    )
    connection.executemany("insert into body (content_id, bytes) values (?, x'00')", [(n,) for n in kinds])
    connection.executemany(
        "insert into link (repo_id, content_id, kind, put_at) values (1, ?, ?, 1)", list(kinds.items())
    )
    manifests = [n for n, kind in kinds.items() if kind]
    connection.executemany(
        "insert into edge (repo_id, kept_id, keeper_id) values (1, ?, ?)",
        [(n + part, n) for n in manifests for part in (1, 2)],
    )
    connection.executemany(
        "insert into tag (repo_id, name, content_id, seq, version_key) values (1, ?, ?, 1, '')",
        [(f"v{n}", n) for n in manifests],
    )


def _lay_garbage(connection: apsw.Connection, keys: Sequence[str]) -> None:
    ids = []
    for key in keys:
        ((content,),) = connection.execute(
            "insert into content (digest, size, key, state) values (?, ?, ?, 0) returning id", (_digest(), SIZE, key)
        )
        ids.append(content)
    rows = [(each,) for each in ids]
    connection.executemany("insert into link (repo_id, content_id, kind, put_at) values (2, ?, 0, 1)", rows)
    connection.executemany("insert into candidate (repo_id, content_id, due) values (2, ?, 1)", rows)


def files(root: Path, keys: Sequence[str]) -> Iterator[str]:
    """Write a file for each key, where the store keeps it; gives their paths."""
    data = os.urandom(SIZE)
    for key in keys:
        path = root / Volume.place(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        yield os.fspath(path)


def _digest() -> str:
    return "sha256:" + secrets.token_hex(32)
