"""The blob store in a bucket: S3 and what is like it, Google Cloud Storage, Azure Blob Storage. See port.BlobStore.

    PREFIX/holdfast-store   the id of the installation that this store belongs to
    PREFIX/holdfast-NAME    marks
    PREFIX/objects/KEY      objects

It has no staging: nothing can be appended to in a bucket. It may be shared by any number of nodes.

**A lone 404 is never believed.** A deleted bucket, another prefix and, in some stores, wrong credentials are all
answered as a missing object is. Whoever would report one missing looks for the marker first: without it, or with that
of another installation, the store is `Unavailable`.

What an upload leaves behind when its process dies, parts that became no object, is removed by `clear` where it can be
seen (broken_uploads.py), and by a rule of the bucket everywhere (docs/how-to/object-storage.md).

The library's threads outlive a call. A process that has used one of these stores closes it, flushes its streams, and
ends by `os._exit`: an interpreter that is taken down under such a thread aborts.
"""

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from itertools import islice

from holdfast.blobs.broken_uploads import BrokenUploads
from holdfast.blobs.bucket import SMALL, Bucket, Patience
from holdfast.blobs.bucket_errors import Absent, BrokeOff, PastEnd, not_there
from holdfast.blobs.errors import BlobError, ForeignStore, Missing, Unavailable
from holdfast.blobs.key import check_installation, check_key, check_mark, check_mark_text, is_key, issued_at
from holdfast.blobs.object_url import BucketAddress, parse_bucket_url
from holdfast.blobs.pieces import Pieces
from holdfast.blobs.port import BLOCK, Received, check_range, check_seconds
from holdfast.blobs.running_hash import RunningHash, check_algorithm
from holdfast.blobs.sending import ObjectWriter
from holdfast.blobs.threads import Threads, wait

MARKER = "holdfast-store"
OBJECTS = "objects"
UNLIMITED = 1 << 62
_HASHED_BESIDE = 64 << 10
_FETCHED = 512 << 10
"""Bytes that a stream gathers at the least before it shows them; what it then shows is mostly below BLOCK, so whole."""
_CLEARED_MOST = 100_000
_ATTEMPTS = 3
_SETTLING = 0.05


def open_object_store(url: str, *, public_endpoint: str | None = None, patience: Patience = SMALL) -> "ObjectBlobs":
    """Return the store at `url` (object_url.py), not yet opened; nothing is asked of the network.

    `public_endpoint`: where clients reach the bucket, for `sign`. `patience`: with small calls. Raises ValueError with
    a sentence for whoever configured it. To be made in the process that uses it: the library's threads do not survive a
    fork.
    """
    address = parse_bucket_url(url)
    return ObjectBlobs(Bucket(address, public_endpoint, patience=patience), address)


