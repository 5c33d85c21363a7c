"""What the doctor says of directories and file systems: real ones where they can be had, else the kernel's own text."""

import os
from pathlib import Path

import pytest

from holdfast.app.doctor_check import Verdict
from holdfast.app.doctor_disk import (
    check_direct,
    check_file_system,
    check_space,
    check_sync,
    check_writable,
    existing,
    find_file_system,
)

MOUNTS = """\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:40 / {place} rw,relatime - {kind} source {options}
"""


def test_a_fresh_directory_is_writable_and_left_as_it_was(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    for check in (check_writable(data), check_sync(data), check_direct(data)):
        assert check.verdict in (Verdict.OK, Verdict.WARNING), check
    assert check_writable(data).verdict is Verdict.OK
    assert list(data.iterdir()) == []


def test_a_missing_directory_is_tried_in_the_nearest_one_and_not_made(tmp_path: Path) -> None:
    data = tmp_path / "a" / "b"
    assert existing(data) == tmp_path
    check = check_writable(data)
    assert check.verdict is Verdict.OK
    assert "does not exist yet" in check.seen
    assert list(tmp_path.iterdir()) == []


def test_a_directory_open_to_every_user_is_warned_of(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    check = check_writable(tmp_path)
    assert (check.verdict, check.advice) == (Verdict.WARNING, f"chmod o-rwx {tmp_path}")


def test_a_directory_that_cannot_be_written() -> None:
    # Nobody writes there, root neither.
    check = check_writable(Path("/proc/self/holdfast"))
    assert check.verdict is Verdict.FAILED
    assert check.advice
    assert check_sync(Path("/proc/self/holdfast")).verdict is Verdict.FAILED
    assert check_direct(Path("/proc/self/holdfast")).verdict is Verdict.WARNING


def test_memory_is_warned_of() -> None:
    if not Path("/dev/shm").is_dir() or (found := find_file_system(Path("/dev/shm"))) is None or found.kind != "tmpfs":
        pytest.skip("no tmpfs at /dev/shm")
    assert check_file_system(Path("/dev/shm/holdfast")).verdict is Verdict.WARNING


def test_a_preloaded_eatmydata_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LD_PRELOAD", "/usr/lib/libeatmydata.so")
    assert check_sync(tmp_path).verdict is Verdict.FAILED


@pytest.mark.parametrize(
    ("kind", "options", "network"),
    [
        ("ext4", "rw", False),
        ("nfs4", "rw,vers=4.2", True),
        ("cifs", "rw", True),
        ("9p", "rw", True),
        ("fuse.sshfs", "rw", True),
        ("fuse.s3fs", "rw", True),
        ("fuse.glusterfs", "rw", True),
        ("fuse.mergerfs", "rw", False),
        ("overlay", "rw", False),
    ],
)
def test_network_file_systems_are_told_apart(tmp_path: Path, kind: str, options: str, network: bool) -> None:
    found = find_file_system(tmp_path / "data", MOUNTS.format(place=tmp_path, kind=kind, options=options))
    assert found is not None
    assert (found.kind, found.mount_point, found.network) == (kind, str(tmp_path), network)


def test_the_deepest_and_latest_mount_counts_and_spaces_are_read(tmp_path: Path) -> None:
    place = tmp_path / "a b" / "ü"
    place.mkdir(parents=True)
    text = MOUNTS.format(place=str(tmp_path / "a b").replace(" ", "\\040"), kind="nfs", options="rw")
    found = find_file_system(place, text)
    assert found is not None
    assert (found.kind, found.mount_point) == ("nfs", str(tmp_path / "a b"))
    covered = find_file_system(place, text + text.splitlines()[1].replace("nfs", "xfs") + "\n")
    assert covered is not None
    assert covered.kind == "xfs"
    beside = find_file_system(tmp_path, text)
    assert beside is not None
    assert beside.kind == "ext4"


def test_the_running_kernel_tells_too(tmp_path: Path) -> None:
    found = find_file_system(tmp_path)
    assert found is not None
    assert tmp_path.resolve().is_relative_to(found.mount_point)
    assert check_file_system(tmp_path).verdict is not Verdict.SKIPPED


def test_free_space_against_the_reserve(tmp_path: Path) -> None:
    space = os.statvfs(tmp_path)
    free = space.f_bavail * space.f_frsize
    assert check_space(tmp_path, 0).verdict in (Verdict.OK, Verdict.WARNING)
    assert check_space(tmp_path, int(free / 1.5)).verdict is Verdict.WARNING
    assert check_space(tmp_path, 2 * free).verdict is Verdict.FAILED
