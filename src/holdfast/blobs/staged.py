"""One staged upload of the local store, open and locked: the blocking half of a receiver.

Every method belongs in a thread, one at a time. Long uploads are written past the page cache (O_DIRECT): touching its
pages for the first time is the larger half of the cost of receiving. What does not fill an aligned block, and all that
comes after it, is written through the page cache, as is everything where the file system has no O_DIRECT; then
write-back is started and awaited along the way, so that the last fsync is short. Hashing goes on in a thread beside.
"""

import errno
import mmap
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from holdfast.blobs.errors import BlobError, Lost, Unavailable, from_os, translated
from holdfast.blobs.files import SYNC_RANGE_WAIT_BEFORE, SYNC_RANGE_WRITE, Buffer, let_go
from holdfast.blobs.port import BLOCK, Received
from holdfast.blobs.running_hash import RunningHash
from holdfast.blobs.volume import Volume, write_all

ALIGNMENT = 4096
_HASHED_BESIDE = 256 << 10
WRITE_BACK = 16 * BLOCK


class Equipment:
    """What all uploads of a store share: aligned blocks, and threads that hash beside the one that writes."""

    def __init__(self) -> None:
        self._free: list[mmap.mmap] = []
        self._hashers = ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="blobs-hash")

    def take(self) -> mmap.mmap:
        """Lend a page-aligned buffer of BLOCK bytes, used before or new; there are never more than jobs at once."""
        try:
            return self._free.pop()
        except IndexError:
            return mmap.mmap(-1, BLOCK)

    def give(self, block: mmap.mmap) -> None:
        """Take a block back."""
        self._free.append(block)

    @contextmanager
    def hashing(self, running: RunningHash | None, chunks: Sequence[Buffer], total: int) -> Iterator[None]:
        """Hash `chunks` while the block runs, and leave it only when both have ended."""
        if running is None:
            yield
        elif total < _HASHED_BESIDE:
            _hash(running, chunks)
            yield
        else:
            job = self._hashers.submit(_hash, running, chunks)
            try:
                yield
            finally:
                job.result()

    def close(self) -> None:
        """End the hashing threads, which have nothing to do any more."""
        self._hashers.shutdown()


def _hash(running: RunningHash, chunks: Sequence[Buffer]) -> None:
    for chunk in chunks:
        running.update(chunk)


