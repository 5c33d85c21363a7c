"""Programs that begin with their modules loaded: loading them costs more than most verbs, and more than half a server.

Promises: what runs is the program from `main` on, in a process, a session and a process group of its own, with the
arguments, environment, directory and files that it was given; what it registered for its end runs. Its parent is a
process (one for each process of tests) that has loaded the program's modules and has done nothing else: no thread, no
file, no connection. What is decided before `main` (how the interpreter starts, what the command line shows to others)
is for a test that starts the program itself; `fits` says which environments ask for that.
"""

from __future__ import annotations

import atexit
import ctypes
import gc
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NoReturn, Protocol

ROOT = Path(__file__).resolve().parents[1]
_BEFORE_MAIN = ("PYTHON", "LD_", "LC_", "LANG", "MALLOC_", "TZ")
_LOADED = (
    "holdfast.app.doctor",
    "holdfast.app.doctor_host",
    "holdfast.app.doctor_port",
    "holdfast.app.server",
    "holdfast.app.verify",
    "holdfast.app.worker",
    "holdfast.cli.main",
    "holdfast.db.postgres",
)
_LENGTH = 4
_SECONDS = 60
_PR_SET_PDEATHSIG = 1


def program() -> Path:
    """The `holdfast` program of the environment that runs the tests."""
    return Path(sys.executable).with_name("holdfast")


class Running(Protocol):
    """What tests do with a process: `subprocess.Popen`, or what `Warm.start` gives."""

    pid: int

    @property
    def returncode(self) -> int | None:
        """The exit status once it is known; -N: ended by signal N."""
        ...

    def poll(self) -> int | None:
        """The exit status, None while it runs."""
        ...

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end. Raises `subprocess.TimeoutExpired`."""
        ...

    def send_signal(self, sig: int) -> None:
        """Send a signal, unless it has ended."""
        ...

    def terminate(self) -> None:
        """SIGTERM."""
        ...

    def kill(self) -> None:
        """SIGKILL."""
        ...


class _Process:
    """A process that the loaded one has begun."""

    def __init__(self, parent: Warm, pid: int, command: Sequence[str]) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._parent = parent
        self._command = list(command)
        # Until its parent collects it, which happens here only, its number belongs to nobody else.
        self._ended = os.pidfd_open(pid)

    def poll(self) -> int | None:
        if self.returncode is None and select.select([self._ended], [], [], 0)[0]:
            self._collect()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            if not select.select([self._ended], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(self._command, timeout or 0)
            self._collect()
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, sig: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, sig)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _collect(self) -> None:
        self.returncode = self._parent.ask({"collect": self.pid})
        os.close(self._ended)


class Warm:
    """The process that has the modules loaded."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.warm", str(theirs.fileno())],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )
        self._lock = threading.Lock()

    def start(
        self, words: Sequence[str], env: Mapping[str, str], cwd: Path, *, out: str, err: str, given: str = os.devnull
    ) -> Running:
        """Begin `holdfast WORDS`. It reads the file `given`; what it prints is added to the files `out` and `err`."""
        asked = {"run": [*words], "env": {**env}, "cwd": str(cwd), "files": [given, out, err]}
        return _Process(self, self.ask(asked), ["holdfast", *words])

    def ask(self, request: dict[str, Any]) -> int:
        """Send one request and give what it answers."""
        with self._lock:
            data = json.dumps(request).encode()
            self._socket.sendall(len(data).to_bytes(_LENGTH, "big") + data)
            return int.from_bytes(_exactly(self._socket, _LENGTH), "big", signed=True)

    def end(self) -> None:
        """End it, and wait until it has ended."""
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._process.wait(_SECONDS)


@cache
def warm() -> Warm:
    """The one of this process of tests; it ends when this process does."""
    found = Warm()
    atexit.register(found.end)
    return found


