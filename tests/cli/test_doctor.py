"""`holdfast doctor`: one line a check, advice on what is not in order, status 1 when a check failed."""

import json
import socket
from pathlib import Path

from tests.cli.program import holdfast
from tests.ports import free_port


def test_a_sound_machine(tmp_path: Path) -> None:
    listen = f"127.0.0.1:{free_port()}"
    text = holdfast(tmp_path, "doctor", "--listen", listen, "--storage-reserve", "0").stdout
    for name in ("data directory", "file system", "fsync", "direct I/O", "sqlite", "free space", "open files", "clock"):
        assert f"  {name}" in text
    assert f"{listen} is free" in text
    assert "FAILED" not in text
    assert list(tmp_path.iterdir()) == []


def test_json_and_status(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listen = f"127.0.0.1:{listener.getsockname()[1]}"
        report = json.loads(holdfast(tmp_path, "doctor", "--json", "--listen", listen, status=1).stdout)
    assert report["fit"] is False
    (port,) = [each for each in report["checks"] if each["name"] == "port"]
    assert port["verdict"] == "failed"
    assert port["advice"].startswith("stop it, or choose --listen 127.0.0.1:")


def test_wrong_settings_come_first(tmp_path: Path) -> None:
    assert "2 settings are wrong" in holdfast(tmp_path, "doctor", "--listen", "x", "--lease", "y", status=2).stderr