class StagedFile:
    """Staged upload `name`, its lock held until `release`, `publish` or a failed sync.

    `hashing` gives the hash as it stands at `at`, None where it is not known.
    What lies beyond `at` is cut off by the first thing that is done to it, and not before: whoever took it may find
    then that somebody else had it first and was told that his bytes are safe.
    """

    def __init__(
        self,
        volume: Volume,
        equipment: Equipment,
        name: str,
        *,
        at: int,
        hashing: Callable[[], RunningHash | None],
    ) -> None:
        self._volume = volume
        self._files = volume.files
        self._equipment = equipment
        self._path = volume.upload(name)
        self._at = at
        self._first_hash = hashing
        self._hash = hashing()
        self._carry = b""
        self._end = at
        self._started = self._awaited = at
        self._direct = False
        self._may_direct = at % ALIGNMENT == 0
        self._name_durable = at > 0
        self._touched = False
        self._beyond = False
        volume.check_writable()
        self._fd = self._take()

    def _take(self) -> int:
        try:
            fd = self._volume.open_locked(self._path, create=self._at == 0)
        except FileNotFoundError as error:
            raise (self._volume.lost() if self._at else from_os(error)) from None
        except OSError as error:
            raise from_os(error) from error
        try:
            with translated():
                size = self._files.fstat(fd).st_size
                if size < self._at:
                    raise Lost
        except BaseException:
            let_go(self._files, fd)
            raise
        self._beyond = size > self._at
        return fd

    def _cut_beyond(self, fd: int) -> None:
        if self._beyond:
            self._files.ftruncate(fd, self._at)
            self._beyond = False

    # -- writing ------------------------------------------------------------------------------------------------

    def append(self, chunks: Sequence[Buffer]) -> None:
        """Write and hash `chunks`; less than a page of them may wait for the next call."""
        fd = self._open_fd()
        self._volume.check_writable()
        self._touched = True
        total = len(self._carry) + sum(len(chunk) for chunk in chunks)
        with translated(), self._equipment.hashing(self._hash, chunks, total):
            self._cut_beyond(fd)
            if self._goes_direct(fd, total):
                self._append_direct(fd, chunks)
            else:
                self._append_cached(fd, chunks)

    def _goes_direct(self, fd: int, total: int) -> bool:
        if self._direct or not self._may_direct:
            return self._direct
        if total < BLOCK:
            self._may_direct = False
            return False
        try:
            self._files.set_direct(fd, True)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            self._may_direct = False
            return False
        self._direct = True
        return True

    def _stop_direct(self, fd: int) -> None:
        self._may_direct = False
        if self._direct:
            self._files.set_direct(fd, False)
            self._direct = False
            self._started = self._awaited = self._end

    def _append_direct(self, fd: int, chunks: Sequence[Buffer]) -> None:
        block = self._equipment.take()
        try:
            fill = len(self._carry)
            block[:fill] = self._carry
            for chunk in chunks:
                view = memoryview(chunk)
                while view:
                    taken = min(len(view), BLOCK - fill)
                    block[fill : fill + taken] = view[:taken]
                    fill += taken
                    view = view[taken:]
                    if fill == BLOCK:
                        self._write_block(fd, block, BLOCK)
                        fill = 0
            whole = fill - fill % ALIGNMENT
            self._write_block(fd, block, whole)
            self._carry = block[whole:fill]
        finally:
            self._equipment.give(block)

    def _write_block(self, fd: int, block: mmap.mmap, size: int) -> None:
        """Write the first `size` bytes of `block`, past the page cache as long as that works."""
        done = 0
        with memoryview(block) as view:
            while done < size:
                try:
                    done += self._write_some(fd, view[done:size])
                except OSError as error:
                    if error.errno != errno.EINVAL or not self._direct:
                        raise
                    # Neither every file system nor every offset takes direct writes; the page cache takes all.
                    self._stop_direct(fd)

    def _write_some(self, fd: int, view: memoryview) -> int:
        with view:
            written = self._files.pwrite(fd, view, self._end)
        if written == 0:
            raise OSError(errno.EIO, "write made no progress")
        self._end += written
        if not self._direct:
            self._write_back(fd)
        elif self._end % ALIGNMENT:
            self._stop_direct(fd)
        return written

    def _append_cached(self, fd: int, chunks: Sequence[Buffer]) -> None:
        self._stop_direct(fd)
        self._end += write_all(self._files, fd, [self._carry, *chunks], self._end)
        self._carry = b""
        self._write_back(fd)

    def _write_back(self, fd: int) -> None:
        """Start the write-back of each finished stretch, and await the one before it."""
        while self._end - self._started >= WRITE_BACK:
            try:
                self._files.sync_file_range(fd, self._started, WRITE_BACK, SYNC_RANGE_WRITE)
                if self._awaited < self._started:
                    self._files.sync_file_range(fd, self._awaited, WRITE_BACK, SYNC_RANGE_WAIT_BEFORE)
                    self._awaited += WRITE_BACK
            except OSError as error:
                # Awaiting reports, and thereby uses up, the error that the fsync would have found.
                raise self._give_up(error) from error
            self._started += WRITE_BACK

    # -- ending -------------------------------------------------------------------------------------------------

    def checkpoint(self, chunks: Sequence[Buffer]) -> Received:
        """Write the last `chunks` and make all of the upload durable, its name too."""
        fd = self._open_fd()
        self._volume.check_writable()
        with translated(), self._equipment.hashing(self._hash, chunks, sum(map(len, chunks))):
            self._cut_beyond(fd)
            if chunks or self._carry:
                self._touched = True
                self._append_cached(fd, chunks)
            try:
                self._files.fsync(fd)
                if not self._name_durable:
                    self._files.fsync_dir(self._volume.uploads)
                    self._name_durable = True
            except OSError as error:
                raise self._give_up(error) from error
        self._touched = False
        if self._hash is None:
            return Received(self._end, None, None)
        return Received(self._end, self._hash.digest(), self._hash.state())

    def rollback(self) -> None:
        """Cut back to the offset it began at."""
        fd = self._open_fd()
        with translated():
            self._stop_direct(fd)
            self._files.ftruncate(fd, self._at)
        self._beyond = False
        self._hash = self._first_hash()
        self._carry = b""
        self._end = self._started = self._awaited = self._at
        self._touched = False

    def publish(self, key: str) -> None:
        """Make the upload, which a checkpoint covers, the object `key`, and let go of it."""
        fd = self._open_fd()
        self._volume.settle(self._path, key)
        # From here on the file is an object: nothing may cut it or unlink it any more.
        self._fd = -1
        let_go(self._files, fd)
        self._volume.sync_dir(self._volume.shard(key))

    def release(self, keep: int | None, *, begun: bool) -> None:
        """Cut to `keep` bytes (what a checkpoint covered; None: as it was at the start) and let go. Never fails.

        Unless its user has `begun` to write, what lies beyond the start stays: it may be somebody else's.

        What cannot be cut now is cut by the next receiver; a name that cannot be removed now shows in `staged`.
        """
        fd, self._fd = self._fd, -1
        if fd < 0:
            return
        if self._beyond and not begun:
            let_go(self._files, fd)
            return
        end = self._at if keep is None else keep
        try:
            if keep is None and self._at == 0:
                self._files.unlink(self._path)
            elif self._beyond or self._touched or self._end != end:
                self._files.ftruncate(fd, end)
        except OSError:
            return
        finally:
            let_go(self._files, fd)

    def _give_up(self, error: OSError) -> BlobError:
        """After a failed sync nothing is done with this descriptor any more but closing it."""
        meaning = self._volume.failed_sync(error)
        fd, self._fd = self._fd, -1
        try:
            if not self._name_durable:
                # Nothing of it was ever acknowledged.
                self._files.unlink(self._path)
        except OSError:
            return meaning
        finally:
            let_go(self._files, fd)
        return meaning

    def _open_fd(self) -> int:
        if self._fd < 0:
            raise Unavailable("This upload can only be left: a sync failed, or it was published.")
        return self._fd
