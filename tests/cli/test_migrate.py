"""`holdfast migrate`: what it says, what it does, and how it ends."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests import backends
from tests.cli.program import holdfast
from tests.ports import free_port

from holdfast.db.migrate import migrate, migrations
from holdfast.db.steps import newest_known


def test_an_empty_database_is_laid_by_command(tmp_path: Path) -> None:
    url = backends.database_url()
    text = holdfast(tmp_path, "migrate", "check", "--database", url, status=2).stderr
    assert "the database holds no registry yet: run `holdfast migrate up`" in text
    done = holdfast(tmp_path, "migrate", "up", "--database", url).stdout
    assert done.splitlines() == [f"applied {step.name}" for step in migrations("postgresql")]
    assert holdfast(tmp_path, "migrate", "up", HOLDFAST_DATABASE=url).stdout == "nothing to do\n"
    newest = newest_known("postgresql")
    for verb in ("status", "check"):
        assert holdfast(tmp_path, "migrate", verb, "--database", url).stdout.splitlines() == [
            "engine    PostgreSQL",
            f"schema    {newest}; this program knows {newest}",
            "programs  those that know schema 1 or a later one",
            "pending   nothing",
        ]


def test_what_is_pending_is_named_and_ends_a_check_with_1(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    own = migrations()
    migrate(str(data / "holdfast.db"), own[:1])
    said = holdfast(tmp_path, "migrate", "check", "--data", str(data), status=1).stdout.splitlines()
    assert f"pending   {own[1].number} {own[1].name} (expands: `holdfast migrate up`)" in said
    assert holdfast(tmp_path, "migrate", "up", "--data", str(data)).stdout.splitlines() == [
        f"applied {step.name}" for step in own[1:]
    ]
    holdfast(tmp_path, "migrate", "check", "--data", str(data))


def test_a_program_that_is_too_old_is_told_so(tmp_path: Path) -> None:
    url = backends.laid_database_url()
    backends.sql(url, "update compatibility set oldest = 999 returning id")
    text = holdfast(tmp_path, "migrate", "check", "--database", url, status=1).stderr
    assert "it needs schema 999" in text


@pytest.mark.parametrize("verb", ["up", "status", "check"])
def test_where_there_is_no_registry_none_is_made(tmp_path: Path, verb: str) -> None:
    text = holdfast(tmp_path, "migrate", verb, "--data", "nowhere", status=2).stderr
    assert "there is no registry in " in text
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_is_away_is_told_without_its_password(tmp_path: Path) -> None:
    url = f"postgresql://holdfast:secret-word@127.0.0.1:{free_port()}/x"
    text = holdfast(tmp_path, "migrate", "status", HOLDFAST_DATABASE=url, status=2).stderr
    assert text == "holdfast: the database does not answer\n"
