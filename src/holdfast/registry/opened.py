"""Inline content that was opened lately, so that a manifest which is pulled again and again is decrypted once.

Promises: what is given is what the very same bytes under the very same wrapped key and binding opened to, so a row that
was changed is opened, and refused, as if nothing were remembered here; memory is bounded. Any thread may use it.
"""

from __future__ import annotations

import threading

LARGEST = 64 << 10
MOST = 16 << 20
"""Bytes that are remembered at most, sealed and opened together."""
_Key = tuple[bytes, str]


class Opened:
    """A bounded memory; what came first goes first."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._size = 0
        self._kept: dict[_Key, tuple[bytes, bytes]] = {}
        self._lock = threading.Lock()

    def get(self, wrapped: bytes, binding: str, sealed: bytes) -> bytes | None:
        """What `sealed` opened to; None when that is not known."""
        found = self._kept.get((wrapped, binding))
        return found[1] if found is not None and found[0] == sealed else None

    def put(self, wrapped: bytes, binding: str, sealed: bytes, data: bytes) -> None:
        """Remember that `sealed` opened to `data`."""
        weight = len(sealed) + len(data)
        if weight > LARGEST:
            return
        with self._lock:
            before = self._kept.pop((wrapped, binding), None)
            self._size += weight - (len(before[0]) + len(before[1]) if before is not None else 0)
            self._kept[wrapped, binding] = (sealed, data)
            while self._size > self._most:
                oldest = self._kept.pop(next(iter(self._kept)))
                self._size -= len(oldest[0]) + len(oldest[1])