class ObjectBlobs:
    """Blobs as objects of `bucket`, which is at `address`."""

    def __init__(self, bucket: Bucket, address: BucketAddress) -> None:
        self._bucket = bucket
        self._marker = address.path(MARKER)
        self._root = address.path(OBJECTS)
        self._broken = BrokenUploads(address)
        self._threads = Threads(os.cpu_count() or 1)
        self._pieces = Pieces(BLOCK)
        self._installation: str | None = None
        self._stopped: str | None = "The blob store is not open."
        self._leaving: set[asyncio.Task[None]] = set()

    # -- opening and closing ------------------------------------------------------------------------------------

    async def open(self, installation: str) -> None:
        """Mark the store, or compare. See port.BlobStore."""
        check_installation(installation)
        marked = await self._read_marker()
        if marked is None:
            await self._claim(installation)
        elif marked != installation:
            raise ForeignStore
        self._installation = installation
        self._stopped = None

    async def _claim(self, installation: str) -> None:
        try:
            async for page in self._bucket.pages(self._root):
                if any(is_key(path.rpartition("/")[2]) for path in page):
                    raise ForeignStore("The blob store holds objects but no marker of the installation they belong to.")
            await self._bucket.put(self._marker, f"{installation}\n".encode())
        except Absent:
            raise not_there() from None
        # Two installations may come at the same time, and no condition can be relied on: whoever reads his own stays.
        if await self._read_marker() != installation:
            raise ForeignStore

    async def _read_marker(self) -> str | None:
        try:
            return (await self._bucket.get(self._marker)).decode(errors="replace").strip()
        except Absent:
            return None

    async def close(self) -> None:
        """Finish what is under way. See port.BlobStore."""
        self._stopped = self._stopped or "The blob store is closed."
        while self._leaving:
            await asyncio.wait(self._leaving)
        await self._threads.close()
        # The library's threads come to rest after its last answer.
        await asyncio.sleep(_SETTLING)

    # -- making objects -----------------------------------------------------------------------------------------

    @property
    def staging(self) -> None:
        """None: nothing can be appended to."""
        return

    def create(
        self, key: str, algorithm: str | None, *, state: bytes | None = None, size: int | None = None
    ) -> ObjectWriter:
        """Return a writer of an object. See port.BlobStore."""
        if algorithm is not None:
            check_algorithm(algorithm)
        check_range(0, size or 0)
        return ObjectWriter(
            self._bucket,
            self._path(key),
            self._threads,
            running=RunningHash.going_on(algorithm, state),
            size=size,
            check=self._check_writable,
            leaves=self._left,
        )

    async def put(self, key: str, chunks: Sequence[bytes], algorithm: str) -> Received:
        """Make a small object in one request. See port.BlobStore."""
        path = self._path(key)
        running = RunningHash(algorithm)
        self._check_writable()
        data = b"".join(chunks)
        hashing = self._threads.start(lambda: running.update(data)) if len(data) >= _HASHED_BESIDE else None
        if hashing is None:
            running.update(data)
        try:
            await self._bucket.put(path, data)
        except Absent:
            raise not_there() from None
        finally:
            if hashing is not None:
                await wait(hashing)
        return Received(len(data), running.digest(), None)

    def _left(self, leaving: asyncio.Task[None]) -> None:
        self._leaving.add(leaving)
        leaving.add_done_callback(self._leaving.discard)

    # -- reading ------------------------------------------------------------------------------------------------

    async def read(self, key: str, start: int, end: int) -> bytes:
        """Return a short range of an object. See port.BlobStore."""
        path = self._path(key)
        check_range(start, end, BLOCK)
        if start == end:
            await self._known_size(path)
            return b""
        try:
            data = await self._bucket.read(path, start, end)
        except Absent:
            raise await self._missing() from None
        except PastEnd:
            data = b""
        if len(data) != end - start:
            raise _shorter()
        return data

    async def chunks(self, key: str, start: int, end: int) -> AsyncGenerator[bytes, None]:
        """Yield a range of an object. See port.BlobStore.

        A stream that breaks off is taken up again where it broke: an object never changes. One that never began is not:
        it has been asked for more than once already.
        """
        path = self._path(key)
        check_range(start, end)
        if start == end:
            await self._known_size(path)
        begun, in_vain = start, 0
        with self._pieces:
            while start < end:
                before = start
                try:
                    async with aclosing(self._pieces_of(path, start, end)) as pieces:
                        async for piece in pieces:
                            yield piece
                            start += len(piece)
                except Unavailable as error:
                    in_vain = 0 if start > before else in_vain + 1
                    if in_vain >= _ATTEMPTS or (start == begun and not isinstance(error, BrokeOff)):
                        raise

    async def _pieces_of(self, path: str, start: int, end: int) -> AsyncGenerator[bytes, None]:
        try:
            async with aclosing(self._bucket.stream(path, start, end, min(_FETCHED, self._pieces.size))) as stream:
                async for data in stream:
                    size = self._pieces.size
                    if len(data) <= size:
                        yield data
                    else:
                        with memoryview(data) as view:
                            for at in range(0, len(data), size):
                                yield bytes(view[at : at + size])
                    start += len(data)
        except Absent:
            raise await self._missing() from None
        except PastEnd:
            raise _shorter() from None
        if start < end:
            if await self._known_size(path) < end:
                raise _shorter()
            raise BrokeOff

    async def size(self, key: str) -> int | None:
        """Return an object's size. See port.BlobStore."""
        try:
            return await self._known_size(self._path(key))
        except Missing:
            return None

    async def digest(self, key: str, algorithm: str) -> str:
        """Return the digest of an object, read whole. See port.BlobStore."""
        running = RunningHash(algorithm)
        size = await self._known_size(self._path(key))
        async with aclosing(self.chunks(key, 0, size)) as chunks:
            async for chunk in chunks:
                await self._threads.run(lambda data=chunk: running.update(data))  # type: ignore[misc]
        return running.digest()

    def sign(self, key: str, seconds: int) -> str | None:
        """Return a URL of an object. See port.BlobStore."""
        check_seconds(seconds)
        return self._bucket.sign(self._path(key), seconds)

    # -- deleting and listing -----------------------------------------------------------------------------------

    async def delete(self, key: str) -> None:
        """Remove an object. See port.BlobStore."""
        path = self._path(key)
        self._check_writable()
        try:
            await self._bucket.delete(path)
        except Absent:
            await self._check_there()

    async def keys(self) -> AsyncIterator[list[str]]:
        """Yield all keys, page by page. See port.BlobStore."""
        await self._check_there()
        try:
            async for page in self._bucket.pages(self._root):
                found = [name for path in page if is_key(name := path.rpartition("/")[2])]
                if found:
                    yield found
        except Absent:
            raise not_there() from None

    async def mark(self, name: str) -> str | None:
        """Return a mark. See port.BlobStore."""
        try:
            return (await self._bucket.get(self._mark(name))).decode(errors="replace").strip()
        except Absent:
            await self._check_there()
            return None

    async def set_mark(self, name: str, text: str) -> None:
        """Set a mark. See port.BlobStore."""
        path = self._mark(check_mark(name, to_set=True))
        check_mark_text(text)
        self._check_writable()
        try:
            await self._bucket.put(path, f"{text}\n".encode())
        except Absent:
            raise not_there() from None

    async def clear(self, before: int) -> int:
        """Give up uploads in parts that nobody finished. See port.BlobStore."""
        self._check_writable()
        if not self._broken.visible:
            return 0
        await self._check_there()
        return await self._threads.run(lambda: self._clear(before))

    def _clear(self, before: int) -> int:
        def old(path: str) -> bool:
            key = path.removeprefix(f"{self._root}/")
            return is_key(key) and issued_at(key) < before

        # A list that is cut while it is read skips what follows, in some stores.
        listed = islice(self._broken.under(f"{self._root}/"), _CLEARED_MOST)
        found = [upload for upload in listed if old(upload.path)]
        return sum(map(self._broken.remove, found))

    def free(self) -> int:
        """Return a very large number: nobody knows how much a bucket takes. See port.BlobStore."""
        self._check_writable()
        return UNLIMITED

    # -- standing -----------------------------------------------------------------------------------------------

    def _path(self, key: str) -> str:
        return f"{self._root}/{check_key(key)}"

    def _mark(self, name: str) -> str:
        return self._marker.removesuffix("store") + check_mark(name)

    def _check_writable(self) -> None:
        if self._stopped is not None:
            raise Unavailable(self._stopped)

    async def _known_size(self, path: str) -> int:
        """Return the size of an object. Raises Missing when it is not there, although the store is."""
        try:
            return await self._bucket.size(path)
        except Absent:
            raise await self._missing() from None

    async def _missing(self) -> BlobError:
        """Give the error for an object that is not there: Missing, unless the store itself is not there."""
        await self._check_there()
        return Missing()

    async def _check_there(self) -> None:
        marked = await self._read_marker()
        if marked is None or marked != (self._installation or marked):
            raise not_there()


def _shorter() -> Missing:
    return Missing("The object is shorter than what was asked for.")
