"""The seam to the operating system: every call of the local store that touches the disk is a method here.

Each method is one system call (or one that belongs together) and raises `OSError`. Fault tests subclass `Files` and
make the k-th call fail, so nothing in the room may reach for `os` beside it. Linux only.
"""

import ctypes
import errno
import fcntl
import functools
import os
import struct
from collections.abc import Sequence
from contextlib import suppress

FILE_MODE = 0o600
DIRECTORY_MODE = 0o700
SYNC_RANGE_WAIT_BEFORE = 1
SYNC_RANGE_WRITE = 2

Buffer = bytes | bytearray | memoryview


@functools.cache
def _libc() -> ctypes.CDLL:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.sync_file_range.argtypes = [ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint]
    libc.syscall.argtypes = [ctypes.c_long, ctypes.c_int, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_size_t]
    return libc


_OPENAT2 = 437
_AT_FDCWD = -100
_RESOLVE_CACHED = 0x20
_HOW = struct.pack("=QQQ", os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, 0, _RESOLVE_CACHED)
_NO_OPENAT2 = frozenset({errno.ENOSYS, errno.EPERM, errno.EINVAL, errno.E2BIG})


class Files:
    """System calls on files and directories. Has no state; one may serve any number of threads."""

    def open(self, path: str, flags: int) -> int:
        """Open `path` without following a last symbolic link; new files are 0600. Closed on exec."""
        return os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)

    def open_cached(self, path: str) -> int:
        """Open `path` for reading if memory knows the way to it, else raise BlockingIOError.

        Where the kernel cannot tell (before 5.12, or a filter forbids asking) it is opened all the same.
        """
        fd = _libc().syscall(_OPENAT2, _AT_FDCWD, os.fsencode(path), _HOW, len(_HOW))
        if fd >= 0:
            return int(fd)
        number = ctypes.get_errno()
        if number in _NO_OPENAT2:
            return self.open(path, os.O_RDONLY)
        raise OSError(number, os.strerror(number))

    def close(self, fd: int) -> None:
        """Close `fd`."""
        os.close(fd)

    def lock(self, fd: int) -> None:
        """Take the exclusive flock of `fd`, or raise BlockingIOError at once."""
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def lock_wait(self, fd: int) -> None:
        """Take the exclusive flock of `fd`, waiting for it."""
        fcntl.flock(fd, fcntl.LOCK_EX)

    def fstat(self, fd: int) -> os.stat_result:
        """Return the status of an open file."""
        return os.fstat(fd)

    def stat(self, path: str) -> os.stat_result:
        """Return the status of what `path` itself names."""
        return os.lstat(path)

    def statvfs(self, path: str) -> os.statvfs_result:
        """Return the status of the file system that holds `path`."""
        return os.statvfs(path)

    def set_direct(self, fd: int, direct: bool) -> None:
        """Switch O_DIRECT on or off; EINVAL where the file system has none."""
        flags = fcntl.fcntl(fd, fcntl.F_GETFL)
        fcntl.fcntl(fd, fcntl.F_SETFL, flags | os.O_DIRECT if direct else flags & ~os.O_DIRECT)

    def pwrite(self, fd: int, data: Buffer, offset: int) -> int:
        """Write at `offset`; returns the bytes written, which may be fewer."""
        return os.pwrite(fd, data, offset)

    def pwritev(self, fd: int, buffers: Sequence[Buffer], offset: int) -> int:
        """Write several buffers at `offset`; returns the bytes written, which may be fewer."""
        return os.pwritev(fd, buffers, offset)

    def pread(self, fd: int, size: int, offset: int) -> bytes:
        """Read up to `size` bytes at `offset`; fewer only at the end of the file."""
        return os.pread(fd, size, offset)

    def preadv_cached(self, fd: int, buffer: bytearray | memoryview, offset: int) -> int:
        """Read into `buffer` what the page cache holds; BlockingIOError when that is nothing."""
        return os.preadv(fd, [buffer], offset, os.RWF_NOWAIT)

    def ftruncate(self, fd: int, size: int) -> None:
        """Cut or extend a file to `size`."""
        os.ftruncate(fd, size)

    def fsync(self, fd: int) -> None:
        """Make a file's bytes and size durable."""
        os.fsync(fd)

    def fsync_dir(self, path: str) -> None:
        """Make the entries of directory `path` durable."""
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def sync_file_range(self, fd: int, offset: int, size: int, flags: int) -> None:
        """Start (SYNC_RANGE_WRITE) or await (SYNC_RANGE_WAIT_BEFORE) the write-back of a range. No durability."""
        if _libc().sync_file_range(fd, offset, size, flags) != 0:
            number = ctypes.get_errno()
            if number != errno.ENOSYS:
                raise OSError(number, os.strerror(number))

    def rename(self, source: str, target: str) -> None:
        """Rename within the file system, replacing `target`."""
        os.rename(source, target)

    def unlink(self, path: str) -> None:
        """Remove a file's name."""
        os.unlink(path)

    def mkdir(self, path: str) -> None:
        """Make a directory, 0700."""
        os.mkdir(path, DIRECTORY_MODE)

    def listdir(self, path: str) -> list[str]:
        """Return the names in a directory."""
        return os.listdir(path)


def let_go(files: Files, fd: int) -> None:
    """Close `fd`, whatever comes: a failure says nothing that a sync did not say before, and Linux has closed it."""
    with suppress(OSError):
        files.close(fd)
