"""Who is in the way of a port: found for real, on sockets that the test itself holds."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.app.config import Listen
from holdfast.app.doctor_check import Verdict
from holdfast.app.doctor_port import check_port, find_holder, free_port_after, try_listen, wait_for_predecessor


@pytest.fixture(params=["127.0.0.1", "0.0.0.0", "::1", "::"])
def held(request: pytest.FixtureRequest) -> Iterator[Listen]:
    host: str = request.param
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, 0), family=family, dualstack_ipv6=host == "::")
    except OSError as error:
        pytest.skip(f"cannot listen on {host}: {error.strerror}")
    with listener:
        yield Listen(host, listener.getsockname()[1])


def test_the_holder_is_named(held: Listen) -> None:
    loopback = Listen("::1" if held.host == "::1" else "127.0.0.1", held.port)
    for listen in (held, loopback):
        holder = find_holder(listen)
        assert holder is not None
        assert holder.pid == os.getpid()
        assert str(holder).startswith(f"process {os.getpid()} of ")
        check = check_port(listen, ours_may_run=False)
        assert check.verdict is Verdict.FAILED
        assert f"{listen} is taken by process {os.getpid()} of " in check.seen
        assert "--listen" in check.advice


def test_a_free_port_is_free_and_stays_so(held: Listen) -> None:
    port = free_port_after(held)
    assert port is not None
    listen = Listen(held.host, port)
    assert find_holder(listen) is None
    assert try_listen(listen) is None
    assert check_port(listen, ours_may_run=False).verdict is Verdict.OK


LISTENER = """
import socket, sys
with socket.create_server(("127.0.0.1", 0)) as listener:
    print(listener.getsockname()[1], flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize(("name", "ours"), [("holdfast", True), ("holdfast-mirror", False)])
def test_a_running_holdfast_is_fine_for_the_doctor_and_in_the_way_of_a_start(
    tmp_path: Path, name: str, ours: bool
) -> None:
    program = tmp_path / name
    program.write_text(LISTENER)
    command = [sys.executable, str(program), "serve\x1b[31m"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        listen = Listen("127.0.0.1", int(process.stdout.readline()))
        holder = find_holder(listen)
        assert holder is not None
        assert (holder.pid, holder.ours) == (process.pid, ours)
        assert str(holder).isprintable()
        assert check_port(listen, ours_may_run=True).verdict is (Verdict.OK if ours else Verdict.FAILED)
        assert check_port(listen, ours_may_run=False).verdict is Verdict.FAILED
        process.communicate("")


def test_an_address_of_another_machine() -> None:
    check = check_port(Listen("192.0.2.1", 5000), ours_may_run=False)
    assert check.verdict is Verdict.FAILED
    assert check.seen == "no interface has the address 192.0.2.1"


def test_nobody_waits_for_a_free_port() -> None:
    wait_for_predecessor(Listen("127.0.0.1", 0), 60.0)
