"""The blob store port: one life-cycle, written down here and held by every backend (tests/contract/).

**Objects.** An *object* is whole, durable, never changed, never renamed, until it is deleted. It is made under a fresh
key (`key.new_key`), which is never used twice: in one step by `put`, or by a *writer* (`create`) that takes its bytes
as they come and hashes them; `finish` makes it durable, and before that its key shows nothing. A writer that is left
without `finish` leaves no object. There is no other way to make one but publishing, so no key ever shows half of one.

**Staging** is what only some stores can do (`BlobStore.staging`, None elsewhere): append to what is there already.
Bytes arrive in a *staged upload*, known by a name its user chooses. They are written and hashed while they come. A
*checkpoint* makes them durable: from then on they survive a power cut, under their name. A staged upload is *published*
once, under a fresh key; from then on it is an object. Where there is no staging, an upload in many requests is many
objects, each with its own key: the *segments* of the blob.

**One at a time.** A staged upload has at most one receiver, over all processes of the host. A second one, or a `drop`
or `publish` beside it, gets `Busy` at once and changes nothing. Leaving the receiver lets go, and so does the death of
its process. A caller that decides by what it received publishes *inside* the receiver, before leaving it: after it,
somebody else may have taken the upload up again. Outside is for a name that nobody else knows.

**Nothing but checkpoints lasts.** A receiver starts at offset `at`: what lies beyond is cut off by its first write,
checkpoint or rollback, for it was never acknowledged. One that is left before that leaves what lies beyond: so its user
can look, holding the upload, whether it still stands at `at`, and leave it to whoever was faster. When it is left after
it, what the last checkpoint covered stays and the rest is cut off again; without a checkpoint the upload is as it was
at `at`, and with `at` 0 it is gone.

**Cancellation.** A cancelled call may or may not have taken effect, but never by half; a cancelled `write` has taken
its chunk; a cancelled checkpoint counts as none. Work that was already handed to a thread is waited for before its
buffers, its descriptor or its lock are let go, even when nobody waits for the receiver any more.

**Faults.** Every failure is a `BlobError` (errors.py); a malformed name, key, range or algorithm is a `ValueError`.
A store that could not sync (EIO) never syncs that descriptor again and stops acknowledging: every later write
operation raises `Unavailable` until the process is started anew (data.md, rule 8). Reads go on.
A missing object is `Missing` only while the store's marker is there: an unmounted volume is `Unavailable`, never empty.

Sizes and offsets are bytes; ranges are `start` inclusive, `end` exclusive; digests are `algorithm:hex`.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from types import TracebackType
from typing import NamedTuple, Protocol, Self

BLOCK = 1 << 20
"""Bytes in one step of streaming, the most that `read` returns, and about the most that `put` is meant for."""


SIGNED_MOST = 300
"""Seconds that a signed URL may hold."""


class Received(NamedTuple):
    """What a checkpoint or a `put` made durable."""

    size: int
    """Bytes from the very beginning of the upload; of a writer or `put`: the bytes of its object."""
    digest: str | None
    """Digest of everything from the beginning of the hash; None when it began in the middle without a usable state."""
    state: bytes | None
    """What a later receiver or writer that begins where this ended needs to go on hashing; None when it cannot be
    saved."""


class Receiver(Protocol):
    """One staged upload being appended to: an async context manager, made by `BlobStore.receive`."""

    @property
    def offset(self) -> int:
        """Bytes of the upload so far: `at` and every chunk written since."""
        ...

    async def __aenter__(self) -> Self:
        """Take the upload at `at`. Raises Busy, Lost (shorter than `at`), Full, Unavailable."""
        ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Keep what the last checkpoint covered, cut off the rest, let go. Raises nothing of its own."""
        ...

    async def write(self, chunk: bytes) -> None:
        """Append `chunk`; returns when the next one may come (memory is bounded).

        A failure may show only at a later write or at the checkpoint, and then stays: only `rollback` and leaving
        are possible after it. Raises Full, Unavailable.
        """
        ...

    async def checkpoint(self) -> Received:
        """Make every byte so far, and the upload's name, durable. May be followed by more writes and checkpoints.

        Raises Full, Unavailable; then nothing was acknowledged.
        """
        ...

    async def rollback(self) -> None:
        """Cut back to `at`, checkpoints included: the receiver is as it was when entered. Raises Unavailable."""
        ...


