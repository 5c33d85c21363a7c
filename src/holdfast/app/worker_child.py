"""The job worker inside a server: a child of its supervisor, forked once the server serves, and kept alive.

Promises: the start of the server neither waits for it nor loads what it needs; the child dies with the supervisor,
after kill -9 too, is started again with back-off when it dies, and shares nothing with the processes that serve:
neither their connections nor the port, but the memory in which all of them count.
"""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import sys
import threading
import time
import traceback
from contextlib import suppress
from importlib import import_module

from holdfast.app.config import Settings
from holdfast.app.metrics.shared import Shared
from holdfast.telemetry.pages import Book

_STOPS = (signal.SIGTERM, signal.SIGINT)
_PR_SET_PDEATHSIG = 1
_AFTER = 0.5
"""Seconds after which the first child is forked: until then the start of the server has the machine for itself."""
_AGAIN_FIRST, _AGAIN_MOST, _STEADY = 1.0, 60.0, 60.0
_SETTLE = 15.0
_FIRST_DESCRIPTOR, _MOST_DESCRIPTORS = 3, 1 << 20


class WorkerChild:
    """The job worker of a server: one forked child at a time, kept alive by a thread until `stop`."""

    def __init__(self, settings: Settings, book: Book) -> None:
        self._settings = settings
        self._book = book
        self._supervisor = os.getpid()
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._child: int | None = None
        self._thread = threading.Thread(target=self._keep, name="holdfast-jobs", daemon=True)

    def start(self) -> None:
        """Fork the first child soon, and another one whenever it dies."""
        self._thread.start()

    def ask(self) -> None:
        """Ask the child to end; returns at once."""
        with self._lock:
            self._stopping.set()
            self._signal(signal.SIGTERM)

    def stop(self) -> None:
        """Ask the child to end, and return when it is gone."""
        self.ask()
        if self._thread.is_alive():
            self._thread.join(self._settings.stop_timeout.total_seconds() + _SETTLE)
        with self._lock:
            self._signal(signal.SIGKILL)
        if self._thread.is_alive():
            self._thread.join()

    def _signal(self, number: signal.Signals) -> None:
        if self._child is not None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._child, number)

    def _keep(self) -> None:
        """In the thread: it lives as long as its child, which the kernel would kill with it."""
        signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)  # whoever stops the server means its first thread
        if self._stopping.wait(_AFTER):
            return
        import_module("holdfast.app.worker")  # before the fork, so that every child shares it
        pause = _AGAIN_FIRST
        while (pid := self._fork()) is not None:
            began = time.monotonic()
            _, status = os.waitpid(pid, 0)
            with self._lock:
                assert self._child is not None
                os.close(self._child)
                self._child = None
                if self._stopping.is_set():
                    return
            pause = _AGAIN_FIRST if time.monotonic() - began > _STEADY else min(2 * pause, _AGAIN_MOST)
            ended = os.waitstatus_to_exitcode(status)
            sys.stderr.write(f"holdfast: the job worker ended ({ended}), started again in {pause:.0f} s\n")
            if self._stopping.wait(pause):
                return

    def _fork(self) -> int | None:
        with self._lock:
            if self._stopping.is_set():
                return None
            pid = os.fork()
            if pid == 0:
                self._live()
            self._child = os.pidfd_open(pid)
            return pid

    def _live(self) -> None:
        """In the child: work, and end without running anything of the parent's."""
        status = 1
        try:
            ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() == self._supervisor:
                from holdfast.app.worker import run

                gc.freeze()  # what is shared with the supervisor stays shared
                kept = self._book.descriptor
                os.closerange(_FIRST_DESCRIPTOR, kept)
                os.closerange(kept + 1, min(_MOST_DESCRIPTORS, os.sysconf("SC_OPEN_MAX")))
                status = run(self._settings, Shared(self._book, None), alone=False)
        except BaseException:  # nothing may return into the parent's code
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(status)
