"""The data directory: one server, one host, one key."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from holdfast.access.errors import WrongMasterKey
from holdfast.app.datadir import DataDirectory, DataDirectoryError

BOOT = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
ELSEWHERE = "11111111-2222-3333-4444-555555555555"
WATCH = 0.2
"""Seconds to watch for another host's sign of life: a test need not wait as long as a server."""


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[DataDirectory]:
    found = DataDirectory(tmp_path / "data")
    found.prepare()
    yield found
    found.leave()


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def host(directory: DataDirectory) -> Path:
    return directory.root / "host"


def test_a_directory_is_made_with_its_parents_for_its_owner_alone(tmp_path: Path) -> None:
    made = DataDirectory(tmp_path / "a" / "b" / "c")
    made.prepare()
    assert [mode(tmp_path / each) for each in ("a", "a/b", "a/b/c")] == [0o700] * 3
    made.prepare()


def test_a_directory_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o750)
    DataDirectory(tmp_path).prepare()
    assert mode(tmp_path) == 0o750


def test_a_directory_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataDirectoryError, match="cannot be made: Not a directory"):
        DataDirectory(tmp_path / "file" / "data").prepare()


def test_a_second_server_is_refused_naming_the_first(directory: DataDirectory) -> None:
    directory.lock(WATCH)
    sign = host(directory).read_text()
    second = DataDirectory(directory.root)
    with pytest.raises(DataDirectoryError, match=f"is being served already, by process {os.getpid()}: stop it first"):
        second.lock(WATCH)
    second.leave()
    assert host(directory).read_text() == sign, "who was refused takes nobody's sign of life away"
    with pytest.raises(DataDirectoryError):
        DataDirectory(directory.root).lock(WATCH)
    directory.leave()
    second.lock(WATCH)
    second.leave()


def test_the_lock_ends_with_its_process(directory: DataDirectory) -> None:
    program = (
        "import os, sys; from pathlib import Path; from holdfast.app.datadir import DataDirectory\n"
        "DataDirectory(Path(sys.argv[1])).lock(); os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", program, directory.root], timeout=60, check=False)
    assert done.returncode == -9
    assert host(directory).exists()
    directory.lock(WATCH)


def test_the_children_of_a_killed_server_are_waited_for(directory: DataDirectory) -> None:
    """They have the lock as well, and end a moment after it."""
    program = (
        "import os, sys; from pathlib import Path; from holdfast.app.datadir import DataDirectory\n"
        "DataDirectory(Path(sys.argv[1])).lock()\n"
        "if os.fork():\n"
        "    os.kill(os.getpid(), 9)\n"
        "sys.stdin.read(1)"
    )
    first = subprocess.Popen([sys.executable, "-c", program, directory.root], stdin=subprocess.PIPE)
    assert first.wait(60) == -9
    assert first.stdin is not None
    ending = threading.Timer(0.3, first.stdin.close)
    ending.start()
    directory.lock(WATCH)
    ending.join()


def test_a_sign_of_life_says_which_host_and_when(directory: DataDirectory) -> None:
    directory.lock(WATCH)
    first = host(directory).read_text()
    assert re.fullmatch(rf"{BOOT} \d{{20}}\n", first)
    directory.beat()
    second = host(directory).read_text()
    assert first < second
    assert len(first) == len(second)
    directory.leave()
    assert not host(directory).exists()


@contextmanager
def other_host(directory: DataDirectory) -> Iterator[None]:
    """Another host's server, which renews its sign of life all the while."""
    stopped = threading.Event()

    descriptor = os.open(host(directory), os.O_WRONLY | os.O_CREAT)

    def beat() -> None:
        while not stopped.wait(0.005):
            os.pwrite(descriptor, f"{ELSEWHERE} {time.time_ns():020}\n".encode(), 0)

    host(directory).write_text(f"{ELSEWHERE} {0:020}\n")
    thread = threading.Thread(target=beat)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()
        os.close(descriptor)


def test_another_host_that_is_alive_is_respected(directory: DataDirectory) -> None:
    with other_host(directory):
        for _ in range(2):
            second = DataDirectory(directory.root)
            with pytest.raises(DataDirectoryError, match="being served by another host"):
                second.lock(WATCH)
            second.leave()
    assert host(directory).read_text().startswith(ELSEWHERE), "its sign of life is its own"


def test_another_host_that_is_gone_is_replaced(directory: DataDirectory) -> None:
    host(directory).write_text(f"{ELSEWHERE} {time.time_ns():020}\n")
    directory.lock(WATCH)
    assert host(directory).read_text().startswith(BOOT)


def test_another_host_that_leaves_while_we_watch_is_replaced(directory: DataDirectory) -> None:
    host(directory).write_text(f"{ELSEWHERE} {time.time_ns():020}\n")
    leaving = threading.Timer(WATCH / 4, host(directory).unlink)
    leaving.start()
    directory.lock(WATCH)
    leaving.join()
    assert host(directory).read_text().startswith(BOOT)


def test_the_same_host_does_not_wait_for_itself(directory: DataDirectory) -> None:
    """A server that was killed leaves its sign behind; the next start is at once."""
    host(directory).write_text(f"{BOOT} {time.time_ns():020}\n")
    directory.lock(patience=10**6)


def test_files_are_their_owners_alone(directory: DataDirectory) -> None:
    directory.lock(WATCH)
    directory.read_master_keys()
    for name in ("host", "serve.lock", "master.key"):
        assert mode(directory.root / name) == 0o600, name


def test_a_master_key_is_made_once(directory: DataDirectory) -> None:
    (key,) = directory.read_master_keys()
    assert len(key) == 32
    assert directory.read_master_keys() == (key,)
    assert sorted(path.name for path in directory.root.iterdir()) == ["master.key"]


def test_a_missing_key_of_an_existing_database_is_refused_and_none_is_made(directory: DataDirectory) -> None:
    directory.read_master_keys()
    directory.master_key.unlink()
    Path(directory.database).write_bytes(b"")
    with pytest.raises(DataDirectoryError, match=r"is missing, and the database in .* cannot be used without it: put"):
        directory.read_master_keys()
    assert not directory.master_key.exists()


@pytest.mark.parametrize("content", [b"", b"\n", b"not a key\n", b"\xff\xfe\x00\x01", b"AAAA\n"])
def test_a_file_that_holds_no_key_is_refused(directory: DataDirectory, content: bytes) -> None:
    directory.master_key.write_bytes(content)
    with pytest.raises(WrongMasterKey):
        directory.read_master_keys()
    assert directory.master_key.read_bytes() == content


def test_a_key_that_cannot_be_read_is_refused(directory: DataDirectory) -> None:
    directory.master_key.mkdir()
    with pytest.raises(DataDirectoryError, match=r"master\.key cannot be read: Is a directory"):
        directory.read_master_keys()
