"""The data directory: its layout, its master key, and who may use it.

Promises: one `serve` per directory at a time; a second host is refused while the first is alive (a directory on a
shared disk would corrupt the database); every file made here is durable before it is relied on.

    DATA/holdfast.db        the database (and -wal, -shm, .lock beside it)
    DATA/master.key         the key that opens every other key (0600): keep a copy of it with every backup
    DATA/store/             objects and uploads
    DATA/serve.lock         held while a server runs
    DATA/host               which host serves here, renewed while it does
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
from pathlib import Path

from holdfast.access.master import new_master_key, parse_master_keys

BEAT = 2.0
"""Seconds between two signs of life of the host that serves a directory."""
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class DataDirectoryError(Exception):
    """The directory cannot be used; the text says why and what to do."""


_DYING = 5.0
"""Seconds that the children of a server which was killed may take to die with it."""
_LOOK = 0.02


def _taken(descriptor: int) -> bool:
    """Whether the lock is ours now."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _lives(holder: str) -> bool:
    """Whether the process of this number runs here."""
    if not holder.isdigit():
        return False
    try:
        os.kill(int(holder), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


class DataDirectory:
    """Paths below one data directory, and its lock."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.database = str(root / "holdfast.db")
        self.store = str(root / "store")
        self.master_key = root / "master.key"
        self._host = root / "host"
        self._lock: int | None = None
        self._beats = False

    def exists(self) -> bool:
        """Whether a registry keeps its database here."""
        return os.path.exists(self.database)

    def prepare(self) -> None:
        """Make the directory (0700) and its parents, durably. Raises `DataDirectoryError`."""
        missing = [path for path in (self.root, *self.root.parents) if not path.exists()]
        try:
            for path in reversed(missing):
                path.mkdir(mode=0o700, exist_ok=True)
                _sync_directory(path.parent)
        except OSError as error:
            raise DataDirectoryError(f"{self.root} cannot be made: {error.strerror}") from error

    def lock(self, patience: float = 2 * BEAT) -> None:
        """Take the directory for this server. Raises `DataDirectoryError` naming who has it.

        `patience`: seconds to wait for another host's next sign of life, where there is an old one.
        """
        descriptor = os.open(self.root / "serve.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        until = time.monotonic() + _DYING
        while not _taken(descriptor):
            holder = os.pread(descriptor, 64, 0).decode("ascii", "replace").strip() or "unknown"
            if _lives(holder) or time.monotonic() > until:
                os.close(descriptor)
                raise DataDirectoryError(
                    f"{self.root} is being served already, by process {holder}: stop it first, or use another directory"
                )
            time.sleep(_LOOK)  # it was killed, and its children, which have the lock too, are about to die
        self._lock = descriptor
        try:
            os.pwrite(descriptor, f"{os.getpid():<20}\n".encode(), 0)
            self._refuse_second_host(patience)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise DataDirectoryError(f"{self.root} cannot be written: {error.strerror}") from error

    def served(self) -> bool:
        """Whether a server runs on the directory now."""
        try:
            descriptor = os.open(self.root / "serve.lock", os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def beat(self) -> None:
        """Leave a sign of life for other hosts that might see this directory.

        Written in place and always as long, which a full disk takes too.
        """
        descriptor = os.open(self._host, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.pwrite(descriptor, f"{_boot_id()} {time.time_ns():020}\n".encode(), 0)
        finally:
            os.close(descriptor)
        self._beats = True

    def leave(self) -> None:
        """Say that nobody serves here any more, unless it was somebody else who did."""
        if self._beats:
            with contextlib.suppress(FileNotFoundError):
                self._host.unlink()
            self._beats = False
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _refuse_second_host(self, patience: float) -> None:
        """Another host's sign of life that is renewed while we watch means that it is alive."""
        before = self._read_host()
        if before and not before.startswith(_boot_id()):
            time.sleep(patience)
            if self._read_host() not in ("", before):
                raise DataDirectoryError(
                    f"{self.root} is being served by another host: a data directory belongs to one host at a time"
                )
        self.beat()

    def _read_host(self) -> str:
        try:
            return self._host.read_text()
        except FileNotFoundError:
            return ""

    def read_master_keys(self) -> tuple[bytes, ...]:
        """The keys of `master.key`, which is made when there is neither a key nor a database.

        Raises `DataDirectoryError` when the key of an existing database is missing or cannot be read,
        `WrongMasterKey` when the file is not one.
        """
        if not self.master_key.exists():
            if os.path.exists(self.database):
                raise DataDirectoryError(
                    f"{self.master_key} is missing, and the database in {self.root} cannot be used without it: "
                    "put the file back from your backup"
                )
            _write_durably(self.master_key, new_master_key())
        try:
            text = self.master_key.read_text(errors="replace")
        except OSError as error:
            raise DataDirectoryError(f"{self.master_key} cannot be read: {error.strerror}") from error
        return parse_master_keys(text)

    def adopt_master_key(self, path: Path) -> None:
        """Keep a copy of the master key file at `path` as `master.key`. Raises `DataDirectoryError`."""
        try:
            _write_durably(self.master_key, path.read_text(errors="replace"))
        except OSError as error:
            raise DataDirectoryError(f"{path} cannot be copied to {self.root}: {error.strerror}") from error


def _boot_id() -> str:
    """What tells this host from another one: containers of one host share it."""
    return _BOOT_ID.read_text().strip()


def _write_durably(path: Path, text: str) -> None:
    temporary = path.with_name(path.name + ".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, text.encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    temporary.rename(path)
    _sync_directory(path.parent)


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
