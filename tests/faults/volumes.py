"""Small file systems of a test's own, whose power can be cut and which can be filled to the last block.

Promises: whatever happens in the block, afterwards nothing is mounted and no loop device is held; where none can be
mounted the test is skipped, and the skip says why.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import struct
import subprocess
from collections.abc import Iterator
from enum import IntEnum
from pathlib import Path

import pytest
from tests.serving import pause

_EXT4_IOC_SHUTDOWN = 0x8004587D
_MIB = 1 << 20


class Cut(IntEnum):
    """How the power goes (fs/ext4/ext4.h): everything written first, the journal written first, or nothing."""

    DEFAULT = 0
    LOGFLUSH = 1
    NOLOGFLUSH = 2


class Volume:
    """An ext4 file system in the file `image`, mounted at `root` while `mounted`."""

    def __init__(self, image: Path, root: Path) -> None:
        self.image = image
        self.root = root

    def make(self, size: int) -> None:
        """Lay an empty file system of `size` bytes, without blocks that only root may use."""
        with self.image.open("wb") as file:
            file.truncate(size)
        _run("mkfs.ext4", "-q", "-m", "0", "-E", "nodiscard", str(self.image))
        self.root.mkdir(parents=True, exist_ok=True)

    def mount(self) -> None:
        """Mount it, which replays its journal."""
        _run("mount", "-t", "ext4", "-o", "loop", str(self.image), str(self.root))

    def unmount(self) -> None:
        """Unmount it as soon as nobody uses it any more."""
        for _ in range(500):
            done = subprocess.run(["umount", str(self.root)], capture_output=True, text=True, check=False)
            if done.returncode == 0 or "not mounted" in done.stderr:
                return
            pause(0.02)
        raise AssertionError(done.stderr)

    def cut_power(self, how: Cut) -> None:
        """From now on nothing reaches the disk; what did not before is lost."""
        descriptor = os.open(self.root, os.O_RDONLY)
        try:
            fcntl.ioctl(descriptor, _EXT4_IOC_SHUTDOWN, struct.pack("I", how))
        finally:
            os.close(descriptor)

    def restore_power(self) -> None:
        """Mount what was on the disk, replay the journal, insist on a clean file system, and mount that."""
        self.unmount()
        self.mount()
        self.unmount()
        _run("e2fsck", "-fn", str(self.image))
        self.mount()

    def free(self) -> int:
        """Bytes that can still be written."""
        found = os.statvfs(self.root)
        return found.f_bavail * found.f_frsize

    def fill(self, leave: int = 0) -> None:
        """Take all room but about `leave` bytes, most of it at once, lest others write it full meanwhile."""
        with (self.root / "filler").open("ab", buffering=0) as file:
            if (most := self.free() - leave - _MIB) > 0:
                with contextlib.suppress(OSError):
                    os.posix_fallocate(file.fileno(), 0, most)
                file.seek(0, os.SEEK_END)
            block = bytes(_MIB)
            while (rest := self.free() - leave) > 0:
                try:
                    file.write(block[: min(rest, _MIB)])
                    os.fsync(file.fileno())
                except OSError:
                    if len(block) <= 4096:
                        return
                    block = block[: len(block) // 4]

    def empty(self) -> None:
        """Give back what `fill` took."""
        (self.root / "filler").unlink()


@contextlib.contextmanager
def volume(directory: Path, root: Path, size: int) -> Iterator[Volume]:
    """An ext4 file system of `size` bytes at `root`, its image in `directory`. Skips where none can be mounted."""
    if os.geteuid() != 0:
        pytest.skip("mounting a file system needs root")
    for name in ("mkfs.ext4", "e2fsck", "mount", "umount"):
        if shutil.which(name) is None:
            pytest.skip(f"{name} is not installed")
    made = Volume(directory / "disk.img", root)
    made.make(size)
    try:
        made.mount()
    except subprocess.CalledProcessError as error:
        pytest.skip(f"no loop device can be mounted here: {error.stderr.strip()[-200:]}")
    try:
        yield made
    finally:
        try:
            made.unmount()
        except AssertionError:
            _run("umount", "--lazy", str(made.root))
            raise
        finally:
            made.image.unlink()


def _run(*command: str) -> None:
    subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
