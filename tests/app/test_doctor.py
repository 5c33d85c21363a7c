"""The whole examination: order, verdicts, the database's own word, and what a start refuses."""

import os
import socket
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.ports import free_port

from holdfast.app.config import Listen, Settings, load
from holdfast.app.doctor import Verdict, examine, obstacles
from holdfast.app.doctor_host import check_clock, check_files
from holdfast.app.tls import issue, parse_hosts
from holdfast.db.sqlite import describe

SOUND: dict[str, object] = {
    "sqlite": "3.99.0",
    "journal_mode": "wal",
    "synchronous": 2,
    "auto_vacuum": 2,
    "foreign_keys": 1,
}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "data").mkdir(mode=0o700)
    flags = {"data": str(tmp_path / "data"), "listen": f"127.0.0.1:{free_port()}", "storage.reserve": "0"}
    return load(flags, {}).settings


def test_a_sound_machine(settings: Settings) -> None:
    checks = {each.name: each for each in examine(settings, describe)}
    assert list(checks) == [
        "data directory",
        "file system",
        "fsync",
        "direct I/O",
        "sqlite",
        "free space",
        "master key",
        "encryption",
        "open files",
        "port",
        "tls",
        "clock",
    ]
    for name in ("data directory", "sqlite", "port"):
        assert checks[name].verdict is Verdict.OK, checks[name]
    assert all(each.advice for each in checks.values() if each.verdict is not Verdict.OK)
    assert list(settings.data.iterdir()) == []
    assert obstacles(settings) == []


@pytest.mark.parametrize(
    ("name", "value"), [("journal_mode", "delete"), ("synchronous", 1), ("auto_vacuum", 0), ("foreign_keys", 0)]
)
def test_an_engine_that_would_lose_pushes(settings: Settings, name: str, value: object) -> None:
    check = next(each for each in examine(settings, lambda _: SOUND | {name: value}) if each.name == "sqlite")
    assert check.verdict is Verdict.FAILED
    assert f"{name} = {value}" in check.seen


def test_an_engine_that_fails(settings: Settings) -> None:
    def describe_nothing(path: str) -> dict[str, object]:
        raise OSError("disk I/O error")

    check = next(each for each in examine(settings, describe_nothing) if each.name == "sqlite")
    assert check.verdict is Verdict.FAILED
    assert "disk I/O error" in check.seen


def test_a_directory_that_cannot_be_written_is_not_tried_further() -> None:
    settings = load({"data": "/proc/self/holdfast", "listen": f"127.0.0.1:{free_port()}"}, {}).settings
    checks = {each.name: each for each in examine(settings, describe)}
    assert checks["data directory"].verdict is Verdict.FAILED
    assert "fsync" not in checks
    assert [each.name for each in obstacles(settings)] == ["data directory"]


def test_tls_files_are_examined_when_set(tmp_path: Path, settings: Settings) -> None:
    issued = issue(parse_hosts(("r.example.com",)), tmp_path / "tls", datetime.now(UTC))
    flags = {
        "data": str(settings.data),
        "listen": f"127.0.0.1:{free_port()}",
        "tls_cert": str(issued.certificate),
        "tls_key": str(issued.authority_key),
        "public_url": "https://other.example.com",
    }
    assert [each.name for each in obstacles(load(flags, {}).settings)] == ["tls key", "tls hosts"]


def test_a_busy_port_is_an_obstacle(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        busy = load({"data": str(settings.data), "listen": str(Listen("127.0.0.1", port))}, {}).settings
        assert [each.name for each in obstacles(busy)] == ["port"]


def test_open_files_are_counted_against_the_streams() -> None:
    assert check_files(1).verdict in (Verdict.OK, Verdict.WARNING)
    check = check_files(10**12)
    assert check.verdict in (Verdict.FAILED, Verdict.OK)
    assert check.advice or check.seen == "no limit"


def test_the_clock(tmp_path: Path) -> None:
    wall, ticks = time.time(), time.monotonic()
    assert check_clock(tmp_path, wall, ticks).verdict is Verdict.OK
    jumped = check_clock(tmp_path, wall - 3600, ticks)
    assert jumped.verdict is Verdict.WARNING
    assert "jumped by +3600.0 s" in jumped.seen
    future = tmp_path / "later"
    future.write_text("x")
    os.utime(future, (wall + 7200, wall + 7200))
    assert check_clock(tmp_path, wall, ticks).verdict is Verdict.WARNING
