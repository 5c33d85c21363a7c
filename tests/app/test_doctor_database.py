"""What the doctor says of a PostgreSQL server, and the road to it with TLS: real servers, each with one fault."""

from __future__ import annotations

import shutil
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.backends import SUPERUSER, USER, PostgresServer, database_url, laid_database_url, pgbouncer, postgres_server
from tests.cli.program import holdfast
from tests.serving import running_server

from holdfast.app.config import Settings, load
from holdfast.app.doctor import examine
from holdfast.app.doctor_check import Check, Verdict
from holdfast.app.doctor_database import check_postgres
from holdfast.db.sqlite import describe


def settings(url: str, **more: object) -> Settings:
    return load({"database.url": url, **more}, {}).settings


def checks(url: str, **more: object) -> dict[str, Check]:
    return {each.name: each for each in check_postgres(settings(url, **more))}


def test_a_sound_server() -> None:
    found = checks(laid_database_url())
    assert {name: each.verdict for name, each in found.items()} == {
        "postgresql": Verdict.OK,
        "fail-over": Verdict.WARNING,
        "connections": Verdict.OK,
        "database clock": Verdict.OK,
        "database tls": Verdict.SKIPPED,
        "schema": Verdict.OK,
    }
    assert "synchronous_standby_names" in found["fail-over"].advice
    assert "empty: the first start lays it" in checks(database_url())["schema"].seen


def test_the_doctor_asks_for_it_and_for_no_pragmas() -> None:
    found = {each.name for each in examine(settings(laid_database_url()), describe)}
    assert "postgresql" in found
    assert "sqlite" not in found
    both = settings(laid_database_url(), **{"storage.url": "s3://bucket?endpoint=http://127.0.0.1:1"})
    assert "data directory" not in {each.name for each in examine(both, describe)}


def test_a_server_that_may_lose_commits() -> None:
    url = laid_database_url()
    name = url.rpartition("/")[2]
    postgres_server().execute(f"alter database {name} set synchronous_commit = off")
    found = checks(url)["postgresql"]
    assert found.verdict is Verdict.FAILED
    assert "synchronous_commit is off" in found.seen


def test_too_many_connections() -> None:
    url = laid_database_url()
    assert checks(url, **{"database.pool": "100", "workers": "2"})["connections"].verdict is Verdict.FAILED
    assert checks(url, **{"database.pool": "40"})["connections"].verdict is Verdict.WARNING


def test_a_pooler_with_prepared_statements() -> None:
    url = pgbouncer().url(laid_database_url())
    assert "--no-database-prepared" in checks(url)["pooler"].advice
    assert "pooler" not in checks(url, **{"database.prepared": "off"})


def test_no_server_and_a_wrong_schema() -> None:
    (found,) = check_postgres(settings(f"postgresql://{USER}:hush@127.0.0.1:1/db"))
    assert found.verdict is Verdict.FAILED
    assert "hush" not in found.seen
    url = laid_database_url()
    name = url.rpartition("/")[2]
    postgres_server().execute("update compatibility set oldest = 9999", database=name)
    assert checks(url)["schema"].verdict is Verdict.FAILED


@pytest.fixture(scope="module")
def encrypted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[PostgresServer, Path]]:
    """A server that takes encrypted connections alone, and the authority that it is known by."""
    place = tmp_path_factory.mktemp("tls")
    holdfast(place, "tls", "init", "127.0.0.1")
    server = PostgresServer({"ssl": "off"}).lay()
    try:
        for name in ("server.crt", "server.key"):
            copy = server.directory / name
            shutil.copyfile(place / "tls" / name, copy)
            copy.chmod(0o600)
            shutil.chown(copy, SUPERUSER, SUPERUSER)
        server.execute(f"alter system set ssl_cert_file = '{server.directory}/server.crt'")
        server.execute(f"alter system set ssl_key_file = '{server.directory}/server.key'")
        server.execute("alter system set ssl = on")
        (server.data / "pg_hba.conf").write_text("hostssl all all 127.0.0.1/32 trust\n")
        server.stop()
        server.start()
        yield server, place / "tls" / "ca.crt"
    finally:
        server.remove()


def test_the_road_to_the_database_is_encrypted_and_the_server_proven(
    encrypted: tuple[PostgresServer, Path], tmp_path: Path
) -> None:
    server, authority = encrypted
    url = server.database()
    verified = f"{url}?sslmode=verify-full&sslrootcert={authority}"
    assert checks(verified)["database tls"].verdict is Verdict.OK
    (plain,) = check_postgres(settings(f"{url}?sslmode=disable"))
    assert plain.verdict is Verdict.FAILED
    (foreign,) = check_postgres(settings(f"{url}?sslmode=verify-full&sslrootcert={tmp_path / 'none'}"))
    assert foreign.verdict is Verdict.FAILED
    (tmp_path / "key").write_text("A" * 43 + "=")
    flags = ("--open", "--no-jobs", "--database", verified, "--encryption-key-file", str(tmp_path / "key"))
    with running_server(tmp_path, *flags) as node, urllib.request.urlopen(f"{node.url}/v2/") as answer:
        assert answer.status == 200
