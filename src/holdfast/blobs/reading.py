"""Reading objects of the local store: what the page cache holds is read in the event loop, the rest in a thread.

A read that has everything in memory costs less than a hand-over to a thread; one that must wait for a disk would stop
every other request. RESOLVE_CACHED tells them apart for the name, RWF_NOWAIT for the bytes. A descriptor is used by one
thread at a time and closed after its last job, whoever has lost interest meanwhile.
"""

import hashlib
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from concurrent.futures import Future
from contextlib import aclosing, asynccontextmanager
from functools import partial
from typing import Any, Protocol, TypeVar

from holdfast.blobs.errors import BlobError, Lost, Missing, translated
from holdfast.blobs.files import Files, let_go
from holdfast.blobs.pieces import Pieces
from holdfast.blobs.port import BLOCK, check_range
from holdfast.blobs.threads import Threads, after, wait
from holdfast.blobs.volume import Volume

T = TypeVar("T")


class _Hash(Protocol):
    def update(self, data: bytes, /) -> None: ...


_PIECE = 256 << 10
"""A piece of a stream; larger ones cost no less."""
_SLICE = 64 * BLOCK
"""Bytes hashed in one job: a long reading lets other jobs pass."""


class Reader:
    """Reads objects and staged uploads of one volume. See port.BlobStore for what each method promises."""

    def __init__(self, volume: Volume, threads: Threads) -> None:
        self._volume = volume
        self._files = volume.files
        self._threads = threads
        self._scratch: bytearray | None = None
        self._pieces = Pieces(_PIECE)

    async def read(self, key: str, start: int, end: int) -> bytes:
        """Return a range of at most BLOCK bytes."""
        check_range(start, end, BLOCK)
        data = self._read_cached(self._volume.object(key), start, end)
        if data is None:
            data = await self._threads.run(lambda: self._read(key, start, end))
        return data

    def chunks(self, key: str, start: int, end: int) -> AsyncGenerator[bytes, None]:
        """Yield a range of any length."""
        return self._stream(self._volume.object(key), self._volume.missing, start, end)

    async def chunks_staged(self, name: str, start: int, end: int) -> AsyncGenerator[bytes, None]:
        """Yield a range of a staged upload."""
        try:
            async with aclosing(self._stream(self._volume.upload(name), self._volume.lost, start, end)) as pieces:
                async for piece in pieces:
                    yield piece
        except Missing:
            raise Lost from None

    async def _stream(
        self, path: str, absent: Callable[[], BlobError], start: int, end: int
    ) -> AsyncGenerator[bytes, None]:
        check_range(start, end)
        async with self._opened(path, absent) as file:
            with self._pieces:
                while start < end:
                    size = min(self._pieces.size, end - start)
                    data = self._cached(file.fd, start, size)
                    if data is None:
                        data = await file.run(partial(self._exactly, file.fd, start, size))
                    yield data
                    start += size

    async def digest(self, key: str, algorithm: str) -> str:
        """Return the digest of a whole object."""
        async with self._opened(self._volume.object(key), self._volume.missing) as file:
            return await self._digest(file, algorithm, None)

    async def digest_staged(self, name: str, algorithm: str, length: int) -> str:
        """Return the digest of the first `length` bytes of a staged upload."""
        check_range(0, length)
        async with self._opened(self._volume.upload(name), self._volume.lost) as file:
            return await self._digest(file, algorithm, length)

    async def _digest(self, file: "_OpenFile", algorithm: str, length: int | None) -> str:
        running = hashlib.new(algorithm)
        done = 0
        while length is None or done < length:
            size = _SLICE if length is None else min(_SLICE, length - done)
            hashed = await file.run(partial(self._hash, file.fd, done, size, running))
            done += hashed
            if hashed < size:
                if length is not None:
                    raise Lost
                break
        return f"{algorithm}:{running.hexdigest()}"

    # -- in a thread --------------------------------------------------------------------------------------------

    def _hash(self, fd: int, start: int, size: int, running: _Hash) -> int:
        done = 0
        with translated():
            while done < size:
                data = self._files.pread(fd, min(BLOCK, size - done), start + done)
                if not data:
                    break
                running.update(data)
                done += len(data)
        return done

    def _read(self, key: str, start: int, end: int) -> bytes:
        fd = self._open(self._volume.object(key), self._volume.missing)
        try:
            return self._exactly(fd, start, end - start)
        finally:
            let_go(self._files, fd)

    def _open(self, path: str, absent: Callable[[], BlobError]) -> int:
        with translated():
            try:
                return self._files.open(path, os.O_RDONLY)
            except FileNotFoundError:
                raise absent() from None

    def _exactly(self, fd: int, start: int, size: int) -> bytes:
        parts = []
        with translated():
            while size:
                part = self._files.pread(fd, size, start)
                if not part:
                    raise Missing("The object is shorter than what was asked for.")
                parts.append(part)
                start += len(part)
                size -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    # -- in the event loop, from memory only --------------------------------------------------------------------

    def _read_cached(self, path: str, start: int, end: int) -> bytes | None:
        fd = self._open_cached(path)
        if fd is None:
            return None
        try:
            return self._cached(fd, start, end - start)
        finally:
            let_go(self._files, fd)

    def _open_cached(self, path: str) -> int | None:
        try:
            return self._files.open_cached(path)
        except OSError:
            # The thread tries again and finds out what is wrong.
            return None

    def _cached(self, fd: int, start: int, size: int) -> bytes | None:
        if self._scratch is None:
            self._scratch = bytearray(BLOCK)
        with memoryview(self._scratch)[:size] as view:
            try:
                read = self._files.preadv_cached(fd, view, start)
            except OSError:
                # Not in memory, or this file system cannot tell; other failures show again in the thread.
                return None
            return bytes(view) if read == size else None

    @asynccontextmanager
    async def _opened(self, path: str, absent: Callable[[], BlobError]) -> AsyncIterator["_OpenFile"]:
        cached = self._open_cached(path)
        if cached is None:
            let_it_go = partial(let_go, self._files)
            file = _OpenFile(await self._threads.acquire(partial(self._open, path, absent), let_it_go), self._threads)
        else:
            file = _OpenFile(cached, self._threads)
        try:
            yield file
        finally:
            file.close(self._files)


class _OpenFile:
    """A descriptor for reading, and the job that may be using it."""

    def __init__(self, fd: int, threads: Threads) -> None:
        self.fd = fd
        self._threads = threads
        self._job: Future[Any] | None = None

    async def run(self, work: Callable[[], T]) -> T:
        """Do `work` on the descriptor in a thread."""
        self._job = job = self._threads.start(work)
        return await wait(job)

    def close(self, files: Files) -> None:
        """Close the descriptor once nobody reads from it."""
        if self._job is None:
            let_go(files, self.fd)
        else:
            after(self._job, partial(let_go, files, self.fd))