def begin(words: Sequence[str], env: Mapping[str, str], cwd: Path, out: Path, err: Path) -> Running:
    """Begin `holdfast WORDS` with this environment in `cwd`; what it prints is added to the files `out` and `err`.

    Cold where the environment asks for that.
    """
    if fits(env):
        return warm().start(words, env, cwd, out=str(out), err=str(err))
    return begin_cold(words, env, cwd, out, err)


def begin_cold(words: Sequence[str], env: Mapping[str, str], cwd: Path, out: Path, err: Path) -> Running:
    """The same by an interpreter of its own, as a shell begins it."""
    with out.open("ab") as output, err.open("ab") as errors:
        return subprocess.Popen(
            [str(program()), *words],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            env=dict(env),
            cwd=cwd,
            start_new_session=True,
        )


def run(
    words: Sequence[str], env: Mapping[str, str], cwd: Path | None = None, *, given: str = "", timeout: float = 60.0
) -> subprocess.CompletedProcess[str]:
    """Run `holdfast WORDS` to its end, `given` on its standard input. Raises `subprocess.TimeoutExpired`."""
    if not fits(env):
        command = [str(program()), *words]
        return subprocess.run(
            command, env=env, cwd=cwd, input=given, capture_output=True, text=True, timeout=timeout, check=False
        )
    with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        source.write(given.encode())
        source.flush()
        paths = [f"/proc/{os.getpid()}/fd/{file.fileno()}" for file in (source, out, err)]
        process = warm().start(words, env, cwd or Path.cwd(), given=paths[0], out=paths[1], err=paths[2])
        try:
            status = process.wait(timeout)
        except BaseException:
            process.kill()
            process.wait()
            raise
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode())
        return subprocess.CompletedProcess(["holdfast", *words], status, *texts)


def fits(environment: Mapping[str, str]) -> bool:
    """Tell whether a program with this environment may begin loaded: nothing in it acts before `main`."""
    names = {name for name in {*environment, *os.environ} if name.startswith(_BEFORE_MAIN)}
    return all(environment.get(name) == os.environ.get(name) for name in names)


def _exactly(sock: socket.socket, length: int) -> bytes:
    data = b""
    while len(data) < length:
        part = sock.recv(length - len(data))
        if not part:
            raise EOFError("the other side has ended")
        data += part
    return data


def _serve(sock: socket.socket) -> None:
    """Answer requests until nobody is there any more; returns in a child too, which is to run the program."""
    while True:
        length = int.from_bytes(_exactly(sock, _LENGTH), "big")
        request = json.loads(_exactly(sock, length))
        if "collect" in request:
            answer = os.waitstatus_to_exitcode(os.waitpid(request["collect"], 0)[1])
        else:
            answer = os.fork()
            if answer == 0:
                sock.close()
                _become(request)
                return
        sock.sendall(answer.to_bytes(_LENGTH, "big", signed=True))


def _become(request: dict[str, Any]) -> None:
    # Tests that are killed leave nothing running: this one's parent sees their end, and ends.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    os.setsid()
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    for number, path in enumerate(request["files"]):
        opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND if number else os.O_RDONLY, 0o666)
        os.dup2(opened, number)
        os.close(opened)
    sys.argv = ["holdfast", *request["run"]]


def _end(status: object) -> NoReturn:
    """End as an interpreter does, but for taking down what was loaded, which nobody sees and costs more than a verb."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    if isinstance(status, str):
        sys.stderr.write(status + "\n")
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status if isinstance(status, int) else int(status is not None))


def main() -> None:
    """Load, serve, and in a child be the program."""
    for name in _LOADED:
        importlib.import_module(name)
    gc.freeze()  # what is shared with the children stays shared
    try:
        _serve(socket.socket(fileno=int(sys.argv[1])))
    except EOFError:
        return
    from holdfast.cli.main import run

    try:
        run()
    except SystemExit as end:
        _end(end.code)


if __name__ == "__main__":
    main()
