"""How large the pieces of a download are: all that are being read share what may be held in memory at once.

The web server queues about seven pieces and 2 MiB for a client that does not read: a few hundred of those must not take
all memory.
"""

from holdfast.blobs.port import BLOCK

_LEAST, _AT_ONCE = 16 << 10, 8 * BLOCK


class Pieces:
    """The streams of one store: a context manager around each. No piece is larger than `most`."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._streams = 0

    def __enter__(self) -> None:
        self._streams += 1

    def __exit__(self, *_: object) -> None:
        self._streams -= 1

    @property
    def size(self) -> int:
        """Return how large the next piece of a stream may be, in whole pages."""
        return max(_LEAST, min(self._most, _AT_ONCE // max(1, self._streams) & -4096))
