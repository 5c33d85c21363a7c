"""The two seams to the machine in the hands of the tests: one call of them fails, chosen by number.

Promises: calls are counted only while armed; exactly one fails; what a failed call did before it failed is what a real
one may do: nothing, half of it (a torn write), or all of it (`late`).
"""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable
from typing import Any

import apsw
from tests.blobs.faulty import Watched

SYNCS = frozenset({"fsync", "fsync_dir", "sync_file_range", "xSync"})


class Trigger:
    """Counts calls while armed, and picks the one that fails. `only`: the names that count; None: all."""

    def __init__(self, only: frozenset[str] | None = None) -> None:
        self._only = only
        self.calls: list[str] = []
        self.failed: str | None = None
        self._at: int | None = None
        self._armed = False
        self._lock = threading.Lock()

    def arm(self, at: int | None) -> None:
        """Count from now on, and fail call number `at` (from 0); None: fail none."""
        with self._lock:
            self.calls, self.failed, self._at, self._armed = [], None, at, True

    def disarm(self) -> int:
        """Fail nothing any more; returns how many calls there were."""
        with self._lock:
            self._armed = False
            return len(self.calls)

    def pulled(self, name: str) -> bool:
        """Count the call `name`; whether it is the one that fails."""
        with self._lock:
            if not self._armed or (self._only is not None and name not in self._only):
                return False
            self.calls.append(name)
            if len(self.calls) - 1 != self._at:
                return False
            self.failed = name
            return True


class FailingFiles(Watched):
    """The local store's system calls, one of which fails with `number`. Closing always closes, as in Linux."""

    def __init__(self, trigger: Trigger, number: int, *, late: bool = False) -> None:
        self._trigger = trigger
        self.number = number
        self._late = late

    def call(self, name: str, real: Callable[..., Any], *args: Any) -> Any:
        if not self._trigger.pulled(name):
            return real(*args)
        if name == "close" or (self._late and name not in ("open", "open_cached")):
            real(*args)
        elif name in ("pwrite", "pwritev"):
            self._torn(args[0], args[1], args[2])
        raise OSError(self.number, os.strerror(self.number))

    @staticmethod
    def _torn(fd: int, data: Any, offset: int) -> None:
        """Half of what should have been written."""
        whole = b"".join(map(bytes, data)) if isinstance(data, list) else bytes(data)
        copy = os.open(f"/proc/self/fd/{fd}", os.O_WRONLY)
        try:
            os.pwrite(copy, whole[: len(whole) // 2], offset)
        finally:
            os.close(copy)


_RESULTS: dict[str, tuple[type[apsw.Error], int]] = {
    "xRead": (apsw.IOError, apsw.SQLITE_IOERR_READ),
    "xWrite": (apsw.IOError, apsw.SQLITE_IOERR_WRITE),
    "xSync": (apsw.IOError, apsw.SQLITE_IOERR_FSYNC),
    "xTruncate": (apsw.IOError, apsw.SQLITE_IOERR_TRUNCATE),
    "xFileSize": (apsw.IOError, apsw.SQLITE_IOERR_FSTAT),
    "xOpen": (apsw.CantOpenError, apsw.SQLITE_CANTOPEN),
}


def _failure(name: str, full: bool) -> apsw.Error:
    kind, code = (apsw.FullError, apsw.SQLITE_FULL) if full else _RESULTS[name]
    error = kind(f"{name} fails")
    error.extendedresult = code  # type: ignore[attr-defined]  # what apsw hands to SQLite
    return error


class FailingDisk(apsw.VFS):
    """SQLite's file system, one of whose calls fails: with an I/O error, or (`full`) for want of room."""

    def __init__(self, name: str, trigger: Trigger, *, full: bool = False, late: bool = False) -> None:
        super().__init__(name, base="")
        self.name = name
        self.trigger = trigger
        self.full = full
        self.late = late

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:
        if self.trigger.pulled("xOpen"):
            raise _failure("xOpen", self.full)
        return _FailingFile(self, name, flags)


class _FailingFile(apsw.VFSFile):
    """A file of that disk."""

    def __init__(self, disk: FailingDisk, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        super().__init__("", name, flags)
        self._disk = disk

    def xRead(self, amount: int, offset: int) -> bytes:
        self._maybe("xRead")
        return super().xRead(amount, offset)

    def xWrite(self, data: bytes, offset: int) -> None:
        if self._disk.trigger.pulled("xWrite"):
            super().xWrite(data if self._disk.late else data[: len(data) // 2], offset)
            raise _failure("xWrite", self._disk.full)
        super().xWrite(data, offset)

    def xSync(self, flags: int) -> None:
        pulled = self._disk.trigger.pulled("xSync")
        if not pulled or self._disk.late:
            super().xSync(flags)
        if pulled:
            raise _failure("xSync", full=False)

    def xTruncate(self, newsize: int) -> None:
        self._maybe("xTruncate")
        super().xTruncate(newsize)

    def xFileSize(self) -> int:
        self._maybe("xFileSize")
        return super().xFileSize()

    def _maybe(self, name: str) -> None:
        if self._disk.trigger.pulled(name):
            raise _failure(name, full=False)


NUMBERS = {"EIO": errno.EIO, "ENOSPC": errno.ENOSPC}
