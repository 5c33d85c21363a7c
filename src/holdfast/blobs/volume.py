"""The directory of a local store: its layout, its marker, its locks, and when it stops acknowledging.

    .holdfast-store     the id of the installation that this store belongs to
    .holdfast-NAME      marks; what ends in .new is one being written
    uploads/NAME        staged uploads; `put.KEY` are those of `put`, not listed, cleared at open when nobody holds them
    objects/00..ff/KEY  objects, in the directory of the last two digits of their key

Everything here blocks and belongs in a thread. Errors are the room's own (errors.py).
"""

import errno
import os
from collections.abc import Sequence
from contextlib import suppress

from holdfast.blobs.errors import BlobError, Busy, ForeignStore, Lost, Missing, Unavailable, from_os, translated
from holdfast.blobs.files import Buffer, Files, let_go
from holdfast.blobs.key import is_key

MARKER = ".holdfast-store"
SHARDS = tuple(f"{n:02x}" for n in range(256))
TEMPORARY = "put."
_MARKER_BYTES = 256
_ATTEMPTS = 16
_VECTOR = 64


class Volume:
    """One local store's directory `root`, reached through `files`."""

    def __init__(self, root: str, files: Files) -> None:
        self.root = os.path.abspath(root)
        self.files = files
        self.uploads = f"{self.root}/uploads"
        self.objects = f"{self.root}/objects"
        self._marker = f"{self.root}/{MARKER}"
        self._installation: str | None = None
        self._stopped: str | None = "The blob store is not open."
        self._sync_failed = False

    def mark(self, name: str) -> str:
        """Return the path of mark `name` (checked by the caller)."""
        return f"{self.root}/.holdfast-{name}"

    def upload(self, name: str) -> str:
        """Return the path of staged upload `name` (checked by the caller)."""
        return f"{self.uploads}/{name}"

    def shard(self, key: str) -> str:
        """Return the directory of object `key` (checked by the caller)."""
        return f"{self.objects}/{key[-2:]}"

    def object(self, key: str) -> str:
        """Return the path of object `key` (checked by the caller)."""
        return f"{self.objects}/{self.place(key)}"

    @staticmethod
    def place(key: str) -> str:
        """Return where object `key` lies below the directory of objects (checked by the caller)."""
        return f"{key[-2:]}/{key}"

    # -- opening ------------------------------------------------------------------------------------------------

    def open(self, installation: str) -> None:
        """Make directories and marker, durably, and clear what `put` left behind. See BlobStore.open."""
        if self._sync_failed:
            self.check_writable()
        with translated():
            self._make_root()
            lock = self.files.open(self.root, os.O_RDONLY | os.O_DIRECTORY)
            try:
                # One process at a time: several workers start together.
                self.files.lock_wait(lock)
                self._make_inside()
                self._claim(installation)
                self._clear_temporaries()
            finally:
                let_go(self.files, lock)
        self._installation = installation
        self._stopped = None

    def close(self) -> None:
        """Refuse every later write operation."""
        self._stopped = self._stopped or "The blob store is closed."

    def _make_root(self) -> None:
        missing = []
        path = self.root
        while not self._exists(path):
            missing.append(path)
            path = os.path.dirname(path)
        for made in reversed(missing):
            self._mkdir(made)
        # An earlier start may have died between making a directory and syncing it, so existing ones are synced too.
        for path in (self.root, *missing):
            self.files.fsync_dir(os.path.dirname(path))

    def _make_inside(self) -> None:
        there = set(self.files.listdir(self.root))
        for path in (self.uploads, self.objects):
            if os.path.basename(path) not in there:
                self._mkdir(path)
        shards = set(self.files.listdir(self.objects))
        for shard in SHARDS:
            if shard not in shards:
                self._mkdir(f"{self.objects}/{shard}")
        self.files.fsync_dir(self.objects)
        self.files.fsync_dir(self.root)

    def _claim(self, installation: str) -> None:
        marked = self._read_marker()
        if marked == installation:
            return
        if marked is not None:
            raise ForeignStore
        if any(is_key(name) for shard in SHARDS for name in self.files.listdir(f"{self.objects}/{shard}")):
            raise ForeignStore("The blob store holds objects but no marker of the installation they belong to.")
        temporary = f"{self._marker}.new"
        fd = self.files.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        try:
            write_all(self.files, fd, [f"{installation}\n".encode()], 0)
            self.files.fsync(fd)
        finally:
            let_go(self.files, fd)
        self.files.rename(temporary, self._marker)
        self.files.fsync_dir(self.root)

    def _clear_temporaries(self) -> None:
        for name in self.files.listdir(self.uploads):
            if name.startswith(TEMPORARY):
                with suppress(Busy, FileNotFoundError):
                    # Held means that another process is at it; gone, that it has just made an object of it.
                    self.unlink_locked(self.upload(name))

    def _read_marker(self) -> str | None:
        return self.read_line(self._marker)

    def read_line(self, path: str) -> str | None:
        """Return the one line of a small file, None where there is none."""
        try:
            fd = self.files.open(path, os.O_RDONLY)
        except FileNotFoundError:
            return None
        try:
            return self.files.pread(fd, _MARKER_BYTES, 0).decode(errors="replace").strip()
        finally:
            let_go(self.files, fd)

    def _mkdir(self, path: str) -> None:
        try:
            self.files.mkdir(path)
        except FileExistsError:
            return

    def _exists(self, path: str) -> bool:
        try:
            self.files.stat(path)
        except FileNotFoundError:
            return False
        return True

    # -- standing -----------------------------------------------------------------------------------------------

    def check_writable(self) -> None:
        """Raise Unavailable while the store acknowledges nothing: not open, closed, or after a failed sync."""
        if self._stopped is not None:
            raise Unavailable(self._stopped)

    def missing(self) -> BlobError:
        """Give the error for an object that is not there: Missing, unless the store itself is not there."""
        return Missing() if self._is_there() else _not_there()

    def lost(self) -> BlobError:
        """Give the error for a staged upload that is not there: Lost, unless the store itself is not there."""
        return Lost() if self._is_there() else _not_there()

    def check_there(self) -> None:
        """Raise Unavailable when the store is not there: what is missing from it then proves nothing."""
        if not self._is_there():
            raise _not_there()

    def _is_there(self) -> bool:
        with translated():
            marked = self._read_marker()
        return marked is not None and marked == (self._installation or marked)

    def sync(self, fd: int) -> None:
        """Make an open file durable. After a failure the caller closes `fd` and never syncs it again."""
        self.check_writable()
        try:
            self.files.fsync(fd)
        except OSError as error:
            raise self.failed_sync(error) from error

    def sync_dir(self, path: str) -> None:
        """Make a directory's entries durable."""
        self.check_writable()
        try:
            self.files.fsync_dir(path)
        except OSError as error:
            raise self.failed_sync(error) from error

    def failed_sync(self, error: OSError) -> BlobError:
        """Give the error for a failed sync; unless it was for want of space, the store stops acknowledging.

        After EIO the kernel takes the lost pages for clean: a second fsync would succeed and lie (data.md, rule 8).
        """
        meaning = from_os(error)
        if isinstance(meaning, Unavailable):
            self._sync_failed = True
            self._stopped = "The blob store stopped after a failed sync; it needs a look at its disk, and a restart."
        return meaning

    # -- locking and naming -------------------------------------------------------------------------------------

    def open_locked(self, path: str, *, create: bool, wait: bool = False) -> int:
        """Open the file `path` for writing and take its lock; raises Busy, and FileNotFoundError without `create`.

        `wait`: whoever holds it lets go at once; wait for that instead of raising Busy.
        The file may be renamed or unlinked between open and lock; then the lock is on nothing, and we begin again.
        """
        flags = os.O_RDWR | (os.O_CREAT if create else 0)
        for _ in range(_ATTEMPTS):
            fd = self.files.open(path, flags)
            try:
                (self.files.lock_wait if wait else self.files.lock)(fd)
                if self._is_at(fd, path):
                    return fd
            except BlockingIOError:
                let_go(self.files, fd)
                raise Busy from None
            except BaseException:
                let_go(self.files, fd)
                raise
            let_go(self.files, fd)
        raise Busy

    def unlink_locked(self, path: str) -> None:
        """Unlink the file `path` under its lock; raises Busy, FileNotFoundError."""
        fd = self.open_locked(path, create=False)
        try:
            self.files.unlink(path)
        finally:
            let_go(self.files, fd)

    def _is_at(self, fd: int, path: str) -> bool:
        mine = self.files.fstat(fd)
        try:
            there = self.files.stat(path)
        except FileNotFoundError:
            return False
        return (mine.st_dev, mine.st_ino) == (there.st_dev, there.st_ino)

    def settle(self, path: str, key: str) -> None:
        """Rename a durable staged file, whose lock the caller holds, to object `key`; the caller syncs the shard."""
        target = self.object(key)
        with translated():
            if self._exists(target):
                raise ValueError("object key used twice")
            self.files.rename(path, target)


def _not_there() -> Unavailable:
    return Unavailable("The blob store is not there; its volume may not be mounted.")


def write_all(files: Files, fd: int, buffers: Sequence[Buffer], offset: int) -> int:
    """Write all of `buffers` at `offset`, however many calls it takes; returns the bytes written."""
    rest = [memoryview(buffer).cast("B") for buffer in buffers if buffer]
    total = first = 0
    while first < len(rest):
        written = files.pwritev(fd, rest[first : first + _VECTOR], offset + total)
        if written == 0:
            raise OSError(errno.EIO, "write made no progress")
        total += written
        while first < len(rest) and written >= len(rest[first]):
            written -= len(rest[first])
            first += 1
        if written:
            rest[first] = rest[first][written:]
    return total
