"""What the supervisor makes before it forks, so that its processes tell their numbers together."""

from __future__ import annotations

import socket
from typing import NamedTuple

from holdfast.app.config import Settings
from holdfast.app.metrics.listener import open_socket
from holdfast.telemetry.pages import Book

_SPARE = 4


class Shared(NamedTuple):
    """The pages of all processes of a server, and where it tells them beside its own listener."""

    book: Book
    listener: socket.socket | None


def share(settings: Settings) -> Shared:
    """For a server. While workers are replaced there are twice as many. Raises OSError."""
    at = settings.metrics.listen
    return Shared(Book(2 * settings.workers + _SPARE), open_socket(at) if at is not None else None)


def share_alone(settings: Settings) -> Shared:
    """For a job worker that runs alone. Raises OSError."""
    at = settings.metrics.worker_listen
    return Shared(Book(1), open_socket(at) if at is not None else None)
