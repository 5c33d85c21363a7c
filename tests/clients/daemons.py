"""Container daemons for the tests: dockerd and containerd with every file of theirs in one directory.

Promises: a daemon is ready when the block is entered; when it is left, however, the daemon is ended by its process id
and whatever is still mounted below its directory is unmounted. A machine on which a daemon cannot run (no root, no
mounts) skips with the daemon's own last words.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.clients.programs import SYSTEM, private_environment
from tests.serving import pause

READY_SECONDS = 120.0
STOP_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Daemon:
    """A running daemon: its directory and the socket its client talks to."""

    directory: Path
    socket: Path
    log: Path
    pid: int


@contextlib.contextmanager
def dockerd(program: Path, *flags: str, features: Mapping[str, bool] | None = None) -> Iterator[Daemon]:
    """Run a dockerd without networks of its own; its containerd comes from beside it, else from the system."""
    with daemon_directory() as directory:
        config = directory / "daemon.json"
        config.write_text(json.dumps({"features": dict(features or {})} if features else {}), encoding="utf-8")
        places = (program.parent, program.parent.parent / "bin", *SYSTEM)
        command = [
            *(str(program), "--iptables=false", "--ip6tables=false", "--ip-forward=false", "--bridge=none"),
            *("--config-file", str(config), "--data-root", str(directory / "data")),
            *("--exec-root", str(directory / "exec"), "--shutdown-timeout", "2", "--pidfile", str(directory / "pid")),
            *("-H", f"unix://{directory}/docker.sock", *flags),
        ]
        with running(command, directory, directory / "docker.sock", "/_ping", path=places) as daemon:
            yield daemon


@contextlib.contextmanager
def containerd(program: Path) -> Iterator[Daemon]:
    """Run a containerd without its Kubernetes interface; its shim comes from beside it."""
    with daemon_directory() as directory:
        config = directory / "config.toml"
        disabled = ("io.containerd.grpc.v1.cri", "io.containerd.cri.v1.images", "io.containerd.cri.v1.runtime")
        config.write_text(
            f'version = 2\nroot = "{directory}/root"\nstate = "{directory}/state"\n'
            f"disabled_plugins = {json.dumps([*disabled, 'io.containerd.nri.v1.nri'])}\n"
            f'[grpc]\naddress = "{directory}/containerd.sock"\n[ttrpc]\naddress = "{directory}/ttrpc.sock"\n'
            f'[plugins."io.containerd.internal.v1.opt"]\npath = "{directory}/opt"\n',
            encoding="utf-8",
        )
        command = [str(program), "--config", str(config)]
        with running(command, directory, directory / "containerd.sock", None, path=(program.parent, *SYSTEM)) as daemon:
            yield daemon


@contextlib.contextmanager
def daemon_directory() -> Iterator[Path]:
    """Give a directory with a short name (sockets have a limit) that is unmounted and removed in the end."""
    if os.geteuid() != 0:
        pytest.skip("container daemons need root")
    with tempfile.TemporaryDirectory(prefix="hf-", dir="/tmp", ignore_cleanup_errors=True) as name:
        directory = Path(name)
        for part in ("tmp", "run"):
            (directory / part).mkdir()
        try:
            yield directory
        finally:
            unmount_below(directory)


@contextlib.contextmanager
def running(
    command: Sequence[str], directory: Path, address: Path, ping: str | None, *, path: Sequence[Path]
) -> Iterator[Daemon]:
    """Run a daemon until the block is left; ready when its socket accepts (and, with `ping`, answers 200)."""
    log = directory / "log"
    environment = {**private_environment(directory), "PATH": ":".join(str(place) for place in path)}
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=environment, start_new_session=True
        )
    try:
        deadline = time.monotonic() + READY_SECONDS
        while not accepts(address, ping):
            if process.poll() is not None or time.monotonic() > deadline:
                last = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:]
                pytest.skip(f"{Path(command[0]).name} does not run on this machine: {' '.join(last)[-300:]}")
            pause(0.05)
        yield Daemon(directory, address, log, process.pid)
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(STOP_SECONDS)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        end_orphans(directory)


def accepts(address: Path, ping: str | None) -> bool:
    """Tell whether the daemon's socket accepts a connection now and, asked for `ping`, answers 200."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(5)
        try:
            probe.connect(str(address))
            if ping is None:
                return True
            probe.sendall(f"GET {ping} HTTP/1.0\r\nHost: daemon\r\n\r\n".encode())
            return b" 200 " in probe.recv(64)
        except OSError:
            return False


def end_orphans(directory: Path) -> None:
    """End what outlived the daemon: its helpers (their command lines name its directory) and its containers.

    A container is known by a root that the directory holds; a mount table that merely names the directory is nobody's
    sign: every private mount namespace on the machine has a copy.
    """
    needle, ours = str(directory).encode(), os.readlink("/proc/self/ns/mnt")
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            contained = os.readlink(entry / "ns" / "mnt") != ours and needle in root_mount(entry)
            if contained or needle in (entry / "cmdline").read_bytes():
                os.kill(int(entry.name), signal.SIGKILL)


def root_mount(process: Path) -> bytes:
    """Give the line of the process's mount table that says what its root is mounted from."""
    lines = (process / "mountinfo").read_bytes().splitlines()
    return next((line for line in lines if line.split()[4] == b"/"), b"")


def unmount_below(directory: Path) -> None:
    """Unmount everything below the directory, the deepest first."""
    mounted = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()]
    for place in sorted((m for m in mounted if m.startswith(f"{directory}/")), key=len, reverse=True):
        subprocess.run(["umount", "-l", place], check=False, capture_output=True)
