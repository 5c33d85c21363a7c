"""What a local store does with whole objects and with staged uploads that have no receiver.

Everything here blocks and belongs in a thread. See port.BlobStore for what each method promises.
"""

import hashlib
from collections.abc import Iterator, Sequence

from holdfast.blobs.errors import from_os, translated
from holdfast.blobs.files import let_go
from holdfast.blobs.key import is_key, is_name
from holdfast.blobs.port import Received
from holdfast.blobs.volume import TEMPORARY, Volume, write_all


class Shelf:
    """The objects and staged uploads of one volume."""

    def __init__(self, volume: Volume) -> None:
        self._volume = volume
        self._files = volume.files

    def publish(self, name: str, key: str) -> None:
        """Publish a staged upload that has no receiver."""
        self._volume.check_writable()
        path = self._volume.upload(name)
        try:
            fd = self._volume.open_locked(path, create=False)
        except FileNotFoundError:
            raise self._volume.lost() from None
        except OSError as error:
            raise from_os(error) from error
        try:
            self._volume.sync(fd)
            self._volume.settle(path, key)
        finally:
            let_go(self._files, fd)
        self._volume.sync_dir(self._volume.shard(key))

    def put(self, key: str, chunks: Sequence[bytes], algorithm: str) -> Received:
        """Make a small object. See BlobStore.put."""
        self._volume.check_writable()
        digest = hashlib.new(algorithm)
        for chunk in chunks:
            digest.update(chunk)
        path = self._volume.upload(f"{TEMPORARY}{key}")
        with translated():
            # Nobody else knows this name but a process that opens the store and clears it of what it finds.
            fd = self._volume.open_locked(path, create=True, wait=True)
            try:
                if self._files.fstat(fd).st_size:
                    # An attempt that failed could not be cleared away.
                    self._files.ftruncate(fd, 0)
                size = write_all(self._files, fd, chunks, 0)
                self._volume.sync(fd)
                self._volume.settle(path, key)
            except BaseException:
                self._try_unlink(path)
                raise
            finally:
                let_go(self._files, fd)
        self._volume.sync_dir(self._volume.shard(key))
        return Received(size, f"{algorithm}:{digest.hexdigest()}", None)

    def drop(self, name: str) -> None:
        """Remove a staged upload. See BlobStore.drop."""
        self._volume.check_writable()
        with translated():
            try:
                self._volume.unlink_locked(self._volume.upload(name))
            except FileNotFoundError:
                self._volume.check_there()

    def delete(self, key: str) -> None:
        """Remove an object. See BlobStore.delete."""
        self._volume.check_writable()
        with translated():
            try:
                self._files.unlink(self._volume.object(key))
            except FileNotFoundError:
                self._volume.check_there()

    def size(self, key: str) -> int | None:
        """Return an object's size. See BlobStore.size."""
        with translated():
            try:
                return self._files.stat(self._volume.object(key)).st_size
            except FileNotFoundError:
                self._volume.check_there()
                return None

    def keys(self, shards: Iterator[str], enough: int) -> list[str]:
        """Return the keys in the next of `shards`: `enough` or a directory's more, fewer only when no shard is left."""
        found: list[str] = []
        with translated():
            for shard in shards:
                found += filter(is_key, self._files.listdir(f"{self._volume.objects}/{shard}"))
                if len(found) >= enough:
                    break
        return found

    def staged(self) -> list[str]:
        """Return the names of all staged uploads."""
        self._volume.check_there()
        with translated():
            return [name for name in self._files.listdir(self._volume.uploads) if is_name(name)]

    def mark(self, name: str) -> str | None:
        """Return a mark. See BlobStore.mark."""
        with translated():
            found = self._volume.read_line(self._volume.mark(name))
        if found is None:
            self._volume.check_there()
        return found

    def set_mark(self, name: str, text: str) -> None:
        """Set a mark: written aside, then renamed. See BlobStore.set_mark."""
        self._volume.check_writable()
        path = self._volume.mark(name)
        with translated():
            fd = self._volume.open_locked(f"{path}.new", create=True, wait=True)
            try:
                self._files.ftruncate(fd, 0)
                write_all(self._files, fd, [f"{text}\n".encode()], 0)
                self._volume.sync(fd)
                self._files.rename(f"{path}.new", path)
            finally:
                let_go(self._files, fd)
        self._volume.sync_dir(self._volume.root)

    def _try_unlink(self, path: str) -> None:
        try:
            self._files.unlink(path)
        except OSError:
            # It is litter now, cleared at the next open.
            return
