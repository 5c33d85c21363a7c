"""The keys are rotated while a registry is pushed to, by two processes, with kill -9 in between: nothing is lost.

The key file changes as people change it: a new first line, a rotation, the old line taken out.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from base64 import b64encode
from pathlib import Path

import pytest
from tests.databases import Tables
from tests.faults.client import Ledger
from tests.faults.load import pushers, wait_for
from tests.faults.oracle import check, verify
from tests.pairs import Pair, pairs
from tests.serving import Server, pause, program, running_server

PAIRS = [pair for pair in pairs(Pair.SEALED, Pair.SEALED_CLUSTER) if pair.sealed]
_PUSHERS = 3
_LEASE = 5


def new_line() -> str:
    return b64encode(os.urandom(32)).decode() + "\n"


def key_file(server: Server) -> Path:
    """The file that holds the master key."""
    return Path(server.env.get("HOLDFAST_ENCRYPTION_KEY_FILE", server.data / "master.key"))


def rotating(server: Server) -> subprocess.Popen[str]:
    """`holdfast rotate-keys` beside the server."""
    command = [str(program()), "rotate-keys", "--data", str(server.data), "--jobs-lease", f"{_LEASE}s"]
    return subprocess.Popen(
        command, env={**os.environ, **server.env}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def rotate(server: Server) -> None:
    """See a rotation through."""
    done = rotating(server)
    said, _ = done.communicate(timeout=120)
    assert done.returncode == 0, said
    assert "the keys are rotated" in said


def generations(server: Server) -> set[int]:
    """Which content keys are in use."""
    tables = Tables(server.env.get("HOLDFAST_DATABASE", str(server.data / "holdfast.db")))
    try:
        return {bytes(row)[1] for row in tables.sql("select wrapped_key from content where wrapped_key is not null")}
    finally:
        tables.close()


def secrets(server: Server) -> list[str]:
    tables = Tables(server.env.get("HOLDFAST_DATABASE", str(server.data / "holdfast.db")))
    try:
        return tables.sql("select name from secret where name like 'content-%' order by name")
    finally:
        tables.close()


@pytest.mark.slow
@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_keys_are_rotated_under_load_and_the_old_line_goes(tmp_path: Path, pair: Pair) -> None:
    with running_server(tmp_path, "--open", "--workers", "2", pair=pair) as server:
        with pushers(server.port, _PUSHERS, seed=41, strict=True) as threads:
            wait_for(threads, 60)
            for _ in range(2):
                keys = key_file(server)
                keys.write_text(new_line() + keys.read_text())
                rotate(server)
                wait_for(threads, 60)
        ledgers = [thread.ledger for thread in threads]
        assert secrets(server) == ["content-1", "content-2", "content-3"]
        rotate(server)
        assert check(server.port, ledgers) > 0
        assert max(generations(server)) == 4
        keys.write_text(keys.read_text().splitlines(keepends=True)[0])
        server.restart()
        assert check(server.port, ledgers) > 0
        verify(server.data, "--deep", env=server.env)


def test_a_rotation_that_is_killed_goes_on_elsewhere(tmp_path: Path) -> None:
    """Nobody else works here, so each run of the command is the one that takes over, once the lease has run out."""
    ledgers: list[Ledger] = []
    with running_server(tmp_path, "--open", "--no-jobs", pair=Pair.SEALED) as server:
        with pushers(server.port, _PUSHERS, seed=42) as threads:
            wait_for(threads, 400)
            ledgers = [thread.ledger for thread in threads]
        keys = key_file(server)
        keys.write_text(new_line() + keys.read_text())
        for delay in (0.3, 0.6):
            running = rotating(server)
            with contextlib.suppress(subprocess.TimeoutExpired):
                running.wait(delay)
            running.send_signal(signal.SIGKILL)
            running.communicate()
            pause(0.1)
        rotate(server)
        found = secrets(server)
        assert generations(server) == {len(found)}
        keys.write_text(keys.read_text().splitlines(keepends=True)[0])
        server.restart(graceful=False)
        assert check(server.port, ledgers) > 0