class Writer(Protocol):
    """One object being made: an async context manager, made by `BlobStore.create`."""

    @property
    def written(self) -> int:
        """Bytes written so far, without those that `state` stands for."""
        ...

    async def __aenter__(self) -> Self:
        """Begin. Raises Full, Unavailable."""
        ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Without `finish`: leave no object, and give back what was sent as far as the store can. Raises nothing."""
        ...

    async def write(self, chunk: bytes) -> None:
        """Append `chunk`; returns when the next one may come (memory is bounded). Raises Full, Unavailable."""
        ...

    async def finish(self) -> Received:
        """Make the object: whole and durable on return. Raises Full, Unavailable: then it is not there, or, when the
        answer was lost, may be there and is litter."""
        ...


class Staging(Protocol):
    """Uploads that can be appended to, in a store of one host."""

    def receive(self, name: str, algorithm: str, *, at: int = 0, state: bytes | None = None) -> Receiver:
        """Return a receiver for staged upload `name` from offset `at` on, hashing with `algorithm`.

        `algorithm` is sha256, sha384 or sha512. `state` is what the checkpoint at `at` gave; one that this process
        cannot use, or of another offset or algorithm, counts as None. Raises ValueError.
        """
        ...

    async def publish(self, name: str, key: str) -> None:
        """Make staged upload `name` the object `key`; durable on return, and the name is free.

        Inside its receiver everything written must be covered by a checkpoint (else Busy), and afterwards the
        receiver can only be left. Raises Busy, Lost (nothing staged), Full, Unavailable.
        """
        ...

    async def drop(self, name: str) -> None:
        """Remove staged upload `name`; a missing one is done. Raises Busy while it has a receiver, Unavailable."""
        ...

    async def staged(self) -> list[str]:
        """Return the names of all staged uploads, with and without receiver. Raises Unavailable."""
        ...

    def chunks_staged(self, name: str, start: int, end: int) -> AsyncGenerator[bytes, None]:
        """Yield bytes `start` to `end` of staged upload `name`, all of them covered by a checkpoint, in chunks of at
        most BLOCK; close it (`aclose`) if not read out. Raises Lost if it has fewer, Unavailable."""
        ...

    async def digest_staged(self, name: str, algorithm: str, length: int) -> str:
        """Return the digest of the first `length` bytes of staged upload `name`. Raises Lost if it has fewer."""
        ...


class Blobs(Protocol):
    """Objects: made whole, read by ranges, deleted. A store has them, and so has a view of it that encrypts."""

    def create(self, key: str, algorithm: str | None, *, state: bytes | None = None, size: int | None = None) -> Writer:
        """Return a writer of object `key`, hashing with `algorithm`, going on from `state` if it can be used.

        Without `algorithm` nothing is hashed: digest and state are None. `state` is what the checkpoint or `finish`
        before this object gave, so the digest in `Received` is of all objects since the first; one that this process
        cannot use, or of another algorithm, gives digest None.
        `size`: how many bytes will come, if known (it sizes the parts). Raises ValueError.
        """
        ...

    async def put(self, key: str, chunks: Sequence[bytes], algorithm: str) -> Received:
        """Make the small object `key` of `chunks` (together about BLOCK at most); durable on return.

        Its `state` is None. Raises Full, Unavailable; then the key shows nothing.
        """
        ...

    async def read(self, key: str, start: int, end: int) -> bytes:
        """Return bytes `start` to `end` (at most BLOCK) of object `key`.

        Raises Missing (also for a range that reaches past its end), Unavailable, ValueError for a bad range.
        """
        ...

    def chunks(self, key: str, start: int, end: int) -> AsyncGenerator[bytes, None]:
        """Yield bytes `start` to `end` of object `key` in chunks of at most BLOCK; close it (`aclose`) if not read out.

        Errors as for `read`, at the first or a later chunk; what was yielded before is right.
        """
        ...

    async def size(self, key: str) -> int | None:
        """Return the size of object `key`, None if it is missing. Raises Unavailable."""
        ...

    async def delete(self, key: str) -> None:
        """Remove object `key`; a missing one is done. After a power cut it may be back. Raises Unavailable."""
        ...

    async def digest(self, key: str, algorithm: str) -> str:
        """Read object `key` whole and return its digest. Raises Missing, Unavailable, ValueError."""
        ...


class BlobStore(Blobs, Protocol):
    """A place for immutable bytes. All methods are for one event loop; several processes may share the place."""

    async def open(self, installation: str) -> None:
        """Make the store ready for this `installation` (id of printable characters), durably.

        A store without objects and marker is marked as this installation's. Raises ForeignStore when it is marked as
        another's or holds objects and no marker; Full, Unavailable. Before it, and after `close`, writing operations
        raise Unavailable.
        """
        ...

    @property
    def staging(self) -> Staging | None:
        """Its staged uploads; None where nothing can be appended to."""
        ...

    def sign(self, key: str, seconds: int) -> str | None:
        """Return a URL that lets whoever has it GET object `key` for `seconds` (at most 300) from the store itself, at
        the address that the store is known by to clients; None where there is no such way."""
        ...

    def keys(self) -> AsyncIterator[list[str]]:
        """Yield every object's key, in no order, in lists of 1 to 1000; none twice.

        What is made or deleted meanwhile may or may not show. A store that cannot be listed whole raises Unavailable.
        """
        ...

    async def mark(self, name: str) -> str | None:
        """Return what stands in the store beside its marker under `name` (1 to 32 of a-z), None if nothing does.

        `store` is the marker itself: where there is none, the store is not there. Raises Unavailable.
        """
        ...

    async def set_mark(self, name: str, text: str) -> None:
        """Let `text` (1 to 128 printable characters, no space) stand there from now on, durably and never by half.

        Not for the marker itself (ValueError). Raises Full, Unavailable: then either may stand there.
        """
        ...

    async def clear(self, before: int) -> int:
        """Remove what writers of keys issued before `before` (microseconds) left behind and no key shows: parts of
        uploads that nobody finished. Returns of how many; 0 where nothing can be left, or nothing be seen. Raises
        Unavailable."""
        ...

    def free(self) -> int:
        """Return the bytes that may still be written.

        Raises Unavailable, also while the store acknowledges nothing: who asks before a write learns it in time.
        """
        ...

    async def close(self) -> None:
        """Finish what was handed to threads, then let go of them. May be repeated."""
        ...


def check_range(start: int, end: int, most: int | None = None) -> None:
    """Raise ValueError unless 0 <= start <= end and the range holds at most `most` bytes."""
    if not 0 <= start <= end or (most is not None and end - start > most):
        raise ValueError("bad range")


def check_seconds(seconds: int) -> None:
    """Raise ValueError unless a signed URL may hold for `seconds`: 1 to 300."""
    if not 1 <= seconds <= SIGNED_MOST:
        raise ValueError("a signed URL holds for 1 to 300 seconds")
