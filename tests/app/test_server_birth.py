"""A stop that comes while a worker is being born is kept, not lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from tests.ports import free_port

_LOOKS = 50_000


def _worker_opened_its_database(supervisor: int) -> bool:
    """Whether a worker is making its services: it listens to nothing yet."""
    for worker in Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split():
        for entry in Path(f"/proc/{worker}/fd").iterdir():
            with suppress(OSError):
                if entry.readlink().name == "holdfast.db":
                    return True
    return False


@pytest.mark.parametrize("turn", range(5))
def test_a_stop_at_birth_ends_the_worker_by_itself(tmp_path: Path, turn: int) -> None:
    command = [sys.executable, "-m", "holdfast", "serve", "--data", str(tmp_path / "data"), "--open"]
    command += ["--listen", f"127.0.0.1:{free_port()}", "--stop-timeout", "20s"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as server:
        try:
            assert server.stdout is not None
            assert server.stdout.readline().startswith("Holdfast"), turn
            born = any(_worker_opened_its_database(server.pid) for _ in range(_LOOKS))
            server.send_signal(signal.SIGTERM)
            _, errors = server.communicate(timeout=60)
        except BaseException:
            os.killpg(server.pid, signal.SIGKILL)
            raise
    assert born
    assert server.returncode == 0
    assert "Killing" not in errors
