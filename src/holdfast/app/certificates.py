"""The certificate of the listener, read again when its files change, without a restart.

Promises: workers read copies that were checked to belong together, held in memory and known by a path of this
process; a change that does not hold (half of it written, the wrong key) is told once and changes nothing, and a worker
that is born meanwhile gets the last good pair. A watch looks every few seconds: files are renewed by renaming, behind
links and on mounted volumes, which notifications miss.
"""

from __future__ import annotations

import os
import ssl
import sys
import threading
from collections.abc import Callable
from pathlib import Path

EVERY = 5.0
_Stamp = tuple[tuple[int, int, int], ...]


class Certificates:
    """A certificate chain and its key, PEM, by the paths of their files."""

    def __init__(self, certificate: Path, key: Path) -> None:
        self._files = (certificate, key)
        self._descriptors: list[int] = []
        self.paths = ("", "")
        self._seen: _Stamp = ()

    def read(self) -> None:
        """Take what the files hold now; `paths` names the copies afterwards. Raises OSError, `ssl.SSLError`."""
        self._seen = self._stamp()
        fresh: list[int] = []
        try:
            for file in self._files:
                descriptor = os.memfd_create(file.name, os.MFD_CLOEXEC)
                fresh.append(descriptor)
                os.write(descriptor, file.read_bytes())
            paths = (_path(fresh[0]), _path(fresh[1]))
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(*paths, password=_no_password)
        except BaseException:
            for descriptor in fresh:
                os.close(descriptor)
            raise
        for descriptor in self._descriptors:
            os.close(descriptor)
        self._descriptors, self.paths = fresh, paths

    def renew(self) -> bool:
        """Like `read`, but what does not hold is told on standard error, and the last good pair stays (False)."""
        try:
            self.read()
        except (OSError, ssl.SSLError) as error:
            reason = error.strerror or "they do not belong together"
            sys.stderr.write(f"holdfast: the TLS files changed and cannot be used, the old ones stay: {reason}\n")
            return False
        return True

    def watch(self, stopped: threading.Event, changed: Callable[[], None]) -> None:
        """Call `changed` whenever the files are others than were read last, until `stopped`."""
        told = self._seen
        while not stopped.wait(EVERY):
            now = self._stamp()
            if now not in (self._seen, told):
                told = now
                changed()

    def _stamp(self) -> _Stamp:
        """What tells the files from those that were there before; nothing where one is missing."""
        try:
            return tuple((seen.st_ino, seen.st_mtime_ns, seen.st_size) for seen in map(os.stat, self._files))
        except OSError:
            return ()


def _path(descriptor: int) -> str:
    # By this process's number: the workers that read it are other processes.
    return f"/proc/{os.getpid()}/fd/{descriptor}"


def _no_password() -> str:
    """An encrypted key is refused, not asked for on the terminal."""
    return ""
