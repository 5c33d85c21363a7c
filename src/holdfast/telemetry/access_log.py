"""One JSON line a request, buffered and written four times a second and at exit.

Whatever a client puts into a path or an agent stays inside its field: control characters, quotes and everything
outside ASCII are escaped, and a field is cut at 1,024 characters. No header that carries a credential is ever logged.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from json.encoder import encode_basestring_ascii as quote
from typing import NamedTuple

INTERVAL = 0.25
_FIELD = 1024
_BUFFERED_LINES = 2000


class Access(NamedTuple):
    """What is known of a request when it ends. `seconds`: from its first byte to the last of the answer; `trace`: the
    id of its trace, where there is one."""

    request: str
    remote: str
    subject: str
    method: str
    path: str
    status: int
    sent: int
    received: int
    seconds: float
    agent: str
    trace: str = ""


class AccessLog:
    """Collects lines and hands them to `write` in batches; `write` takes text ending in a newline."""

    def __init__(self, write: Callable[[str], object]) -> None:
        self._write = write
        self._lines: list[str] = []
        self._timer: asyncio.TimerHandle | None = None

    def add(self, access: Access) -> None:
        """Note one request; it is written within a quarter of a second."""
        lines = self._lines
        trace = f',"trace":"{access.trace}"' if access.trace else ""
        lines.append(
            f'{{"at":{time.time():.3f},"event":"request","request":"{access.request}","remote":{quote(access.remote)},'
            f'"subject":{quote(access.subject[:_FIELD])},"method":{quote(access.method[:16])},'
            f'"path":{quote(access.path[:_FIELD])},"status":{access.status},"sent":{access.sent},'
            f'"received":{access.received},"ms":{access.seconds * 1000:.2f},"agent":{quote(access.agent[:_FIELD])}'
            f"{trace}}}\n"
        )
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(INTERVAL, self.flush)
        elif len(lines) >= _BUFFERED_LINES:
            self.flush()

    def flush(self) -> None:
        """Write what is buffered."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._lines:
            text = "".join(self._lines)
            self._lines.clear()
            self._write(text)
