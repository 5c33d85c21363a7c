"""The server process: Granian, and nothing else in the program knows of it.

Promises: workers, and the job worker beside them, stay in the process group of `serve` and die with it, after kill -9
too; a stop finishes what is in flight, bounded by `stop_timeout`; a start lays schema, store and administrator before
the port answers.
"""

from __future__ import annotations

import asyncio
import ctypes
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from granian.constants import HTTPModes, Interfaces, Loops, SSLProtocols
from granian.errors import FatalError
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.mp import MPServer

from holdfast.app.application import Application
from holdfast.app.banner import print_banner
from holdfast.app.build import build, first_start
from holdfast.app.certificates import Certificates
from holdfast.app.config import Settings
from holdfast.app.datadir import BEAT, DataDirectory
from holdfast.app.foreseen import FORESEEN
from holdfast.app.forked import ChildFailed, in_child
from holdfast.app.leaving import Leaving
from holdfast.app.metrics.shared import Shared, share
from holdfast.app.worker_child import WorkerChild
from holdfast.db.nodes import Tree, this_tree

_BACKLOG = 4096
_CONCURRENT = 16384
_HEADER_TIMEOUT_MS = 30_000
_BUFFER = 2 << 20  # how much of a body one ASGI message may carry: larger pieces cost less per byte
_PR_SET_PDEATHSIG = 1
_STOPS = {signal.SIGTERM, signal.SIGINT}
_AWAKE = 0.5
"""Seconds after which the supervisor looks whether it was sent a signal."""


def serve(settings: Settings) -> int:
    """Run the registry until it is told to stop; returns the exit status."""
    directory = DataDirectory(settings.data)
    try:
        if settings.needs_directory:
            directory.prepare()
            directory.lock()
        certificates = _certificates(settings)
        shared = share(settings)
        password = _first_start(settings, directory)
    except (*FORESEEN, ChildFailed, OSError) as error:
        directory.leave()
        sys.stderr.write(f"holdfast: cannot start: {error}\n")
        return 1
    print_banner(settings, password)
    stopped = threading.Event()
    heart = threading.Thread(target=_beat, args=(directory, stopped), daemon=True)
    if settings.needs_directory:
        heart.start()
    jobs = WorkerChild(settings, shared.book)
    leaving = Leaving()

    def stops() -> None:
        leaving.ask()
        jobs.ask()

    server = _granian(settings, stops, leaving.ask, certificates)
    if certificates is not None:
        watch = (stopped, lambda: os.kill(os.getpid(), signal.SIGHUP))
        threading.Thread(target=certificates.watch, args=watch, daemon=True).start()
    if settings.jobs.embedded:
        jobs.start()
    try:
        server.serve(target_loader=partial(_load, settings, this_tree(), leaving, shared), wrap_loader=False)
    except FatalError:
        return 1
    finally:
        jobs.stop()
        stopped.set()
        if heart.is_alive():
            heart.join()
        directory.leave()
    return 0


def _first_start(settings: Settings, directory: DataDirectory) -> str | None:
    """Lay what is missing; returns the first administrator's password if it was made here."""

    def start() -> str | None:
        return asyncio.run(first_start(settings, directory))

    return start() if settings.storage.url is None else in_child(start, FORESEEN)


def _hold_signals_at_birth() -> None:
    """Workers are born with signals held back, so that none is lost before they serve.

    Between fork and Granian's own handlers a worker would run the supervisor's; a stop that comes before Granian
    serves is forgotten by it, and the stop would take its whole time-out. `_release_signals` ends this.
    """
    os.register_at_fork(
        before=lambda: signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS),
        after_in_parent=_release_signals,
    )


def _release_signals() -> None:
    """Let this process take signals again: its first thread, which acts on them; no other one ever takes any."""
    if threading.current_thread() is threading.main_thread():
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)


