"""The server process: what it prints once, how it ends, how it dies, and what keeps it from starting."""

from __future__ import annotations

import hashlib
import http.client
import os
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest
from tests.cli.program import holdfast
from tests.ports import free_port
from tests.serving import Server, ServerFailed, pause, printed_admin, running_server

PATIENCE = 30.0
BODY = b"0123456789abcdef" * 8192


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait for another process, within bounds."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, what
        pause(0.02)


def members(group: int) -> set[int]:
    """The processes of a process group that still run."""
    found = set()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            state, _, of, *_ = (entry / "stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(of) == group and state not in "ZX":
            found.add(int(entry.name))
    return found


def status(server: Server, authorization: str | None = None) -> int:
    """The status of a ping, on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
    try:
        connection.request("GET", "/v2/", headers={"Authorization": authorization} if authorization else {})
        return connection.getresponse().status
    finally:
        connection.close()


def test_the_first_start_prints_the_administrator_once(tmp_path: Path) -> None:
    with running_server(tmp_path, cold=True) as server:
        text = server.stdout_text()
        lines = [line.strip() for line in text.splitlines()]
        assert lines[lines.index("user: admin") + 1].startswith("password: ")
        assert text.count("password: ") == 1
        password = server.admin.password
        assert [status(server), status(server, server.admin.basic)] == [401, 200]
        server.restart()
        assert server.stdout_text().count(password) == 1
        assert server.stdout_text().count("password: ") == 1
        assert status(server, server.admin.basic) == 200
        assert password not in server.log_text().replace(server.stdout_text(), ""), "it never meets the logger"


def test_a_configured_administrator_is_not_printed(tmp_path: Path) -> None:
    secret = "configured-password"
    with running_server(tmp_path, env={"HOLDFAST_ADMIN_PASSWORD": secret}) as server:
        assert "password: " not in server.stdout_text()
        assert secret not in server.log_text()
        server.known_admin = printed_admin(f"user: admin\npassword: {secret}\n")
        assert status(server, server.admin.basic) == 200


def test_a_reset_is_felt_by_every_worker_at_its_next_request(tmp_path: Path) -> None:
    with running_server(tmp_path, "--workers", "2") as server:
        old = server.admin.basic
        assert {status(server, old) for _ in range(10)} == {200}
        new = printed_admin(holdfast(tmp_path, "admin", "reset", "admin", "--data", str(server.data)).stdout)
        assert {status(server, old) for _ in range(10)} == {401}
        assert {status(server, new.basic) for _ in range(10)} == {200}


def test_workers_stay_in_the_group_and_a_stop_ends_them_all(tmp_path: Path) -> None:
    with running_server(tmp_path, "--open", "--workers", "2") as server:
        until(lambda: len(members(server.pid)) == 4, "the supervisor, two workers, and the job worker")
        group = members(server.pid)
        assert {os.getsid(pid) for pid in group} == {server.pid}
        assert server.stop() == 0
        assert members(server.group) == set()
        assert "Traceback" not in server.log_text()


def test_workers_die_with_a_supervisor_that_is_killed_and_the_port_is_free(tmp_path: Path) -> None:
    with running_server(tmp_path, "--open", "--workers", "2", cold=True) as server:
        until(lambda: len(members(server.pid)) == 4, "the supervisor, two workers, and the job worker")
        server.kill9(children=False)
        until(lambda: members(server.group) == set(), "the workers outlive their supervisor")

        def free() -> bool:
            try:
                socket.create_server(("127.0.0.1", server.port)).close()
            except OSError:
                return False
            return True

        until(free, "somebody holds the port")
        server.start()
        assert status(server) == 200


def test_a_worker_that_dies_is_replaced(tmp_path: Path) -> None:
    with running_server(tmp_path, "--open", "--no-jobs") as server:
        (worker,) = members(server.pid) - {server.pid}
        os.kill(worker, signal.SIGKILL)
        until(lambda: len(members(server.pid)) == 2 and worker not in members(server.pid), "no new worker")

        def answers() -> bool:
            try:
                return status(server) == 200
            except OSError:
                return False

        until(answers, "the new worker does not answer")


def test_a_stop_finishes_what_is_in_flight(tmp_path: Path) -> None:
    with running_server(tmp_path, "--open", cold=True) as server:
        assert server.process is not None
        digest = "sha256:" + hashlib.sha256(BODY).hexdigest()
        with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as connection:
            connection.sendall(
                f"POST /v2/a/blobs/uploads/?digest={digest} HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
                f"Content-Length: {len(BODY)}\r\n\r\n".encode()
            )
            assert connection.recv(100).startswith(b"HTTP/1.1 100 ")
            connection.sendall(BODY[:1000])
            server.process.terminate()

            def refused() -> bool:
                try:
                    socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE).close()
                except OSError:
                    return True
                return False

            until(refused, "a server that stops takes new connections")
            connection.sendall(BODY[1000:])
            answer = connection.recv(4096)
        assert answer.startswith(b"HTTP/1.1 201 "), answer
        assert server.process.wait(PATIENCE) == 0
        server.process = None
        server.start()
        reader = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
        reader.request("GET", f"/v2/a/blobs/{digest}")
        assert reader.getresponse().read() == BODY
        reader.close()


def refusal(server: Server) -> str:
    """What a start says that must fail."""
    before = len(server.log_text())
    with pytest.raises(ServerFailed, match="ended with status 1"):
        server.start()
    text = server.log_text()[before:]
    assert "Traceback" not in text, text
    assert "holdfast: cannot start" in text
    assert members(server.group) == set()
    return text


def test_a_start_without_its_key_or_schema_is_refused_in_words(tmp_path: Path) -> None:
    with running_server(tmp_path, "--open") as server:
        server.stop()
        key = server.data / "master.key"
        right = key.read_text()
        key.unlink()
        assert "master.key is missing" in refusal(server)
        assert not key.exists()
        for wrong, said in (
            ("A" * 43 + "=\n", "the master key does not open the keys in the database: put back the key file"),
            ("garbage\n", "line 1 of the master key file is not base64 of 32 bytes"),
            ("", "the master key file holds no key"),
        ):
            key.write_text(wrong)
            assert said in refusal(server)
        key.write_text(right)
        connection = apsw.Connection(str(server.data / "holdfast.db"))
        connection.execute("insert into schema_migration values (9999, 'later', 'x', 0)")
        connection.execute("update compatibility set oldest = 9999")
        text = refusal(server)
        assert "the database was laid by a newer Holdfast (it needs schema 9999, this program knows " in text
        assert "start that version, or restore the backup made before the upgrade" in text
        connection.execute("delete from schema_migration where number = 9999")
        connection.execute("update compatibility set oldest = 1")
        connection.close()
        server.start()
        assert status(server) == 200


def test_a_second_server_on_the_directory_is_refused_and_disturbs_nobody(tmp_path: Path) -> None:
    with running_server(tmp_path / "first", "--open") as server:
        second = Server(data=server.data, port=free_port(), flags=("--open",), env={}, logs=tmp_path)
        said = f"is being served already, by process {server.pid}: stop it first"
        assert said in refusal(second)
        assert (server.data / "host").exists(), "the sign of life that keeps other hosts away"
        assert status(server) == 200
