"""The units: what systemd itself says of them, and a server that runs under what they forbid."""

from __future__ import annotations

import configparser
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from tests.clients.programs import SYSTEM, find
from tests.deploy.proxies import DEPLOY
from tests.ports import free_port
from tests.serving import answers_ready, pause, program

from holdfast.app.config import load

SYSTEMD = DEPLOY / "systemd"
UNITS = ("holdfast", "holdfast-worker")
# PR_SET_NO_NEW_PRIVS, and PR_SET_MDWE, which kernels before 6.3 do not know: then that bound is not tried.
_BIND = """
import ctypes, os, sys
library = ctypes.CDLL(None)
os.umask(0o077)
assert library.prctl(38, 1, 0, 0, 0) == 0
library.prctl(65, 1, 0, 0, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


def here(unit: str, place: Path) -> Path:
    """Give a copy of a unit whose program is the one of these tests."""
    text = (SYSTEMD / f"{unit}.service").read_text(encoding="utf-8")
    assert text.count("/opt/holdfast/bin/holdfast") == 2
    copy = place / f"{unit}.service"
    copy.write_text(text.replace("/opt/holdfast/bin/holdfast", str(program())), encoding="utf-8")
    return copy


def analyze(*words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [str(find("systemd-analyze", *SYSTEM)), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("unit", UNITS)
def test_systemd_finds_nothing_wrong(unit: str, tmp_path: Path) -> None:
    done = analyze("verify", here(unit, tmp_path))
    said = [line for line in (done.stdout + done.stderr).splitlines() if str(tmp_path) in line]
    assert (done.returncode, said) == (0, [])


@pytest.mark.parametrize("unit", UNITS)
def test_systemd_finds_it_hardened(unit: str, tmp_path: Path) -> None:
    """An exposure of 2.0 or less, where systemd calls 9.6 unsafe; the threshold is ten times that."""
    done = analyze("security", "--offline=true", "--threshold=20", "--no-pager", here(unit, tmp_path))
    if "unrecognized option" in done.stderr:
        pytest.skip("systemd-analyze is too old to look at a unit that is not loaded")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr


def directives(unit: str) -> dict[str, str]:
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(SYSTEMD / f"{unit}.service", encoding="utf-8")
    return dict(parser["Service"])


def test_the_units_differ_in_their_verb_alone() -> None:
    serve, worker = (directives(unit) for unit in UNITS)
    assert serve["ExecStart"].replace(" serve ", " worker ") == worker["ExecStart"]
    assert {name: serve[name] for name in serve if name != "ExecStart"} == {
        name: worker[name] for name in worker if name != "ExecStart"
    }


def test_the_stop_is_given_its_time() -> None:
    settings = load({}, {}).settings
    for unit in UNITS:
        assert int(directives(unit)["TimeoutStopSec"]) > settings.stop_timeout.total_seconds()
        assert int(directives(unit)["LimitNOFILE"]) >= 8192


def test_the_shipped_settings_are_settings(tmp_path: Path) -> None:
    file = tmp_path / "holdfast.toml"
    file.write_bytes((SYSTEMD / "holdfast.toml").read_bytes())
    settings = load({}, {}, str(file)).settings
    assert str(settings.data) == "/var/lib/holdfast"
    assert set(tomllib.loads(file.read_text())) == {"data", "listen", "public_url", "trusted_proxies"}


def test_user_and_directories_are_those_of_the_units() -> None:
    user = re.search(r"^u (\S+) - \"[^\"]+\" (\S+)", (SYSTEMD / "holdfast.sysusers").read_text(), re.MULTILINE)
    assert user is not None
    unit = directives("holdfast")
    assert (user[1], user[2]) == (unit["User"], f"/var/lib/{unit['StateDirectory']}")
    tmpfiles = (SYSTEMD / "holdfast.tmpfiles").read_text()
    for path in re.findall(r"/etc/holdfast\S*", unit["EnvironmentFile"]):
        assert path in tmpfiles


def test_a_server_under_the_same_bounds(tmp_path: Path) -> None:
    """No new privileges, no memory that is writable and executable, files for the owner alone, a short environment."""
    port = free_port()
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                sys.executable,
                "-c",
                _BIND,
                str(program()),
                "serve",
                "--data",
                str(tmp_path / "data"),
                "--listen",
                f"127.0.0.1:{port}",
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            env={
                "PATH": "/usr/bin:/bin",
                **({"PYTHONPATH": os.environ["PYTHONPATH"]} if "PYTHONPATH" in os.environ else {}),
            },
        )
        try:
            while not answers_ready(port):
                assert process.poll() is None, (tmp_path / "log").read_text()[-3000:]
                pause(0.05)
            process.terminate()
            assert process.wait(60) == 0
        finally:
            if process.poll() is None:
                process.kill()
                process.wait(60)
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700
