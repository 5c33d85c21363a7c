"""A dockerd in a network of its own, where the registry has an address that nobody takes for the machine's own.

Docker speaks with addresses of 127.0.0.0/8 whatever their certificate is; here it has to trust it. The address
192.0.2.1 (RFC 5737) exists in that network alone; what is sent there, or to loopback there, reaches the registry byte
for byte.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.clients.daemons import Daemon, daemon_directory, running
from tests.clients.programs import SYSTEM, find

ADDRESS = "192.0.2.1"
_CLONE_NEWNET = 0x40000000
_BEGIN = 'ip link set lo up && ip address add "$0/32" dev lo && mount --bind "$1" /etc/docker && shift && exec "$@"'


@contextlib.contextmanager
def dockerd_apart(settings: Path, port: int, *flags: str) -> Iterator[Daemon]:
    """Run a dockerd whose /etc/docker is `settings`, with the daemon.json that is there, and to whom 192.0.2.1:`port`
    is 127.0.0.1:`port`."""
    if not Path("/etc/docker").is_dir():
        pytest.skip("this machine has no /etc/docker to put another one in its place")
    with daemon_directory() as directory:
        written = settings / "daemon.json"
        (directory / "daemon.json").write_text(written.read_text() if written.exists() else "{}")
        command = [
            *("unshare", "--net", "--mount", "sh", "-c", _BEGIN, ADDRESS, str(settings)),
            *(str(find("dockerd", *SYSTEM)), "--iptables=false", "--ip6tables=false", "--ip-forward=false"),
            *("--bridge=none", "--config-file", str(directory / "daemon.json"), "--data-root", str(directory / "data")),
            *("--exec-root", str(directory / "exec"), "--storage-driver", "vfs", "--shutdown-timeout", "2"),
            *("--pidfile", str(directory / "pid"), "-H", f"unix://{directory}/docker.sock", *flags),
        ]
        address = directory / "docker.sock"
        with running(command, directory, address, "/_ping", path=SYSTEM) as daemon, relay(daemon.pid, port):
            yield daemon


@contextlib.contextmanager
def relay(pid: int, port: int) -> Iterator[None]:
    """Answer at both addresses and `port` in the network of the process `pid`, as 127.0.0.1:`port` here does."""
    made: list[socket.socket | OSError] = []
    inside = threading.Thread(target=lambda: made.extend(_listeners(pid, port)))
    inside.start()
    inside.join()
    listeners = [each for each in made if isinstance(each, socket.socket)]
    with contextlib.ExitStack() as open_ones:
        for listener in listeners:
            open_ones.enter_context(listener)
        if len(listeners) < len(made):
            pytest.skip(f"no socket can be had in another network: {made[-1]}")
        accepting = [threading.Thread(target=_accept, args=(listener, port)) for listener in listeners]
        for thread in accepting:
            thread.start()
        try:
            yield
        finally:
            for listener in listeners:
                listener.shutdown(socket.SHUT_RDWR)
            for thread in accepting:
                thread.join()


def _listeners(pid: int, port: int) -> Iterator[socket.socket | OSError]:
    """Sockets of the network that `pid` has; the thread that asks is in that network from then on."""
    libc = ctypes.CDLL(None, use_errno=True)
    place = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)
    try:
        if libc.setns(place, _CLONE_NEWNET) != 0:
            number = ctypes.get_errno()
            yield OSError(number, os.strerror(number))
            return
        for address in (ADDRESS, "127.0.0.1"):
            yield socket.create_server((address, port))
    except OSError as error:
        yield error
    finally:
        os.close(place)


def _accept(listener: socket.socket, port: int) -> None:
    carried: list[tuple[socket.socket, threading.Thread]] = []
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            break
        carried.append((client, threading.Thread(target=_join, args=(client, port))))
        carried[-1][1].start()
    for client, thread in carried:
        with contextlib.suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)  # docker keeps connections for later
        thread.join()


def _join(client: socket.socket, port: int) -> None:
    """Carry bytes both ways until both sides have ended."""
    with client, socket.create_connection(("127.0.0.1", port)) as registry:
        back = threading.Thread(target=_copy, args=(registry, client))
        back.start()
        _copy(client, registry)
        back.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
