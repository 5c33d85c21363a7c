"""How an encrypted object looks: frames of 64 KiB, each sealed by AES-256-GCM under a key of this object alone.

    object  = frame 0, frame 1, ... frame n; every frame but the last holds FRAME bytes of content, the last 1 to FRAME;
              empty content is one frame of none
    frame   = AES-256-GCM(key of the object, nonce, content), which is the content's length and TAG bytes more
    nonce   = the frame's number, 11 bytes, and one byte that is 1 in the last frame (so a cut shows)
    key     = HKDF-Expand-SHA-256(data key, "holdfast object 1" NUL object key)

The key of an object depends on its object key, which is never used twice: so no nonce is ever used twice, and a frame
that was moved, swapped, cut or taken from elsewhere opens nowhere. Sources: NIST SP 800-38D; RFC 5869; the STREAM
construction of Hoang, Reyhanitabar, Rogaway and Vizar for the last frame's mark.
"""

import hmac
from collections.abc import Iterator, Sequence
from typing import cast

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from holdfast.blobs.errors import Corrupt

FRAME = 64 << 10
"""Bytes of content in a frame."""
TAG = 16
"""Bytes that a frame is longer than its content."""
SEALED_FRAME = FRAME + TAG
KEY_BYTES = 32


def frames_of(size: int) -> int:
    """Return how many frames hold `size` bytes of content."""
    return max(1, -(-size // FRAME))


def sealed_size(size: int) -> int:
    """Return how long the object of `size` bytes of content is."""
    return size + TAG * frames_of(size)


def clear_size(sealed: int) -> int:
    """Return how many bytes of content an object of `sealed` bytes holds; raises Corrupt if none can be so long."""
    whole, rest = divmod(sealed, SEALED_FRAME)
    if (rest and rest < TAG) or (rest == TAG and whole) or sealed == 0:
        raise Corrupt
    return sealed - TAG * (whole + bool(rest))


def derive(data_key: bytes, purpose: str) -> AESGCM:
    """Return the cipher of `purpose` under `data_key` (32 random bytes; else ValueError)."""
    if len(data_key) != KEY_BYTES:
        raise ValueError("a data key has 32 bytes")
    # The first block of HKDF-Expand (RFC 5869, 2.3) is all that 32 bytes need; the library's own costs four times more.
    return AESGCM(hmac.digest(data_key, purpose.encode() + b"\x01", "sha256"))


class Frames:
    """The frames of object `key`. Holds no state that moves: any thread may use it."""

    def __init__(self, data_key: bytes, key: str) -> None:
        self._cipher = derive(data_key, f"holdfast object 1\0{key}")

    def seal(self, first: int, parts: Sequence[bytes | memoryview], *, last: bool) -> bytes:
        """Return the frames from number `first` on that hold `parts`, ending with the object if `last`.

        Unless it is the end, `parts` fill whole frames.
        """
        count = frames_of(sum(map(len, parts)))
        out = bytearray(sealed_size(sum(map(len, parts))))
        with memoryview(out) as view:
            for n, frame in enumerate(_framed(parts)):
                at = n * SEALED_FRAME
                nonce = _nonce(first + n, last and n == count - 1)
                self._cipher.encrypt_into(nonce, frame, None, view[at : at + len(frame) + TAG])
        return cast(bytes, out)  # a buffer that nobody changes any more: copying it would cost as much as the cipher

    def open(self, first: int, sealed: Sequence[bytes | memoryview], last: int) -> list[bytes]:
        """Return the content of each of `sealed`, frames from number `first` on, of an object whose last is `last`.

        Raises Corrupt.
        """
        try:
            return [self._cipher.decrypt(_nonce(n, n == last), frame, None) for n, frame in enumerate(sealed, first)]
        except (InvalidTag, ValueError):  # ValueError: shorter than a tag
            raise Corrupt from None


def _framed(parts: Sequence[bytes | memoryview]) -> Iterator[bytes | memoryview]:
    """Cut `parts` into frames, the last one perhaps short, copying only what lies over two parts; of none, one."""
    held: list[bytes | memoryview] = []
    length = 0
    none = True
    for part in parts:
        view = memoryview(part)
        while view:
            piece = view[: FRAME - length]
            view = view[len(piece) :]
            held.append(piece)
            length += len(piece)
            if length == FRAME:
                yield held[0] if len(held) == 1 else b"".join(held)
                held, length, none = [], 0, False
    if held or none:
        yield b"".join(held)


def _nonce(number: int, last: bool) -> bytes:
    return (number << 8 | last).to_bytes(12, "big")


class Splitter:
    """Cuts a stream of bytes that begins at a frame's edge into frames, copying only what lies over two pieces."""

    def __init__(self) -> None:
        self._held: list[memoryview] = []
        self._length = 0

    def feed(self, piece: bytes) -> list[bytes | memoryview]:
        """Return the frames that `piece` completes."""
        view = memoryview(piece)
        frames: list[bytes | memoryview] = []
        if self._held:
            head = view[: SEALED_FRAME - self._length]
            view = view[len(head) :]
            self._hold(head)
            if self._length == SEALED_FRAME:
                frames += self.rest()
        whole = len(view) // SEALED_FRAME
        frames += [view[n * SEALED_FRAME : (n + 1) * SEALED_FRAME] for n in range(whole)]
        if len(view) > whole * SEALED_FRAME:
            self._hold(view[whole * SEALED_FRAME :])
        return frames

    def rest(self) -> list[bytes]:
        """Return what is held back as the last, shorter frame, if there is any."""
        frames = [b"".join(self._held)] if self._held else []
        self._held, self._length = [], 0
        return frames

    def _hold(self, part: memoryview) -> None:
        self._held.append(part)
        self._length += len(part)
