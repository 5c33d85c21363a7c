"""`holdfast serve` before it serves: what stops a start is told whole, with the line to type."""

import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.program import holdfast
from tests.ports import free_port
from tests.serving import program, running_server


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_a_busy_port_names_its_holder_and_the_line_to_type(tmp_path: Path, taken: int) -> None:
    text = holdfast(tmp_path, "serve", "--listen", f"127.0.0.1:{taken}", "--data", "d", "--open", status=1).stderr
    assert f"127.0.0.1:{taken} is taken by process {os.getpid()} of " in text
    line = next(line for line in text.splitlines() if line.startswith("  holdfast serve"))
    assert line.startswith("  holdfast serve --data d --open --listen 127.0.0.1:")
    assert int(line.rpartition(":")[2]) > taken
    assert not (tmp_path / "d").exists(), "a start that is refused leaves nothing"


def test_under_make_the_line_is_makes(tmp_path: Path, taken: int) -> None:
    listen = f"--listen=127.0.0.1:{taken}"
    text = holdfast(tmp_path, "serve", listen, status=1, MAKELEVEL="1").stderr
    assert text.splitlines()[-2].startswith("  make run PORT=")
    assert "DATA" not in text
    text = holdfast(tmp_path, "serve", listen, "--data", "my data", status=1, MAKELEVEL="1").stderr
    assert text.splitlines()[-2].endswith(f" DATA='{tmp_path}/my data'")


def test_every_obstacle_is_told_at_once(tmp_path: Path, taken: int) -> None:
    (tmp_path / "pem").write_text("x")
    words = ("--tls-cert", "pem", "--tls-key", "pem", "--data", "/proc/self/holdfast")
    text = holdfast(tmp_path, "serve", "--listen", f"127.0.0.1:{taken}", *words, status=1).stderr
    assert text.startswith("holdfast: cannot start\n")
    for name in ("data directory", "port", "tls certificate"):
        assert f"\n  {name}: " in text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--open", "--listen", "0.0.0.0:5000"), "would let everyone who reaches 0.0.0.0:5000 push, pull and delete"),
        (("--listen", "0.0.0.0:5000"), "passwords and content would cross the network unencrypted"),
        (("--tls-cert", "nowhere.pem"), "does not exist"),
    ],
)
def test_what_the_settings_forbid_is_refused(tmp_path: Path, words: tuple[str, ...], message: str) -> None:
    assert message in holdfast(tmp_path, "serve", *words, status=2).stderr
    assert list(tmp_path.iterdir()) == []


def test_doctor_is_content_with_a_server_that_runs(tmp_path: Path) -> None:
    with running_server(tmp_path, "--open", cold=True) as server:
        listen = ("--listen", server.host, "--data", str(server.data))
        assert f"{server.host} is served by process " in holdfast(tmp_path, "doctor", *listen).stdout
        text = holdfast(tmp_path, "serve", *listen, status=1).stderr
        assert f"{server.host} is taken by process {server.pid} of " in text
        beside = ("--listen", f"127.0.0.1:{free_port()}", "--data", str(server.data))
        assert "being served already" in holdfast(tmp_path, "serve", *beside, status=1).stderr


def test_the_installed_program_is_the_same(tmp_path: Path) -> None:
    done = subprocess.run(
        [program(), "--version"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == holdfast(tmp_path, "--version").stdout
