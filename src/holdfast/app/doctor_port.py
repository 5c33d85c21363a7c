"""Can the server listen where it is told to, and if not: who is in the way, and what to type.

The address is tried for real (bind and listen, then closed at once); the holder of a busy port is found through
`/proc`, which shows other users' processes only to root. Works without `/proc`, then without the name.
"""

import errno
import ipaddress
import os
import pwd
import socket
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath

from holdfast.app.config_addresses import Listen
from holdfast.app.doctor_check import Check, failed, ok

_LISTENING = "0A"
_LONGEST_COMMAND = 120
_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Holder:
    """Who listens on a port; `pid` is None when only the user is known, `ours` is True for another Holdfast."""

    pid: int | None
    command: str
    user: str
    ours: bool

    def __str__(self) -> str:
        if self.pid is None:
            return f"a process of {self.user} that only root can see (sudo ss -ltnp shows it)"
        return f"process {self.pid} of {self.user}: {self.command}"


def try_listen(listen: Listen) -> OSError | None:
    """Listen for an instant; the error that came, or None."""
    family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # As the server does: connections that linger from a run before are no obstacle, a listener is.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((listen.host, listen.port))
            probe.listen(1)
        except OSError as error:
            return error
    return None


def wait_for_predecessor(listen: Listen, seconds: float) -> None:
    """Give processes that were just killed, `seconds` at most, to let go of the port."""
    deadline = time.monotonic() + seconds
    while (error := try_listen(listen)) is not None and time.monotonic() < deadline:
        if error.errno != errno.EADDRINUSE:
            return
        time.sleep(0.02)


def free_port_after(listen: Listen) -> int | None:
    """The next free port of the same address, or None when none is near."""
    ports = range(listen.port + 1, min(listen.port + 100, 65536))
    return next((port for port in ports if try_listen(Listen(listen.host, port)) is None), None)


def find_holder(listen: Listen) -> Holder | None:
    """Who listens on this address, or on all addresses, with this port; None when nobody is found."""
    for inode, uid in _listeners(listen):
        user = _user(uid)
        for pid in _processes():
            if _has_socket(pid, inode):
                supervisor, words = _supervisor(pid)
                # `.../bin/holdfast serve`, or `python -m holdfast serve`.
                ours = any(PurePath(word).name == "holdfast" for word in words[:3])
                return Holder(supervisor, _one_line(words), user, ours)
        return Holder(None, "", user, ours=False)
    return None


def check_port(listen: Listen, *, ours_may_run: bool) -> Check:
    """Free, or in the way; a Holdfast that already listens there is fine when `ours_may_run`."""
    name = "port"
    error = try_listen(listen)
    if error is None:
        return ok(name, f"{listen} is free")
    if error.errno == errno.EADDRINUSE:
        holder = find_holder(listen)
        if ours_may_run and holder is not None and holder.ours:
            return ok(name, f"{listen} is served by {holder}")
        port = free_port_after(listen)
        another = "another port" if port is None else f"--listen {Listen(listen.host, port)}"
        return failed(name, f"{listen} is taken by {holder or 'a process unknown'}", f"stop it, or choose {another}")
    if error.errno == errno.EACCES:
        return failed(name, f"{listen} needs a privilege", "choose a port from 1024 up, or give CAP_NET_BIND_SERVICE")
    if error.errno == errno.EADDRNOTAVAIL:
        return failed(name, f"no interface has the address {listen.host}", "see `ip address` for those there are")
    return failed(name, f"{listen} cannot be listened on: {os.strerror(error.errno or 0)}", "choose another --listen")


def _listeners(listen: Listen) -> Iterator[tuple[str, int]]:
    """Inode and user id of every listening socket that can be in the way."""
    ours = ipaddress.ip_address(listen.host)
    for table in ("tcp", "tcp6"):
        try:
            rows = (_PROC / "net" / table).read_text().splitlines()[1:]
        except OSError:
            continue
        for columns in map(str.split, rows):
            address, _, port = columns[1].partition(":")
            theirs = _address(address)
            in_the_way = theirs == ours or theirs.is_unspecified or ours.is_unspecified
            if columns[3] == _LISTENING and int(port, 16) == listen.port and in_the_way:
                yield columns[9], int(columns[7])


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    # The kernel prints 32-bit words in its own byte order.
    words = [int(text[start : start + 8], 16) for start in range(0, len(text), 8)]
    packed = struct.pack(f"={len(words)}I", *words)
    address = ipaddress.ip_address(packed)
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _processes() -> Iterator[int]:
    return (int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit())


def _has_socket(pid: int, inode: str) -> bool:
    wanted = f"socket:[{inode}]"
    try:
        with os.scandir(_PROC / str(pid) / "fd") as entries:
            for entry in entries:
                try:
                    if os.readlink(entry.path) == wanted:
                        return True
                except OSError:
                    continue  # closed meanwhile
    except OSError:
        return False  # another user's process, or gone
    return False


def _supervisor(pid: int) -> tuple[int, list[str]]:
    """The process to stop: the topmost of those that run the same command, for a worker alone would come back."""
    words = _words(pid)
    while (parent := _parent(pid)) > 1 and _words(parent) == words:
        pid = parent
    return pid, words


def _parent(pid: int) -> int:
    try:
        # The command's name stands in parentheses and may hold anything; state and parent follow the last one.
        return int((_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def _words(pid: int) -> list[str]:
    try:
        data = (_PROC / str(pid) / "cmdline").read_bytes()
    except OSError:
        return ["(ended meanwhile)"]
    return [word.decode(errors="replace") for word in data.rstrip(b"\0").split(b"\0")]


def _one_line(words: list[str]) -> str:
    line = "".join(letter if letter.isprintable() else "?" for letter in " ".join(words))
    return line if len(line) <= _LONGEST_COMMAND else line[: _LONGEST_COMMAND - 3] + "..."


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