class _Interrupt(threading.Event):
    """What the supervisor waits for. Python acts on a signal in the first thread only, which a signal that another
    thread took does not wake: it wakes by itself."""

    def wait(self, timeout: float | None = None) -> bool:
        """As an event's, but that handlers of signals run soon, whichever thread took the signal."""
        if timeout is not None:
            return super().wait(timeout)
        while not super().wait(_AWAKE):
            pass
        return True


class _Server(MPServer):
    """Granian, which says when it begins to stop, or to replace its workers, and whose workers read `certificates`."""

    def __init__(
        self,
        *args: Any,
        stops: Callable[[], None],
        replaces: Callable[[], None],
        certificates: Certificates | None,
        **kwargs: Any,
    ) -> None:
        self._stops = stops
        self._certificates = certificates
        super().__init__(*args, **kwargs)
        self.main_loop_interrupt = _Interrupt()
        if certificates is not None:
            self.on_reload(self._renew)
        self.on_reload(replaces)

    def _renew(self) -> None:
        """Before workers are replaced: what they are to read."""
        if self._certificates is not None and self._certificates.renew():
            context: Any = (*self.ssl_ctx[:1], *self._certificates.paths, *self.ssl_ctx[3:])
            self.ssl_ctx = context

    def build_ssl_context(self, cert: Path | None, *args: Any) -> None:
        """The context of the workers: the copies of certificate and key."""
        if cert is None or self._certificates is None:
            super().build_ssl_context(cert, *args)
            return
        _, password, protocol, *_ = args
        context: Any = (True, *self._certificates.paths, password, str(protocol), None, [], False)
        self.ssl_ctx = context

    def shutdown(self, exit_code: int = 0) -> None:
        """End the workers; whoever else must end does so meanwhile."""
        self._stops()
        super().shutdown(exit_code)  # type: ignore[no-untyped-call]


def _certificates(settings: Settings) -> Certificates | None:
    """The certificate and the key of the listener, if it speaks TLS. Raises OSError, `ssl.SSLError`."""
    if settings.tls_cert is None or settings.tls_key is None:
        return None
    found = Certificates(settings.tls_cert, settings.tls_key)
    found.read()
    return found


def _granian(
    settings: Settings, stops: Callable[[], None], replaces: Callable[[], None], certificates: Certificates | None
) -> MPServer:
    multiprocessing.set_start_method("fork", force=True)
    _hold_signals_at_birth()
    tls = settings.tls_cert is not None
    return _Server(
        target="holdfast",
        address=settings.listen.host,
        port=settings.listen.port,
        interface=Interfaces.ASGI,
        workers=settings.workers,
        loop=Loops.uvloop,
        http=HTTPModes.auto if tls else HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=_HEADER_TIMEOUT_MS, max_buffer_size=_BUFFER),
        websockets=False,
        backlog=_BACKLOG,
        backpressure=_CONCURRENT,
        ssl_cert=settings.tls_cert,
        ssl_key=settings.tls_key,
        ssl_protocol_min=SSLProtocols.tls12,
        log_level=LogLevels.warning,
        respawn_failed_workers=True,
        workers_kill_timeout=max(1, round(settings.stop_timeout.total_seconds())),
        stops=stops,
        replaces=replaces,
        certificates=certificates,
    )


def _load(settings: Settings, tree: Tree, leaving: Leaving, shared: Shared) -> Callable[..., object]:
    """Called in each worker: its application, and its life bound to the supervisor's."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != tree.pid:
        os._exit(1)
    leaving.enter()
    directory = DataDirectory(settings.data)
    start = partial(build, settings, directory, leaving=leaving.asked, book=shared.book)
    return Application(start, _release_signals, tree, shared.listener)


def _beat(directory: DataDirectory, stopped: threading.Event) -> None:
    """Leave signs of life until the server stops; a full disk stops no server."""
    while not stopped.wait(BEAT):
        try:
            directory.beat()
        except OSError:
            continue
