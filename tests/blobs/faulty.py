"""Files that fail, wait or forget: the seam of the local store in the hands of its tests."""

import errno
import os
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from holdfast.blobs.files import Files

SEAM = frozenset(name for name in vars(Files) if not name.startswith("_"))
"""Every system call of the local store."""


class Watched(Files):
    """Hands every call of the seam to `call`, which decides what becomes of it."""

    def call(self, name: str, real: Callable[..., Any], *args: Any) -> Any:
        return real(*args)

    def __getattribute__(self, name: str) -> Any:
        value = super().__getattribute__(name)
        return partial(self.call, name, value) if name in SEAM else value


class Failing(Watched):
    """Fails the calls that `when` (given the name and how many calls of any name came before) picks, with `number`.

    `late`: the call does its work, and fails all the same. Closing always closes, as in Linux.
    """

    def __init__(self, when: Callable[[str, int], bool], number: int = errno.EIO, *, late: bool = False) -> None:
        self.calls: list[str] = []
        self.failed: list[str] = []
        self.armed = True
        self._when = when
        self._number = number
        self._late = late
        self._lock = threading.Lock()

    def call(self, name: str, real: Callable[..., Any], *args: Any) -> Any:
        with self._lock:
            if not self.armed:
                return real(*args)
            fails = self._when(name, len(self.calls))
            self.calls.append(name)
            if fails:
                self.failed.append(name)
        if not fails:
            return real(*args)
        if name == "close" or (self._late and name not in ("open", "open_cached")):
            real(*args)
        raise OSError(self._number, os.strerror(self._number))


class NoDirectFailing(Failing):
    """Fails as told, on a file system without O_DIRECT."""

    def set_direct(self, fd: int, direct: bool) -> None:
        raise OSError(errno.EINVAL, "no O_DIRECT here")


class Gated(Watched):
    """Makes the calls named `name` wait at a gate: `arrived` tells that one is there, `opened` lets them pass.

    Behind the gate they fail with `number`, if given. With `cold`, memory holds nothing of any file. `done` lists the
    calls that came to their end.
    """

    def __init__(self, name: str = "", number: int = 0, *, cold: bool = False) -> None:
        self.name = name
        self.arrived = threading.Event()
        self.opened = threading.Event()
        self.done: list[tuple[str, Any]] = []
        self._number = number
        self._cold = cold

    def call(self, name: str, real: Callable[..., Any], *args: Any) -> Any:
        if self._cold and name == "preadv_cached":
            raise BlockingIOError(errno.EAGAIN, "nothing in memory")
        if name == self.name:
            self.arrived.set()
            assert self.opened.wait(30), "nobody opened the gate"
            if self._number:
                self.done.append((name, "failed"))
                raise OSError(self._number, os.strerror(self._number))
        try:
            return real(*args)
        finally:
            self.done.append((name, args[0]))


class PowerCut(Watched):
    """Loses power before call number `at`, and remembers what was on the disk by then in the strictest reading.

    On the disk are only bytes of a file whose fsync returned, as they were then, and only names in a directory whose
    fsync returned, as they were then. `left` lays that out for a look.
    """

    def __init__(self, root: Path, at: int) -> None:
        self.calls: list[str] = []
        self._root = root
        self._at = at
        self._lock = threading.Lock()
        self._bytes: dict[int, bytes] = {}
        self._names: dict[str, dict[str, int | None]] = {}

    def call(self, name: str, real: Callable[..., Any], *args: Any) -> Any:
        with self._lock:
            if len(self.calls) >= self._at and name != "close":
                raise OSError(errno.EIO, "the power is off")
            self.calls.append(name)
            if name == "fsync":
                self._keep_bytes(args[0])
                return None
            if name == "fsync_dir":
                self._keep_names(args[0])
                return None
            new = name == "open" and args[1] & os.O_CREAT and not os.path.exists(args[0])
            result = real(*args)
            if new:
                # The file system may give out the number of a file that was removed.
                self._bytes.pop(os.fstat(result).st_ino, None)
            return result

    def _keep_bytes(self, fd: int) -> None:
        path = f"/proc/self/fd/{fd}"
        with open(path, "rb") as again:
            self._bytes[os.fstat(fd).st_ino] = again.read()

    def _keep_names(self, path: str) -> None:
        self._names[path] = {
            entry.name: None if entry.is_dir(follow_symlinks=False) else entry.inode() for entry in os.scandir(path)
        }

    def left(self, target: Path) -> None:
        """Write what was on the disk to `target`, in place of the store's root."""
        if str(self._root) in {f"{path}/{name}" for path, names in self._names.items() for name in names}:
            self._lay(str(self._root), target)

    def _lay(self, path: str, target: Path) -> None:
        target.mkdir()
        for name, number in self._names.get(path, {}).items():
            if number is None:
                self._lay(f"{path}/{name}", target / name)
            else:
                (target / name).write_bytes(self._bytes.get(number, b""))
