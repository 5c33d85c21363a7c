"""Seeding: the rows are those that pushes would have left."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from bench.seed import database_file, seed_tags
from tests.databases import lay_file

_NAMES = [f"v1.{n}" for n in range(4999)]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    file = tmp_path / "registry.db"
    lay_file(str(file))
    with closing(sqlite3.connect(file)) as database:
        database.executescript(
            """
            insert into repository (id, path, born, seq, last_at) values (3, 'a/b', 1, 7, 1);
            insert into content (id, digest, size) values (5, 'sha256:00', 2);
            insert into link (repo_id, content_id, kind, put_at) values (3, 5, 1, 1);
            insert into tag (repo_id, name, content_id, seq, version_key) values (3, 'pattern', 5, 7, '0');
            """
        )
    return tmp_path


@pytest.fixture
def database(data: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(database_file(data))) as connection:
        yield connection


def test_tags_and_their_history(data: Path, database: sqlite3.Connection) -> None:
    assert seed_tags(data, "a/b", "pattern", iter(_NAMES)) == len(_NAMES)
    assert database.execute("select count(*), min(content_id), max(content_id) from tag").fetchone() == (5000, 5, 5)
    assert database.execute("select seq from repository").fetchone() == (7 + len(_NAMES),)
    events = database.execute("select seq, name, at from tag_event order by seq").fetchall()
    assert [seq for seq, _, _ in events] == list(range(8, 8 + len(_NAMES)))
    assert [name for _, name, _ in events] == _NAMES
    times = [at for _, _, at in events]
    assert times == sorted(set(times))
    assert database.execute("select last_at from repository").fetchone() == (times[-1],)
    assert database.execute("select sum(tags) from usage_delta").fetchone() == (len(_NAMES),)
    assert database.execute("pragma foreign_key_check").fetchall() == []


def test_what_is_not_there_cannot_be_copied(data: Path) -> None:
    with pytest.raises(LookupError):
        seed_tags(data, "a/b", "other", ["x"])
    with pytest.raises(LookupError):
        seed_tags(data, "a", "pattern", ["x"])


def test_the_database_is_found_by_what_it_is(data: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no database")
    (tmp_path / "empty.db").touch()
    assert database_file(data).name == "registry.db"
    (tmp_path / "another.db").write_bytes(database_file(data).read_bytes())
    with pytest.raises(ValueError, match="found 2"):
        database_file(data)
