"""Passwords and credentials are in no file, no log, no answer and no command line."""

from __future__ import annotations

import os
import stat
import time
from base64 import b64encode, urlsafe_b64encode
from pathlib import Path
from urllib.parse import quote

from tests.security.conftest import PASSWORD
from tests.serving import Server, pause
from tests.wire.client import Answer, Connection, basic, connected
from tests.wire.seed import SEED

WRONG = "Planted-Wrong-Password-0815"
TOKEN = "Planted-Bearer-Token-1234"
SECONDS = 20.0


def spellings(secret: str) -> set[bytes]:
    """The ways in which a secret could stand in a file."""
    plain = secret.encode()
    pairs = [plain, f"admin:{secret}".encode(), f"nobody:{secret}".encode()]
    found = {plain, plain.hex().encode(), quote(secret, safe="").encode(), plain.decode().encode("utf-16-le")}
    for pair in pairs:
        found |= {b64encode(pair).rstrip(b"="), urlsafe_b64encode(pair).rstrip(b"=")}
    return found


def use(server: Server) -> list[Answer]:
    """Send the right password, wrong ones and tokens, everywhere where a client might put them."""
    answers: list[Answer] = []
    credentials = (server.admin.basic, basic("admin", WRONG), basic("nobody", WRONG), f"Bearer {TOKEN}", TOKEN)
    with connected(server.port) as connection:
        for credential in credentials:
            for method, target in (
                *(("GET", "/v2/"), ("HEAD", "/v2/"), ("GET", f"/v2/{SEED}/manifests/v1"), ("GET", "/v2/nothing/here")),
                *(("POST", "/v2/secrets/blobs/uploads/"), ("PUT", "/v2/secrets/manifests/.bad"), ("BREW", "/v2/")),
            ):
                answers.append(connection.ask(method, target, headers={"Authorization": credential}))
        twice = "".join(f"Authorization: {credential}\r\n" for credential in credentials[:2])
        answers.append(connection.raw(f"GET /v2/ HTTP/1.1\r\nHost: a\r\n{twice}\r\n".encode()))
    return answers


def flushed(server: Server, name: str) -> None:
    """Wait until the access line of a request is written."""
    deadline = time.monotonic() + SECONDS
    while f'"request":"{name}"' not in server.log_text():
        assert time.monotonic() < deadline
        pause(0.05)


def test_no_secret_is_anywhere(admin: Connection, closed_server: Server) -> None:
    answers = use(closed_server)
    assert {answer.status for answer in answers} >= {200, 202, 400, 401}
    flushed(closed_server, answers[-2]["x-request-id"])
    places: dict[str, bytes] = {
        str(path.relative_to(closed_server.logs)): path.read_bytes()
        for path in sorted(closed_server.logs.rglob("*"))
        if path.is_file()
    }
    assert {"serve.out", "serve.err", "data/holdfast.db", "data/master.key"} <= set(places)
    places |= {f"answer {number}": repr(answer).encode() for number, answer in enumerate(answers)}
    for process in processes(closed_server.group):
        places[f"command line of {process.name}"] = (process / "cmdline").read_bytes()
    for secret in (PASSWORD, WRONG, TOKEN):
        for spelling in spellings(secret):
            found = [name for name, content in places.items() if spelling in content]
            assert not found, f"{spelling!r} is in {found}"


def test_the_master_key_opens_what_the_database_holds_and_is_not_in_it(
    admin: Connection, closed_server: Server
) -> None:
    key = (closed_server.data / "master.key").read_bytes().strip().splitlines()[0]
    for path in closed_server.logs.rglob("*"):
        if path.is_file() and path.name != "master.key":
            assert key not in path.read_bytes(), f"the master key is in {path.name}"


def test_the_data_directory_is_its_owners_alone(admin: Connection, closed_server: Server) -> None:
    assert stat.S_IMODE(closed_server.data.stat().st_mode) == 0o700
    assert stat.S_IMODE((closed_server.data / "master.key").stat().st_mode) == 0o600


def processes(group: int) -> list[Path]:
    """The directories under /proc of the processes of a group."""
    found = []
    for directory in Path("/proc").iterdir():
        if directory.name.isdigit():
            try:
                if os.getpgid(int(directory.name)) == group:
                    found.append(directory)
            except OSError:
                continue
    return found
