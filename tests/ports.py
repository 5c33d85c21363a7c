"""Ports of loopback for servers under test."""

from __future__ import annotations

import itertools
import random
import socket

_FIRST_PORT, _PORTS = 15_000, 17_000
"""Below those that a kernel gives to outgoing connections: another test's client cannot take one meanwhile."""
_ports = itertools.count(random.SystemRandom().randrange(_PORTS))


def free_port(address: str = "127.0.0.1") -> int:
    """Give a TCP port that nobody held a moment ago, another one each time."""
    for _ in range(_PORTS):
        port = _FIRST_PORT + next(_ports) % _PORTS
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
            except OSError:
                continue
        return port
    raise OSError(f"no port of {address} is free")
